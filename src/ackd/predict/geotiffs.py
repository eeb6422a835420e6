"""Maps as GeoTIFFs on the grid of the image, written a few rows at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import rasterio
import rasterio.windows
from numpy.typing import NDArray

from ackd.data.reading.multispectral import plain_tifs
from ackd.data.tiles import IGNORED
from ackd.predict.source import RasterSource
from ackd.tasks.mask_files import class_colors

__all__ = ["BLOCK", "MapWriter", "class_profile", "share_profile"]

#: Side of the blocks of a map in pixels.
BLOCK: Final = 256


class MapWriter:
    """Writes a map of an image from top to bottom, a panel of columns after the other.

    Rows are collected until they fill blocks, so that no block is compressed twice.
    """

    def __init__(
        self,
        path: Path,
        source: RasterSource,
        profile: Mapping[str, Any],
        *,
        names: Sequence[str] = (),
        tags: Mapping[str, str] | None = None,
        classes: Sequence[str] = (),
    ) -> None:
        """Begin a file.

        Args:
            path: Of the file.
            source: The image, whose place and size the map has.
            profile: Of the numbers: one of :func:`class_profile` and :func:`share_profile`.
            names: Of the bands.
            tags: Of the file.
            classes: Their names where values are classes; they get colors.
        """
        self._waiting: list[NDArray[Any]] = []
        self._row = 0
        self._end = source.height
        with ExitStack() as undone, plain_tifs():
            file = undone.enter_context(
                rasterio.open(
                    path, "w", driver="GTiff", height=source.height, width=source.width,
                    crs=source.crs, transform=source.transform, tiled=True, blockxsize=BLOCK,
                    blockysize=BLOCK, compress="deflate", bigtiff="IF_SAFER", **profile,
                )
            )  # fmt: skip
            self._place(file, source)
            file.update_tags(**(tags or {}))
            if names:
                file.descriptions = tuple(names)
            if classes:
                file.update_tags(**{f"CLASS_{k}": name for k, name in enumerate(classes)})
                file.update_tags(CLASSES=json.dumps(list(classes), ensure_ascii=False))
                colors = class_colors(len(classes)).tolist()
                file.write_colormap(1, {value: (*rgb, 255) for value, rgb in enumerate(colors)})
            undone.pop_all()
        self._file = file

    @staticmethod
    def _place(file: Any, source: RasterSource) -> None:
        """Keep what else tells the place of an image that is not yet rectified."""
        points, crs = source.dataset.gcps
        if points:
            file.gcps = (points, crs)
        if source.dataset.rpcs:
            file.rpcs = source.dataset.rpcs

    def write(self, rows: NDArray[Any], cols: slice) -> None:
        """Write the next rows.

        Args:
            rows: (B, n, w) of the panel.
            cols: The columns of the panel, which begin with a block. A panel is written to the
                bottom of the image before the next begins.
        """
        self._waiting.append(rows)
        have = sum(part.shape[1] for part in self._waiting)
        last = self._row + have == self._end
        take = have if last else have // BLOCK * BLOCK
        if not take:
            return
        joined = (
            self._waiting[0] if len(self._waiting) == 1 else np.concatenate(self._waiting, axis=1)
        )
        window = rasterio.windows.Window(cols.start, self._row, cols.stop - cols.start, take)
        self._file.write(joined[:, :take], window=window)
        self._waiting = [joined[:, take:].copy()] if take < have else []
        self._row = 0 if last else self._row + take

    def close(self) -> None:
        """Bring the rest to the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def class_profile() -> dict[str, Any]:
    """Of a map of classes: their numbers, 255 without data."""
    return {"dtype": "uint8", "count": 1, "nodata": IGNORED, "zlevel": 1}


def share_profile(channels: int) -> dict[str, Any]:
    """Of a map of probabilities: float32, NaN without data."""
    return {
        "dtype": "float32", "count": channels, "nodata": float("nan"), "zlevel": 1, "predictor": 3,
        "interleave": "band",
    }  # fmt: skip
