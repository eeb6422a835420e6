"""Tiles cut out of synthetic towns, drawn when they are read."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio.crs
from numpy.typing import NDArray
from rasterio.transform import from_bounds

from ackd.data.synthetic.kept import code_digest
from ackd.data.synthetic_tiles.ground import Ground
from ackd.data.synthetic_tiles.optical import draw_sun, photograph
from ackd.data.synthetic_tiles.options import SyntheticTileOptions
from ackd.data.synthetic_tiles.radar import (
    SAR_BANDS,
    add_speckle,
    backscatter,
    decibels,
    receive,
)
from ackd.data.synthetic_tiles.town import make_town
from ackd.data.synthetic_tiles.world import CRS, PARTS, PASSES, Part, Pass, World
from ackd.data.tiles.options import SarUnit, TileOptions
from ackd.data.tiles.rasters import Place
from ackd.data.tiles.source import TilePixels
from ackd.data.tiles.units import look_at

__all__ = ["SyntheticTowns"]

#: How much of a tile with a swath edge may be cut off.
_CUT: Final = (0.05, 0.6)
#: How many columns beside a tile reach into it by side lobes, and how far it may be shifted.
_BESIDE, _FARTHEST = 16, 12


class SyntheticTowns:
    """The tiles that options describe; a :class:`~ackd.data.tiles.source.TileSource`.

    Towns differ in streets, buildings, heights, fields, trees and water. Each is seen on two
    passes, by a radar in the north and by one in the south; the two tiles show partly the same
    ground, on different days. The towns of validation lie in the west and those of test in the
    east. Tile k of a part depends on the seed and on k alone.
    """

    optical_bands = ("R", "G", "B")
    sar_bands = SAR_BANDS
    unit: SarUnit = "db"
    roots: Sequence[Path] = ()

    def __init__(self, options: SyntheticTileOptions) -> None:
        """Plan the tiles; nothing is drawn yet."""
        self.options = options
        self.name = options.name
        self.world = World(options.seed, options.size, options.resolution, options.incidence)
        counts: dict[Part, int] = {
            "train": options.train,
            "val": options.val,
            "test": options.test,
        }
        self.tiles = [(part, one) for part in PARTS for one in self._first(part, counts[part])]
        self.ids = [f"{part}_{one.town:04d}_{one.side}" for part, one in self.tiles]
        # Tiles of one town follow each other, and are read side by side.
        self._town = lru_cache(maxsize=4)(self._draw_town)
        self._drawing = threading.Lock()
        self._masks: dict[int, NDArray[np.uint8]] = {}

    @property
    def image_key(self) -> Any:
        """What decides the pixels: the options, and the code that draws."""
        shared = {one.name for one in fields(TileOptions)} - {"val", "test"}
        chosen = {name: v for name, v in asdict(self.options).items() if name not in shared}
        return {**chosen, "code": code_digest(Path(__file__).parent)}

    @property
    def mask_key(self) -> Any:
        """The same."""
        return self.image_key

    @property
    def notes(self) -> Mapping[str, Any]:
        """What the tiles are."""
        return {
            "about": (
                "Synthetic towns, imaged by the geometry of an optical and of a SAR sensor; the "
                "numbers measured on them say nothing about any real place or sensor."
            ),
            "seed": self.options.seed,
        }

    def image_files(self) -> Sequence[Path]:
        """None."""
        return ()

    def mask_files(self) -> Sequence[Path]:
        """None."""
        return ()

    def check(self) -> None:
        """Nothing can be wrong with what is drawn."""

    def read(self, row: int) -> TilePixels:
        """Draw a tile."""
        part, one = self.tiles[row]
        town, rng = self._ground(part, one.town), self._pass(part, one)
        margin, size = self.world.margin, self.world.size
        ground = town.window(*self._around(one))
        optical = photograph(rng, ground, draw_sun(rng), margin)
        # layover and shadow run along columns; beside the tile only side lobes are needed
        down, right = self._shift(rng)
        beside = slice(margin + right - _BESIDE, margin + right + size + _BESIDE)
        power = receive(
            backscatter(ground.window(slice(None), beside), self.options.incidence, one.side)
        )
        inner = power[:, margin + down : margin + down + size, _BESIDE:-_BESIDE]
        sar = decibels(add_speckle(rng, inner, self.options.looks))
        valid = self._swath(rng)
        tile = {
            "optical": np.where(valid, optical, np.uint8(0)),
            "sar": np.where(valid, sar, np.float32(0)),
            "valid": valid,
        }
        if self._turned(one):
            tile = {name: layer[..., ::-1, ::-1] for name, layer in tile.items()}
        # kept for the masks, which are read after all images and need the same town
        self._masks[row] = np.packbits(self._mask(one, town))
        place = Place(
            from_bounds(*self.world.bounds(part, one), size, size),
            rasterio.crs.CRS.from_string(CRS),
        )
        return TilePixels(**tile, sar_look=look_at(tile["sar"], tile["valid"]), place=place)

    def masks(self) -> _BuildingMasks:
        """Open the masks."""
        return _BuildingMasks(self)

    def mask(self, row: int) -> NDArray[np.uint8]:
        """(size, size) 1 where a building stands, also beyond the edge of the swath."""
        part, one = self.tiles[row]
        size = self.world.size
        known = self._masks.get(row)
        if known is not None:
            return np.unpackbits(known, count=size * size).reshape(size, size)
        return self._mask(one, self._ground(part, one.town))

    def _mask(self, one: Pass, town: Ground) -> NDArray[np.uint8]:
        inner = town.building[
            one.row : one.row + self.world.size, one.column : one.column + self.world.size
        ]
        mask = (inner > 0).astype(np.uint8)
        return mask[::-1, ::-1] if self._turned(one) else mask

    def _turned(self, one: Pass) -> bool:
        """Whether a tile has south at its upper edge, as the radar sees it."""
        return one.side == "south" and self.options.align

    def _ground(self, part: Part, town: int) -> Ground:
        with self._drawing:  # or two threads would draw one town
            return self._town(part, town)

    def _draw_town(self, part: Part, town: int) -> Ground:
        return make_town(self.world.stream(part, town, 0), self.world.side, self.world.gsd)

    def _pass(self, part: Part, one: Pass) -> np.random.Generator:
        return self.world.stream(part, one.town, 2, PASSES.index(one.side))

    def _around(self, one: Pass) -> tuple[slice, slice]:
        """The ground of a tile with all that reaches into it."""
        margin, size = self.world.margin, self.world.size
        return (
            slice(one.row - margin, one.row + size + margin),
            slice(one.column - margin, one.column + size + margin),
        )

    def _shift(self, rng: np.random.Generator) -> tuple[int, int]:
        """How far the SAR image is off, in rows and columns."""
        shift = np.rint(rng.normal(0.0, self.options.misregistration, 2) / self.world.gsd)
        down, right = np.clip(shift, -_FARTHEST, _FARTHEST).astype(int).tolist()
        return down, right

    def _first(self, part: Part, count: int) -> list[Pass]:
        """The first tiles of a part, town by town."""
        towns = -(-count // len(PASSES))
        return [one for town in range(towns) for one in self.world.passes(part, town)][:count]

    def _swath(self, rng: np.random.Generator) -> NDArray[np.bool_]:
        """(size, size) what lies within the swath; its edge runs about along the flight."""
        size = self.world.size
        crossed, share = rng.random() < self.options.swath_edges, rng.uniform(*_CUT)
        tilt, far = rng.uniform(-0.2, 0.2), rng.random() < 0.5
        if not crossed:
            return np.ones((size, size), dtype=bool)
        place = (np.arange(size) + 0.5) / size
        within = np.asarray(place[:, None] + tilt * (place - 0.5) < 1.0 - share)
        return within if far else within[::-1]


class _BuildingMasks:
    """A :class:`~ackd.data.tiles.source.MaskReader` of buildings."""

    classes = ("background", "building")

    def __init__(self, towns: SyntheticTowns) -> None:
        self._towns = towns
        self.notes: Mapping[str, Any] = {}

    def read(self, row: int) -> NDArray[np.uint8]:
        return self._towns.mask(row)

    def finish(self) -> None:
        pass
