"""BigEarthNet's patches: 1.2 km of Sentinel-2, a tif a band, each at the band's own resolution."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import Modality
from ackd.data.options import AS_STORED, PixelOptions
from ackd.data.reading.multispectral import read_ms, resize_bands
from ackd.data.sensors import BIGEARTHNET_STACKED_BANDS, SENTINEL2, Sensor
from ackd.errors import DataError, did_you_mean, unknown

__all__ = ["Patches"]

_EXTENT = 1200  # metres; 120 pixels of the 10 m bands
_GRID: Final = _EXTENT // 10
#: Level 2A has no B10.
_BANDS: Final = BIGEARTHNET_STACKED_BANDS


@dataclass(frozen=True)
class Patches:
    """What both versions of BigEarthNet have in common.

    Attributes:
        name: The key users give.
        title: Data set and paper, for messages.
        folder: The folder looked for under ``data.root``, as the archive unpacks.
        aliases: Other folders (with ``/`` between) that hold the patches.
        classes: Every class of the nomenclature, sorted.
        published: One sentence: where the archive is published, and what to get.
        modality: Always ``"ms"``.
        sensor: Always Sentinel-2.
        file_bands: The bands that a patch has.
    """

    name: str
    title: str
    folder: str
    aliases: tuple[str, ...]
    classes: tuple[str, ...]
    published: str
    modality: Modality = "ms"
    sensor: Sensor = SENTINEL2
    file_bands: tuple[str, ...] = _BANDS

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the tifs of a patch, one a band; the stacked tif where ``path`` is one.

        Raises:
            DataError: If a band is missing.
        """
        if not path.is_dir():
            return (path,)
        files = tuple(_band_file(path, band) for band in _BANDS)
        for band, file in zip(_BANDS, files, strict=True):
            if not file.is_file():
                raise DataError(
                    f"{path} has no {file.name}: band {band} is missing. Expected a tif for each "
                    f"of {', '.join(_BANDS)}. Unpack {self.title} under data.root again."
                )
        return files

    def read(
        self,
        path: Path,
        bands: Sequence[str],
        size: int | None,
        options: PixelOptions = AS_STORED,
    ) -> NDArray[Any]:
        """Read a patch as (len(bands), size, size) uint16, every band on the 10 m grid.

        Bands of 20 m and 60 m are interpolated bilinearly; those of 10 m are as published where
        ``size`` is 120 or None.

        Raises:
            ConfigError: If a patch has no such band.
            DataError: If a tif is missing, damaged, or not of the size of its resolution.
        """
        if not path.is_dir():
            return read_ms(path, _BANDS, bands, size, options=options)
        grid = _GRID if size is None else size
        depth = np.float32 if options.nodata == "zero" else np.uint16
        image = np.empty((len(bands), grid, grid), depth)
        for target, name in zip(image, bands, strict=True):
            if name not in _BANDS:
                raise unknown(f"band in {path.name}", name, _BANDS, "data.bands")
            file = _band_file(path, name)
            pixels = read_ms(file, (name,), (name,), None, options=options)
            resolution = self.sensor.band(name).resolution or 10.0
            side = round(_EXTENT / resolution)
            if pixels.shape[1:] != (side, side):
                height, width = pixels.shape[1:]
                raise DataError(
                    f"{file} is {height}x{width} pixels; expected {side}x{side}, which is 1.2 km "
                    f"at the {resolution:g} m of {name}. Unpack {self.title} under data.root again."
                )
            target[:] = resize_bands(pixels, grid)[0]
        return image

    def locate(self, root: Path) -> Path:
        """Find the folder that holds the patches.

        Raises:
            DataError: If neither it nor one of its aliases exists.
        """
        for name in (self.folder, *self.aliases):
            if (root / name).is_dir():
                return root / name
        hint = ""
        if root.name == self.folder:
            hint = f" data.root is that folder itself: try data.root={root.parent}."
        raise DataError(
            f"No folder {self.folder} under data.root={root} (looked for {root / self.folder}, "
            f"also for {', '.join(self.aliases)}).{hint} Get {self.title}. {self.published} Put it "
            "there, or set data.root=DIR or ACKD_DATA=DIR to the folder that holds it."
        )

    def check_labels(self, labels: Sequence[str], where: str) -> tuple[str, ...]:
        """Return the labels once each is a class of the nomenclature.

        Raises:
            DataError: If there is none, or one is unknown.
        """
        if not labels:
            raise DataError(f"{where} gives no label; expected at least one of {self.title}.")
        for label in labels:
            if label not in self.classes:
                hint = did_you_mean(label, self.classes)
                raise DataError(
                    f"{where} gives the label '{label}', which is none of the {len(self.classes)} "
                    f"classes of {self.title}.{hint} Get the labels of the publisher's archive "
                    "again, or look whether they are of another version of BigEarthNet."
                )
        return tuple(labels)

    def check_any(self, found: int, home: Path, classes: Collection[str]) -> None:
        """Raise DataError if no patch bears one of the classes asked for."""
        if not found:
            raise DataError(
                f"{home} holds no patch of {self.title} that bears one of "
                f"{'; '.join(sorted(classes))}. Unpack more of the archive under data.root."
            )


def _band_file(patch: Path, band: str) -> Path:
    return patch / f"{patch.name}_{band}.tif"
