"""What paired tiles are once they are read: two stacks of images, their masks and their places."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.splits.places import UNUSED
from ackd.data.stored import DIGEST_BYTES
from ackd.data.tiles.mapped import Array

__all__ = ["IGNORED", "Part", "Side", "TileSet", "tile_digests"]

#: A sensor.
Side = Literal["optical", "sar"]

#: What has a fingerprint of its own.
Part = Literal["optical", "sar", "masks", "splits"]

#: The value of a mask where nothing is known, or where the images have no data.
IGNORED: Final = 255


@dataclass(frozen=True, eq=False)
class TileSet:
    """Tiles of one size, seen by both sensors.

    The arrays of pixels lie in memory, or in files of which windows are read
    (:class:`~ackd.data.tiles.mapped.MappedArray`): index them, ``tiles.sar[row]`` or
    ``tiles.sar[row, :, rows, cols]``, and do not ask for a whole one.

    Attributes:
        name: Of the data set.
        optical: (N, C, H, W) uint8, uint16 or float32, digital numbers as in the files.
        sar: (N, C, H, W) float32, in the unit of the files, mostly decibels.
        valid: (N, H, W) bool, where both sensors have data. Invalid pixels hold 0 in both images.
        masks: (N, H, W) uint8, a class of ``classes`` or :data:`IGNORED`, which is also the value
            of invalid pixels; None for tiles without labels.
        ids: (N,) str, the name of each tile, unique.
        split: (N,) int8, ``TRAIN``, ``VAL`` or ``TEST`` of :mod:`ackd.data.benchmark`, or
            ``UNUSED`` of :mod:`ackd.data.splits.places` for tiles that show ground of two parts.
        classes: Their names in the order of the mask's values. Two classes are one against
            everything else, which is the first; the second is then the one that is measured.
        optical_bands: The C channel names, e.g. ``("R", "G", "B")``.
        sar_bands: The C channel names, e.g. ``("VV", "VH")``.
        bounds: (N, 4) float64 left, bottom, right and top of each tile in ``crs``; None where the
            places are not known.
        crs: E.g. ``"EPSG:32631"``; None where it is not known.
        notes: What else results should say of the data, such as the share of test ground that
            training tiles show.
        digests: (N, 16) uint8 of the tiles in ``optical``, ``sar``, ``valid`` and ``masks``, where
            they are known already; else they are computed when a fingerprint is asked for.
        moments: Number, mean and squares of each sensor's tiles, where they are known already; see
            :mod:`ackd.data.tiles.statistics`.

    Raises:
        ValueError: The arrays do not fit each other.
        TypeError: An array has the wrong type.
    """

    name: str
    optical: Array
    sar: Array
    valid: Array
    masks: Array | None
    ids: NDArray[np.str_]
    split: NDArray[np.int8]
    classes: tuple[str, ...]
    optical_bands: tuple[str, ...]
    sar_bands: tuple[str, ...]
    bounds: NDArray[np.float64] | None = None
    crs: str | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)
    digests: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict, repr=False)
    moments: Mapping[str, tuple[NDArray[Any], ...]] = field(default_factory=dict, repr=False)

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
            array: Array | None = getattr(self, name)
            if array is not None and array.shape != shape:
                raise ValueError(f"TileSet: {name} has shape {array.shape}; expected {shape}.")
        if len(set(self.ids.tolist())) != count:
            raise ValueError("TileSet: ids holds a name twice.")
        if len(self.classes) < 2 or len(self.classes) > IGNORED:
            raise ValueError(f"TileSet: classes has {len(self.classes)} names; expected 2 to 255.")
        strangers = np.setdiff1d(self.split, [TRAIN, VAL, TEST, UNUSED])
        if strangers.size:
            raise ValueError(
                f"TileSet: split holds {strangers.tolist()}; expected TRAIN={TRAIN}, VAL={VAL}, "
                f"TEST={TEST} or UNUSED={UNUSED}."
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

    def names(self, split: int) -> dict[int, str]:
        """The id of each tile of a split, by its row."""
        return {int(row): str(self.ids[row]) for row in self.rows(split)}

    def bands(self, side: Side) -> tuple[str, ...]:
        """The channel names of a sensor."""
        return self.optical_bands if side == "optical" else self.sar_bands

    def without_labels(self) -> TileSet:
        """The same tiles for training that must not see a label."""
        return replace(self, masks=None)

    def with_split(
        self, split: NDArray[np.int8], notes: Mapping[str, Any] | None = None
    ) -> TileSet:
        """The same tiles, split another way.

        Args:
            split: (N,) int8.
            notes: What results should say of it, beside what they say already.
        """
        return replace(self, split=split, notes={**self.notes, **(notes or {})})

    def fingerprint(self, part: Part) -> str:
        """A hex digest of what shapes a training, part by part.

        A stage takes those of the parts it sees: what is trained without labels does not depend on
        masks. Neither the folder of the files enters, nor whether they are packed.

        Args:
            part: ``"optical"`` or ``"sar"`` for the images, with their bands, names and validity;
                ``"masks"`` for the labels, with the classes; ``"splits"`` for which tile is in
                which part.

        Raises:
            ValueError: There are no masks, and theirs is asked for.
        """
        digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
        digest.update("\0".join(self.ids.tolist()).encode() + b"\1")
        if part == "splits":
            digest.update(np.ascontiguousarray(self.split).data)
            return digest.hexdigest()
        array = getattr(self, part)
        if array is None:
            raise ValueError(f"{self.name} was read without labels, so it has no masks.")
        about = self.classes if part == "masks" else self.bands(part)
        digest.update(repr((part, about, array.shape, str(array.dtype))).encode())
        for name in (part,) if part == "masks" else (part, "valid"):
            known = self.digests.get(name)
            digest.update((tile_digests(getattr(self, name)) if known is None else known).data)
        return digest.hexdigest()


def tile_digests(array: Array) -> NDArray[np.uint8]:
    """(N, 16) BLAKE2b of each tile of an array (N, ...), in C order."""
    found = bytearray()
    for row in range(len(array)):
        tile = np.ascontiguousarray(array[row]).data
        found += hashlib.blake2b(tile.cast("B"), digest_size=DIGEST_BYTES).digest()
    return np.frombuffer(bytes(found), np.uint8).reshape(len(array), DIGEST_BYTES)
