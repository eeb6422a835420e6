"""Sentinel-2, Sentinel-1 and CORINE land cover of BigEarthNet v2 patches, one npz file a patch.

Clasen et al. 2024, reBEN: Refined BigEarthNet Dataset for Remote Sensing Image Analysis. The folder
``BigEarthNet-v2-S1S2-CLC`` has ``index.csv`` and, per patch of 120 x 120 pixels at 10 m, ``s1``
(2, 120, 120) float32 VV and VH in dB, ``s2`` (4, 120, 120) uint16 B02, B03, B04 and B08, and
``clc`` (120, 120) uint16, the level-3 code of CORINE land cover. Such land cover is generalised: a
wood of less than 25 ha is part of what surrounds it.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import CRSError

from ackd.data.reading.multispectral import unreadable
from ackd.data.tiles.mask_classes import MaskCode
from ackd.data.tiles.options import REST, ForestOptions, SarUnit
from ackd.data.tiles.place_index import INDEX, place_of
from ackd.data.tiles.source import MaskReader, TilePixels, both_valid
from ackd.data.tiles.units import look_at
from ackd.errors import DataError, ImageError, nearest_path

__all__ = ["FOLDER", "BigEarthNetForest"]

FOLDER: Final = "BigEarthNet-v2-S1S2-CLC"
_SHAPES: Final = {"s2": (4, 120, 120), "s1": (2, 120, 120), "clc": (120, 120)}


class BigEarthNetForest:
    """The patches as a :class:`~ackd.data.tiles.source.TileSource`.

    Rows are in the order of the patch numbers, which follow each other on the ground: blocks of
    rows are places.
    """

    name: Literal["bigearthnet_forest"] = "bigearthnet_forest"
    optical_bands = ("B02", "B03", "B04", "B08")
    sar_bands = ("VV", "VH")
    unit: SarUnit = "db"
    notes: Mapping[str, Any] = {}

    def __init__(self, options: ForestOptions) -> None:
        """Read the index.

        Raises:
            DataError: The folder or its index is missing or damaged.
        """
        self.options = options
        root = Path(options.root).expanduser()
        folder = root if (root / INDEX).is_file() else root / FOLDER
        if not (folder / INDEX).is_file():
            raise DataError(
                f"data.root={root} has no {FOLDER}/{INDEX}.{nearest_path(folder)} Expected the "
                f"folder that holds {FOLDER}, or that folder itself."
            )
        self.roots = (folder,)
        height, width = _SHAPES["clc"]
        try:
            with (folder / INDEX).open(encoding="utf-8", newline="") as file:
                table = list(csv.DictReader(file))
            table.sort(key=lambda line: int(line["patch_int"]))
            self.files = [folder / line["file"] for line in table]
            # the published index has no columns of places
            self.places = [place_of(line, (height, width)) for line in table]
        except (KeyError, ValueError, TypeError, CRSError, UnicodeDecodeError) as error:
            raise DataError(
                f"{folder / INDEX} cannot be understood ({error}); expected the columns file and "
                "patch_int, and a line per patch."
            ) from error
        if not self.files:
            raise DataError(f"{folder / INDEX} names no patch.")
        self.ids = tuple(path.stem for path in self.files)

    @property
    def image_key(self) -> Any:
        """Nothing shapes the images."""
        return []

    @property
    def mask_key(self) -> Any:
        """The land cover."""
        return [self.options.cover, list(self.options.cover_codes)]

    def image_files(self) -> Sequence[Path]:
        """The patches."""
        return self.files

    def mask_files(self) -> Sequence[Path]:
        """The same files."""
        return self.files

    def check(self) -> None:
        """A patch is small: what is wrong with one is found when it is read."""

    def read(self, row: int) -> TilePixels:
        """Read both images of a patch."""
        path = self.files[row]
        optical = _array(path, "s2")
        raw = _array(path, "s1").astype(np.float32, copy=False)
        finite = np.isfinite(raw).all(axis=0) & np.isfinite(optical).all(axis=0)
        valid = finite & (optical != 0).any(axis=0) & (raw != 0).any(axis=0)
        optical, sar = both_valid(optical, raw, valid)
        return TilePixels(optical, sar, valid, look_at(raw, valid), self.places[row])

    def masks(self) -> MaskReader:
        """Open the labels."""
        return _LandCover(self.files, self.options)


class _LandCover:
    """One kind of land cover against everything else."""

    def __init__(self, files: Sequence[Path], options: ForestOptions) -> None:
        self.files = files
        classes = {"other": REST, options.cover: list(options.cover_codes)}
        # 999 is CORINE's own "no data", 0 what lies outside of its map
        self.code = MaskCode(
            tuple(classes), MaskCode.of(classes, None).values, 0, frozenset({0, 999})
        )

    @property
    def classes(self) -> tuple[str, ...]:
        return self.code.classes

    @property
    def notes(self) -> Mapping[str, Any]:
        return {}

    def read(self, row: int) -> NDArray[np.uint8]:
        return self.code.encode(_array(self.files[row], "clc"))[0]

    def finish(self) -> None:
        """Every code of the map is either this land cover or another."""


def _array(path: Path, name: str) -> NDArray[Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            array = np.asarray(file[name])
    except Exception as error:  # NumPy, zipfile and zlib each have errors of their own
        raise unreadable(path, f"an npz file with the array {name}", error) from error
    if array.shape != _SHAPES[name]:
        raise ImageError(
            f"{path} has {name} of shape {array.shape}; expected {_SHAPES[name]}.", "wrong shape"
        )
    return array
