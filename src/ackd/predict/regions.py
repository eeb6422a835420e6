"""Connected pixels of one class in a map that is too large for the memory.

The map is read twice, some rows at a time. The first pass labels the pixels of each part by SciPy,
notes which labels of neighboring parts touch, and adds up area and probability. Which labels are
one region is then a question about a graph, not about pixels. The second pass labels the same parts
again, and gives each pixel the number of its region.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import label
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["ROWS", "RegionFinder", "Regions"]

#: Rows of a part.
ROWS: Final = 256

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Regions:
    """What is known of the regions that are large enough, (M,) each.

    Attributes:
        label: Their class.
        area: In the unit of the areas of pixels.
        probability: Mean, of their class.
        number: (L + 1,) the region, from 1, of each label of the first pass; 0 for none.
    """

    label: Ints
    area: Floats
    probability: Floats
    number: Ints

    def __len__(self) -> int:
        return len(self.label)


class _Part(NamedTuple):
    """Some rows of the map.

    Attributes:
        mask: (n, W) classes.
        labels: (n, W) from 1 without gaps; 0 for none.
        kinds: (l + 1,) the class of each label.
        pixels: (l + 1,) of each label.
        kept: Labels that are large enough, or may go on in the part above or below, ascending.
        each: The area of a pixel.
    """

    mask: NDArray[np.uint8]
    labels: NDArray[np.int32]
    kinds: Ints
    pixels: Ints
    kept: Ints
    each: float


@dataclass(frozen=True, eq=False)
class RegionFinder:
    """Finds the regions of pixels of one class that touch each other by an edge.

    Attributes:
        mask: Reads the classes (n, W) uint8 of some rows.
        shares: Reads the probability (n, W) of the class that the mask says.
        height: Of the map.
        classes: Those that are looked for.
        areas: Gives what a pixel of each of some rows covers.
        least: Regions of a smaller area are left out.
    """

    mask: Callable[[slice], NDArray[np.uint8]]
    shares: Callable[[slice], NDArray[np.float32]]
    height: int
    classes: Sequence[int]
    areas: Callable[[ArrayLike], Floats]
    least: float

    def find(self) -> Regions:
        """Go through the map for the first time."""
        kinds, pixels = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
        area: list[Floats] = [np.empty(0)]
        weight: list[Floats] = [np.empty(0)]
        touching = [np.empty((2, 0), np.int64)]
        above: tuple[NDArray[np.uint8], Ints] | None = None
        count = 0
        for rows in self._rows():
            part = self._part(rows)
            shares = np.nan_to_num(self.shares(rows))
            summed = np.bincount(part.labels.ravel(), shares.ravel(), len(part.kinds))
            kinds.append(part.kinds[part.kept])
            pixels.append(part.pixels[part.kept])
            area.append(part.pixels[part.kept].astype(np.float64) * part.each)
            weight.append(summed[part.kept].astype(np.float64))
            number = np.zeros(len(part.kinds), np.int64)
            number[part.kept] = np.arange(count, count + len(part.kept)) + 1
            if above is not None:
                first = number[part.labels[0]]
                joined = (above[1] > 0) & (first > 0) & (above[0] == part.mask[0])
                touching.append(np.unique(np.stack([above[1][joined], first[joined]]), axis=1) - 1)
            above = part.mask[-1].copy(), number[part.labels[-1]]
            count += len(part.kept)
        return self._joined(
            np.concatenate(touching, axis=1), np.concatenate(kinds), np.concatenate(pixels),
            np.concatenate(area), np.concatenate(weight),
        )  # fmt: skip

    def numbered(self, regions: Regions) -> Iterator[NDArray[np.int32]]:
        """Go through the map again: the number of the region of each pixel, from 1; 0 for none.

        Yields:
            (n, W) of the next rows.
        """
        count = 0
        for rows in self._rows():
            part = self._part(rows)
            number = np.zeros(len(part.kinds), np.int32)
            number[part.kept] = regions.number[1:][count : count + len(part.kept)]
            count += len(part.kept)
            yield number[part.labels]

    def _rows(self) -> Iterator[slice]:
        for start in range(0, self.height, ROWS):
            yield slice(start, min(start + ROWS, self.height))

    def _part(self, rows: slice) -> _Part:
        mask = self.mask(rows)
        labels, kinds = _labelled(mask, self.classes)
        pixels = np.bincount(labels.ravel(), minlength=len(kinds))
        each = float(self.areas([(rows.start + rows.stop) / 2])[0])
        kept = pixels * each >= self.least
        if rows.start > 0:
            kept[labels[0]] = True
        if rows.stop < self.height:
            kept[labels[-1]] = True
        kept[0] = False
        return _Part(mask, labels, kinds, pixels, np.flatnonzero(kept), each)

    def _joined(
        self, touching: Ints, kinds: Ints, pixels: Ints, area: Floats, weight: Floats
    ) -> Regions:
        count = len(kinds)
        ones = np.ones(touching.shape[1], np.int8)
        graph = coo_array((ones, (touching[0], touching[1])), shape=(count, count))
        region = connected_components(graph, directed=False)[1] if count else kinds
        sums: list[Floats] = [
            np.bincount(region, each).astype(np.float64) for each in (area, weight, pixels)
        ]
        total, summed, size = sums
        label_of = np.zeros(len(total), np.int64)
        label_of[region] = kinds
        large = total >= self.least
        number = np.zeros(len(total), np.int64)
        number[large] = np.arange(int(large.sum())) + 1
        return Regions(
            label_of[large],
            total[large],
            summed[large] / size[large],
            np.concatenate([[0], number[region]]),
        )


def _labelled(mask: NDArray[np.uint8], classes: Sequence[int]) -> tuple[NDArray[np.int32], Ints]:
    """Label the pixels of each class, from 1 without gaps; and give the class of each label."""
    labels = np.zeros(mask.shape, np.int32)
    kinds = np.array([-1])
    for wanted in classes:
        where = mask == wanted
        if not where.any():
            continue
        found = np.empty(mask.shape, np.int32)
        count = label(where, output=found)  # pixels that touch by an edge
        if len(kinds) > 1:
            labels = np.where(where, found + np.int32(len(kinds) - 1), labels)
        else:
            labels = found
        kinds = np.concatenate([kinds, np.full(count, wanted)])
    return labels, kinds
