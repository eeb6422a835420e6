"""The ground that both sensors see: what covers it, what stands on it, and how high."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["COVERS", "ROOFS", "Array", "Buildings", "Ground", "cover"]

Array = NDArray[np.float32]

#: What may cover the ground, in the order of its numbers in :attr:`Ground.cover`.
COVERS: Final = (
    "grass", "dry_grass", "crop", "dry_soil", "moist_soil", "asphalt", "concrete", "water",
)  # fmt: skip

#: What roofs are made of, in the order of :attr:`Buildings.roof`.
ROOFS: Final = ("clay_tile", "slate", "concrete", "metal")


def cover(name: str) -> int:
    """The number of a cover."""
    return COVERS.index(name)


@dataclass(frozen=True, eq=False)
class Buildings:
    """What the sensors see of each building; row 0 stands for "no building".

    Attributes:
        roof: (K + 1,) int, the material as a position in :data:`ROOFS`.
        tone: (K + 1, 3) float32, factors on the material's reflectance in red, green and blue.
        rough: (K + 1,) float32, factor on the radar backscatter of roof and walls.
        crossed: (K + 1,) float32, another factor on that part of it whose polarisation is changed.
        corner: (K + 1,) float32, factor on the double bounce between wall and ground.
    """

    roof: NDArray[np.int64]
    tone: Array
    rough: Array
    crossed: Array
    corner: Array

    @classmethod
    def draw(cls, rng: Generator, pitched: NDArray[np.bool_]) -> Buildings:
        """Draw what K buildings look like.

        Args:
            rng: Source of every draw.
            pitched: (K,) whether the roof is a gable roof, which is of tiles mostly.
        """
        count = len(pitched)
        of_tiles, flat = (0.70, 0.20, 0.04, 0.06), (0.08, 0.12, 0.45, 0.35)
        draws = rng.random(count)
        limits = np.cumsum(np.where(pitched[:, None], of_tiles, flat), axis=1)
        roof = np.minimum((draws[:, None] > limits).sum(axis=1), len(ROOFS) - 1)
        tone = np.exp(rng.normal(0.0, 0.18, (count, 1)) + rng.normal(0.0, 0.05, (count, 3)))
        rough = np.exp(rng.normal(-0.2, 0.8, count))
        crossed = np.exp(rng.normal(0.3, 0.5, count))
        # A wall with balconies, bushes or cars before it has lost its corner.
        corner = rng.gamma(1.2, 1.0 / 1.2, count)
        none = np.ones((1,), dtype=np.float32)
        return cls(
            roof=np.concatenate([[0], roof]).astype(np.int64),
            tone=np.concatenate([np.ones((1, 3)), tone]).astype(np.float32),
            rough=np.concatenate([none, rough]).astype(np.float32),
            crossed=np.concatenate([none, crossed]).astype(np.float32),
            corner=np.concatenate([none, corner]).astype(np.float32),
        )


@dataclass(frozen=True, eq=False)
class Ground:
    """A rectangular piece of ground; rows run from north to south, columns from west to east.

    Attributes:
        gsd: Side of a pixel in metres.
        cover: (n, m) uint8, what lies on the ground: a position in :data:`COVERS`.
        building: (n, m) int32, which building stands there, a row of ``buildings``; 0 where none
            does.
        roof: (n, m) float32, height of the roof above the ground in metres; 0 without a building.
        canopy: (n, m) float32, height of trees above the ground in metres; 0 without a tree.
        clutter: (n, m) float32, echoes of small things that reflect a radar well, such as cars,
            fences, masts and chimneys, relative to one square metre of sigma nought 1; mostly 0.
        texture: (n, m) float32, natural variation of brightness; mean 0 and deviation near 1.
        buildings: What the buildings look like.
    """

    gsd: float
    cover: NDArray[np.uint8]
    building: NDArray[np.int32]
    roof: Array
    canopy: Array
    clutter: Array
    texture: Array
    buildings: Buildings

    @property
    def height(self) -> Array:
        """(n, m) height of the surface in metres: roofs, trees, or 0."""
        return np.maximum(self.roof, self.canopy)

    @property
    def water(self) -> NDArray[np.bool_]:
        """(n, m) where there is water."""
        return np.asarray(self.cover == cover("water"))

    def window(self, rows: slice, columns: slice) -> Ground:
        """A part of the ground, as views."""
        return self._each(lambda layer: layer[rows, columns])

    def turned(self) -> Ground:
        """The ground turned by 180 degrees, as views."""
        return self._each(lambda layer: layer[::-1, ::-1])

    def _each(self, change: Any) -> Ground:
        layers = {
            one.name: change(getattr(self, one.name))
            for one in fields(self)
            if one.name not in ("gsd", "buildings")
        }
        return replace(self, **layers)
