"""The plan of a town: streets that cross, the blocks between them, and what each block is for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ackd.data.synthetic.patterns import rotate
from ackd.data.synthetic_tiles.ground import Array

__all__ = ["USES", "Plan", "lay_out"]

#: What a block is for, in the order of :attr:`Plan.uses`.
USES: Final = ("detached", "terraced", "slabs", "courtyard", "halls", "park", "field")

#: How likely a block is for each of :data:`USES`, and how likely a town is of a kind.
_TOWNS: Final = (
    (0.24, (0.48, 0.10, 0.02, 0.00, 0.06, 0.10, 0.24)),  # village
    (0.28, (0.46, 0.26, 0.06, 0.02, 0.04, 0.14, 0.02)),  # suburb
    (0.15, (0.06, 0.22, 0.24, 0.26, 0.06, 0.14, 0.02)),  # city
    (0.13, (0.06, 0.04, 0.06, 0.00, 0.52, 0.08, 0.24)),  # industry
    (0.20, (0.10, 0.00, 0.00, 0.00, 0.04, 0.16, 0.70)),  # countryside
)


@dataclass(frozen=True, eq=False)
class Plan:
    """Streets along two directions at right angles, in coordinates (u, v) along them.

    Attributes:
        side: Of the square town in metres.
        angle: From east to the direction of u in radians, clockwise as rows run southwards.
        across: (a,) float64, where streets along v lie: their u in metres, ascending.
        along: (b,) float64, where streets along u lie: their v in metres, ascending.
        across_half: (a,) half of their widths in metres.
        along_half: (b,) half of their widths in metres.
        uses: (a + 1, b + 1) int, a position in :data:`USES` of each block; the block (i, j) lies
            before street i and before street j. Blocks outside of the town are fields.
    """

    side: float
    angle: float
    across: NDArray[np.float64]
    along: NDArray[np.float64]
    across_half: NDArray[np.float64]
    along_half: NDArray[np.float64]
    uses: NDArray[np.int64]

    def locate(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Turn metres east and south of the north-western corner into (u, v)."""
        return rotate(x - self.side / 2, y - self.side / 2, self.angle)

    def place(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn (..., 2) points (u, v) into metres east and south of the north-western corner."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        turned = points @ np.array([[cos, sin], [-sin, cos]])
        return np.asarray(turned + self.side / 2)

    def block_of(self, u: Array, v: Array) -> NDArray[np.int64]:
        """The use of the block at each point, a position in :data:`USES`."""
        return np.asarray(
            self.uses[np.searchsorted(self.across, u), np.searchsorted(self.along, v)]
        )

    def street_at(self, u: Array, v: Array) -> NDArray[np.bool_]:
        """Whether each point lies on a street; there are none between two fields."""
        found = np.zeros(u.shape, dtype=bool)
        for lines, halves, where, other, turned in (
            (self.across, self.across_half, u, v, False),
            (self.along, self.along_half, v, u, True),
        ):
            uses = self.uses.T if turned else self.uses
            ends = self.along if not turned else self.across
            beside = np.searchsorted(ends, other)
            nearest = np.clip(np.searchsorted(lines, where), 1, len(lines) - 1)
            nearest -= (where - lines[nearest - 1]) < (lines[nearest] - where)
            both_fields = (uses[nearest, beside] == USES.index("field")) & (
                uses[nearest + 1, beside] == USES.index("field")
            )
            # a track between fields is narrower than a street
            half = np.where(both_fields, 1.5, halves[nearest])
            found |= np.abs(where - lines[nearest]) < half
        return found

    def blocks(self) -> list[tuple[str, tuple[float, float, float, float]]]:
        """The use of each inner block, and its (u0, v0, u1, v1) between the streets in metres."""
        return [
            (
                USES[self.uses[i, j]],
                (
                    self.across[i - 1] + self.across_half[i - 1],
                    self.along[j - 1] + self.along_half[j - 1],
                    self.across[i] - self.across_half[i],
                    self.along[j] - self.along_half[j],
                ),
            )
            for i in range(1, len(self.across))
            for j in range(1, len(self.along))
        ]


def lay_out(rng: Generator, side: float) -> Plan:
    """Draw the plan of a town.

    Args:
        rng: Source of every draw.
        side: Of the square town in metres.
    """
    across = _lines(rng, side, (75.0, 165.0))
    along = _lines(rng, side, (50.0, 85.0))
    likely = np.array([weight for weight, _ in _TOWNS])
    _, shares = _TOWNS[rng.choice(len(_TOWNS), p=likely / likely.sum())]
    uses = rng.choice(len(USES), size=(len(across) + 1, len(along) + 1), p=shares)
    # A block is often for what its neighbour is for.
    alike = rng.random(uses.shape) < 0.3
    uses[1:][alike[1:]] = uses[:-1][alike[1:]]
    uses[[0, -1]] = USES.index("field")
    uses[:, [0, -1]] = USES.index("field")
    return Plan(
        side=side,
        angle=float(rng.uniform(-math.pi / 4, math.pi / 4)),
        across=across,
        along=along,
        across_half=_halves(rng, len(across)),
        along_half=_halves(rng, len(along)),
        uses=uses,
    )


def _lines(rng: Generator, side: float, spacing: tuple[float, float]) -> NDArray[np.float64]:
    """Draw streets until they reach beyond the corners of a town that is turned by any angle."""
    reach = side * math.sqrt(0.5) + spacing[1]
    steps = rng.uniform(*spacing, size=math.ceil(2 * reach / spacing[0]) + 1)
    places = np.cumsum(steps) - reach - rng.uniform(0.0, spacing[0])
    return np.asarray(places[: np.searchsorted(places, reach) + 1])


def _halves(rng: Generator, count: int) -> NDArray[np.float64]:
    main = rng.random(count) < 0.2
    return np.where(main, rng.uniform(5.0, 8.0, count), rng.uniform(2.5, 4.0, count))
