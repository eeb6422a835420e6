"""What paired tiles are once they are read: two stacks of images, their masks and their places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import TEST, TRAIN, VAL

__all__ = ["IGNORED", "TileSet"]

#: The value of a mask where nothing is known, or where the images have no data.
IGNORED: Final = 255


@dataclass(frozen=True, eq=False)
class TileSet:
    """Tiles of one size, seen by both sensors; arrays may be memory-mapped.

    Attributes:
        name: Of the data set.
        optical: (N, C, H, W) uint8, uint16 or float32, digital numbers as in the files.
        sar: (N, C, H, W) float32, in the unit of the files, mostly decibels.
        valid: (N, H, W) bool, where both sensors have data. Invalid pixels hold 0 in both images.
        masks: (N, H, W) uint8, a class of ``classes`` or :data:`IGNORED`, which is also the value
            of invalid pixels; None for tiles without labels.
        ids: (N,) str, the name of each tile, unique.
        split: (N,) int8, ``TRAIN``, ``VAL`` or ``TEST`` of :mod:`ackd.data.benchmark`.
        classes: Their names in the order of the mask's values. Two classes are one against
            everything else, which is the first; the second is then the one that is measured.
        optical_bands: The C channel names, e.g. ``("R", "G", "B")``.
        sar_bands: The C channel names, e.g. ``("VV", "VH")``.
        bounds: (N, 4) float64 left, bottom, right and top of each tile in ``crs``; None where the
            places are not known.
        crs: E.g. ``"EPSG:32631"``; None where it is not known.
        notes: What else results should say of the data, such as the share of test ground that
            training tiles show.

    Raises:
        ValueError: The arrays do not fit each other.
        TypeError: An array has the wrong type.
    """

    name: str
    optical: NDArray[Any]
    sar: NDArray[np.float32]
    valid: NDArray[np.bool_]
    masks: NDArray[np.uint8] | None
    ids: NDArray[np.str_]
    split: NDArray[np.int8]
    classes: tuple[str, ...]
    optical_bands: tuple[str, ...]
    sar_bands: tuple[str, ...]
    bounds: NDArray[np.float64] | None = None
    crs: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_types()
        count, _, height, width = self.sar.shape
        shapes: dict[str, tuple[int, ...]] = {
            "optical": (count, len(self.optical_bands), height, width),
            "sar": (count, len(self.sar_bands), height, width),
            "valid": (count, height, width),
            "masks": (count, height, width),
            "ids": (count,),
            "split": (count,),
            "bounds": (count, 4),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise ValueError(f"TileSet: {name} has shape {array.shape}; expected {shape}.")
        if len(set(self.ids.tolist())) != count:
            raise ValueError("TileSet: ids holds a name twice.")
        if len(self.classes) < 2 or len(self.classes) > IGNORED:
            raise ValueError(f"TileSet: classes has {len(self.classes)} names; expected 2 to 255.")
        strangers = np.setdiff1d(self.split, [TRAIN, VAL, TEST])
        if strangers.size:
            raise ValueError(
                f"TileSet: split holds {strangers.tolist()}; expected TRAIN={TRAIN}, VAL={VAL} or "
                f"TEST={TEST}."
            )

    def _check_types(self) -> None:
        expected: dict[str, tuple[type, ...]] = {
            "optical": (np.uint8, np.uint16, np.float32),
            "sar": (np.float32,),
            "valid": (np.bool_,),
            "masks": (np.uint8,),
            "split": (np.int8,),
            "bounds": (np.float64,),
        }
        for name, types in expected.items():
            array = getattr(self, name)
            if array is not None and array.dtype.type not in types:
                names = " or ".join(each.__name__ for each in types)
                raise TypeError(f"TileSet: {name} is {array.dtype}; expected {names}.")
        if self.sar.ndim != 4:
            raise ValueError(f"TileSet: sar has shape {self.sar.shape}; expected (N, C, H, W).")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of every tile."""
        height, width = self.sar.shape[2:]
        return height, width

    def rows(self, split: int) -> NDArray[np.int64]:
        """(n,) the rows of a split, ascending."""
        return np.flatnonzero(self.split == split).astype(np.int64)

    def without_labels(self) -> TileSet:
        """The same tiles for training that must not see a label."""
        return replace(self, masks=None)
