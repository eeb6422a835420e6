"""Where the towns lie, and the tiles of each town: seen on two passes from opposite sides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.random import Generator, SeedSequence

from ackd.data.synthetic_tiles.footprints import HIGHEST
from ackd.data.synthetic_tiles.optical import LOWEST_SUN
from ackd.data.synthetic_tiles.radar import Side

__all__ = ["CRS", "PARTS", "PASSES", "Part", "Pass", "World"]

Part = Literal["train", "val", "test"]

CRS: Final = "EPSG:32631"
"""UTM zone 31 north, as SpaceNet 6 has it; the towns lie in the sea off Scotland."""

#: The parts and, of each, its number in random streams and the column of its westernmost town.
PARTS: Final[dict[Part, tuple[int, int]]] = {"train": (0, 3), "val": (1, 0), "test": (2, 12)}

#: From where each town is seen.
PASSES: Final[tuple[Side, ...]] = ("north", "south")

_ORIGIN: Final = (400_000.0, 6_500_000.0)
_WIDTH: Final[dict[Part, int]] = {"train": 8, "val": 2, "test": 2}
"""How many towns of a part lie side by side; more of them follow further south."""


@dataclass(frozen=True)
class Pass:
    """One look at a town from one side.

    Attributes:
        town: Its number within its part.
        side: Where the radar is.
        row: The first row of the tile on the ground of the town.
        column: Its first column.
    """

    town: int
    side: Side
    row: int
    column: int


@dataclass(frozen=True)
class World:
    """Towns on a grid: those of validation in the west, those of test in the east.

    Attributes:
        seed: Which world it is.
        size: Side of a tile in pixels.
        gsd: Side of a pixel in metres.
        incidence: Of the radar in degrees from the vertical.
    """

    seed: int
    size: int
    gsd: float
    incidence: float

    @property
    def margin(self) -> int:
        """How far layover, and shadows of radar and sun, reach into a tile in pixels."""
        angle = math.radians(self.incidence)
        reach = max(1 / math.tan(angle), math.tan(angle), 1 / math.tan(math.radians(LOWEST_SUN)))
        return math.ceil(HIGHEST * reach / self.gsd) + 30

    @property
    def slack(self) -> int:
        """How far tiles of one town may be apart along each axis in pixels."""
        return self.size // 2

    @property
    def side(self) -> int:
        """Of the ground of a town in pixels, for which Fourier transforms are fast."""
        return -(-(self.size + self.slack + 2 * self.margin) // 64) * 64

    def stream(self, part: Part, town: int, *purpose: int) -> Generator:
        """A random stream that nothing else in any world shares."""
        key = (PARTS[part][0], town, *purpose)
        return np.random.default_rng(SeedSequence(self.seed, spawn_key=key))

    def passes(self, part: Part, town: int) -> list[Pass]:
        """The tiles of a town."""
        rng = self.stream(part, town, 1)
        places = rng.integers(0, self.slack + 1, (len(PASSES), 2)) + self.margin
        return [
            Pass(town, side, int(row), int(column))
            for side, (row, column) in zip(PASSES, places, strict=True)
        ]

    def bounds(self, part: Part, one: Pass) -> tuple[float, float, float, float]:
        """Left, bottom, right and top of a tile in metres of :data:`CRS`."""
        down, across = divmod(one.town, _WIDTH[part])
        pitch = (self.side + self.slack) * self.gsd
        left = _ORIGIN[0] + (PARTS[part][1] + across) * pitch + one.column * self.gsd
        top = _ORIGIN[1] - down * pitch - one.row * self.gsd
        return left, top - self.size * self.gsd, left + self.size * self.gsd, top
