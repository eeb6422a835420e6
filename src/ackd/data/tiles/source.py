"""What a set of paired tiles has to offer so that it can be read, packed and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ackd.data.tiles.options import SarUnit
from ackd.data.tiles.rasters import Place
from ackd.data.tiles.units import Look

__all__ = ["MaskReader", "TilePixels", "TileSource", "both_valid"]


@dataclass(frozen=True, eq=False)
class TilePixels:
    """One tile as it was read.

    Attributes:
        optical: (C, H, W) uint8, uint16 or float32, 0 where not valid.
        sar: (C, H, W) float32, 0 where not valid.
        valid: (H, W) True where both sensors have data.
        sar_look: What the numbers of the SAR file are like, in the unit of the file.
        place: None where it is not known.
    """

    optical: NDArray[Any]
    sar: NDArray[np.float32]
    valid: NDArray[np.bool_]
    sar_look: Look
    place: Place | None


class MaskReader(Protocol):
    """Reads the masks of a source whose classes are known."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names; a pixel of a mask is a position in them."""
        ...

    @property
    def notes(self) -> Mapping[str, Any]:
        """What results should say of the labels."""
        ...

    def read(self, row: int) -> NDArray[np.uint8]:
        """Read a mask: (H, W) classes or IGNORED.

        Raises:
            ImageError: It cannot be read or does not fit the tile.
        """
        ...

    def finish(self) -> None:
        """Say what only all masks together tell.

        Raises:
            DataError: They cannot be right.
        """
        ...


class TileSource(Protocol):
    """Paired tiles on disk."""

    @property
    def name(self) -> str:
        """Of the data set."""
        ...

    @property
    def ids(self) -> Sequence[str]:
        """The name of each tile, unique, in the order of the rows."""
        ...

    @property
    def optical_bands(self) -> tuple[str, ...]:
        """The optical bands that are read."""
        ...

    @property
    def sar_bands(self) -> tuple[str, ...]:
        """The SAR bands that are read."""
        ...

    @property
    def unit(self) -> SarUnit:
        """What the numbers of SAR files are."""
        ...

    @property
    def roots(self) -> Sequence[Path]:
        """Where the images are."""
        ...

    @property
    def image_key(self) -> Any:
        """Plain values: every option that shapes images."""
        ...

    @property
    def mask_key(self) -> Any:
        """Plain values: every option that shapes masks."""
        ...

    @property
    def notes(self) -> Mapping[str, Any]:
        """What results should say of the images."""
        ...

    def image_files(self) -> Sequence[Path]:
        """The files that images are read from."""
        ...

    def mask_files(self) -> Sequence[Path]:
        """The files that masks are read from.

        Raises:
            DataError: A tile has none; no file is never taken for an empty mask.
        """
        ...

    def check(self) -> None:
        """Look at all files before the pixels of the first are read.

        Raises:
            DataError: Some do not fit the others, with the names of their tiles.
        """
        ...

    def read(self, row: int) -> TilePixels:
        """Read a tile.

        Raises:
            ImageError: It cannot be read.
        """
        ...

    def masks(self) -> MaskReader:
        """Open the labels: masks are listed, and looked at as far as their classes need it.

        Raises:
            DataError: There are none, or they cannot be understood.
        """
        ...


def both_valid(
    optical: NDArray[Any], sar: NDArray[np.float32], valid: NDArray[np.bool_]
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Put 0 into both images where one of them has no data."""
    return (
        np.where(valid, optical, optical.dtype.type(0)),
        np.where(valid, sar, np.float32(0)),
    )
