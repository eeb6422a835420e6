"""Paired tiles of synthetic towns: options checked, towns drawn, tiles cut out of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data import synthetic
from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.synthetic.kept import kept_scenes
from ackd.data.synthetic_tiles.ground import Ground
from ackd.data.synthetic_tiles.optical import draw_sun, photograph
from ackd.data.synthetic_tiles.radar import (
    SAR_BANDS,
    add_speckle,
    backscatter,
    decibels,
    receive,
)
from ackd.data.synthetic_tiles.town import make_town
from ackd.data.synthetic_tiles.world import CRS, PARTS, PASSES, Part, Pass, World
from ackd.data.tiles.tile_set import IGNORED, TileSet
from ackd.errors import ConfigError
from ackd.utils.progress import Progress

__all__ = ["make_tiles"]

_CODE: Final = (Path(__file__).parent, Path(str(synthetic.__file__)).parent)
_SPLIT: Final[dict[Part, int]] = {"train": TRAIN, "val": VAL, "test": TEST}
#: How much of a tile with a swath edge may be cut off.
_CUT: Final = (0.05, 0.6)


def make_tiles(
    seed: int = 0,
    train: int = 600,
    val: int = 100,
    test: int = 200,
    size: int = 128,
    *,
    resolution: float = 1.0,
    incidence: float = 35.0,
    looks: int = 2,
    swath_edges: float = 0.3,
    align: bool = True,
    progress: Progress | None = None,
    packs: Path | None = None,
) -> TileSet:
    """Make optical and SAR tiles of synthetic towns with masks of their buildings.

    Towns differ in streets, buildings, heights, fields, trees and water. Each is seen on two
    passes, by a radar in the north and by one in the south; the two tiles show partly the same
    ground, on different days. The towns of validation lie in the west and those of test in the
    east, so that no ground of one part is seen in another. Tile k of a part depends on the seed
    and on k alone, so that asking for more tiles leaves the first ones as they were.

    Args:
        seed: Which world to make, >= 0. The same seed gives the same bytes, given the same
            versions of NumPy, SciPy and GDAL.
        train: Tiles for training, >= 1.
        val: Tiles for validation, >= 0.
        test: Tiles for test, >= 0.
        size: Side of a tile in pixels, 32 to 1024.
        resolution: Side of a pixel in metres, 0.25 to 4.
        incidence: Of the radar in degrees from the vertical, 20 to 60. Higher buildings are laid
            over further towards the radar the steeper it looks.
        looks: Independent looks of the speckle, 1 to 64; fewer are noisier.
        swath_edges: Share of tiles that the edge of the swath crosses, in [0, 1]; beyond it both
            images hold 0 and the mask :data:`ackd.data.tiles.IGNORED`.
        align: Whether tiles seen from the south are turned by 180 degrees, both images and the
            mask, so that layover points to the upper edge of each tile; else north is up.
        progress: Called as ``progress(done, total)`` after each tile that is drawn.
        packs: Folder that keeps the drawn tiles for the next time and maps them into memory; None
            keeps nothing.

    Returns:
        Tiles with R, G, B in uint8 and HH, HV, VH, VV in decibels, at the levels of SpaceNet 6.

    Raises:
        ConfigError: An option is of the wrong kind or out of range.
    """
    world = World(
        seed=_whole("seed", seed, 0),
        size=_whole("size", size, 32, 1024),
        gsd=_number("resolution", resolution, 0.25, 4.0),
        incidence=_number("incidence", incidence, 20.0, 60.0),
    )
    counts: dict[Part, int] = {
        "train": _whole("train", train, 1),
        "val": _whole("val", val, 0),
        "test": _whole("test", test, 0),
    }
    camera = _Camera(
        world, _whole("looks", looks, 1, 64), _number("swath_edges", swath_edges, 0.0, 1.0), align
    )
    tiles = [(part, one) for part in PARTS for one in _first(world, part, counts[part])]

    def draw() -> NDArray[Any]:
        found = np.empty(len(tiles), dtype=_record(world.size))
        ground = None
        for row, (part, one) in enumerate(tiles):
            if ground is None or one.side == PASSES[0]:
                ground = make_town(world.stream(part, one.town, 0), world.side, world.gsd)
            camera.take(part, one, ground, found[row])
            if progress is not None:
                progress(row + 1, len(tiles))
        return found

    about = {
        "kind": "tiles", "seed": seed, "counts": counts, "size": size, "resolution": resolution,
        "incidence": incidence, "looks": looks, "swath_edges": swath_edges, "align": align,
    }  # fmt: skip
    pixels = kept_scenes(packs, about, draw, code=_CODE, mapped=True)
    return TileSet(
        name="synthetic",
        optical=pixels["optical"],
        sar=pixels["sar"],
        valid=pixels["valid"],
        masks=pixels["mask"],
        ids=np.array([f"{part}_{one.town:04d}_{one.side}" for part, one in tiles]),
        split=np.array([_SPLIT[part] for part, _ in tiles], dtype=np.int8),
        classes=("background", "building"),
        optical_bands=("R", "G", "B"),
        sar_bands=SAR_BANDS,
        bounds=np.array([world.bounds(part, one) for part, one in tiles], dtype=np.float64),
        crs=CRS,
        notes={
            "about": (
                "Synthetic towns, imaged by the geometry of an optical and of a SAR sensor; the "
                "numbers measured on them say nothing about any real place or sensor."
            ),
            "seed": seed,
        },
    )


@dataclass(frozen=True)
class _Camera:
    """Cuts tiles out of towns, as both sensors see them on one pass.

    Attributes:
        world: Where the towns lie.
        looks: Of the speckle.
        swath_edges: Share of tiles that the edge of the swath crosses.
        align: Whether tiles seen from the south are turned by 180 degrees.
    """

    world: World
    looks: int
    swath_edges: float
    align: bool

    def take(self, part: Part, one: Pass, town: Ground, into: Any) -> None:
        """Write a tile of a town into a record."""
        rng = self.world.stream(part, one.town, 2, PASSES.index(one.side))
        margin, size = self.world.margin, self.world.size
        around = size + 2 * margin
        ground = town.window(
            slice(one.row - margin, one.row - margin + around),
            slice(one.column - margin, one.column - margin + around),
        )
        inner = (slice(margin, margin + size), slice(margin, margin + size))
        optical = photograph(rng, ground, draw_sun(rng), margin)
        # layover and shadow run along columns; walls look a few pixels to each side
        aside = slice(margin - 4, margin + size + 4)
        seen = ground.window(slice(None), aside)
        seen = seen.turned() if one.side == "south" else seen
        power = receive(backscatter(seen, self.world.incidence))[:, margin : margin + size, 4:-4]
        sar = decibels(add_speckle(rng, power, self.looks))
        mask = (ground.building[inner] > 0).astype(np.uint8)
        if one.side == "south":  # both as the radar sees them
            optical, mask = optical[:, ::-1, ::-1], mask[::-1, ::-1]
        valid = self._swath(rng)
        tile = {
            "optical": np.where(valid, optical, 0),
            "sar": np.where(valid, sar, 0),
            "mask": np.where(valid, mask, IGNORED),
            "valid": valid,
        }
        north_up = one.side == "south" and not self.align
        for name, layer in tile.items():
            into[name] = layer[..., ::-1, ::-1] if north_up else layer

    def _swath(self, rng: np.random.Generator) -> NDArray[np.bool_]:
        """(size, size) what lies within the swath; its edge runs about along the flight."""
        size = self.world.size
        crossed, share = rng.random() < self.swath_edges, rng.uniform(*_CUT)
        tilt, far = rng.uniform(-0.2, 0.2), rng.random() < 0.5
        if not crossed:
            return np.ones((size, size), dtype=bool)
        place = (np.arange(size) + 0.5) / size
        within = place[:, None] + tilt * (place - 0.5) < 1.0 - share
        return within if far else within[::-1]


def _first(world: World, part: Part, count: int) -> list[Pass]:
    """The first tiles of a part, town by town."""
    towns = -(-count // len(PASSES))
    return [one for town in range(towns) for one in world.passes(part, town)][:count]


def _record(size: int) -> np.dtype[Any]:
    """What is stored of a tile; one file holds all tiles, each in one piece."""
    return np.dtype(
        [
            ("sar", np.float32, (len(SAR_BANDS), size, size)),
            ("optical", np.uint8, (3, size, size)),
            ("mask", np.uint8, (size, size)),
            ("valid", np.bool_, (size, size)),
        ]
    )


def _whole(option: str, value: object, low: int, high: int | None = None) -> int:
    """Return ``value`` as an int once it is known to be whole and within its limits."""
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        number = int(value)
        if low <= number and (high is None or number <= high):
            return number
    span = f"of at least {low}" if high is None else f"from {low} to {high}"
    raise ConfigError(
        f"data.{option} of the synthetic tiles is {value!r}; expected a whole number {span}."
    )


def _number(option: str, value: object, low: float, high: float) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    raise ConfigError(
        f"data.{option} of the synthetic tiles is {value!r}; expected a number from {low:g} to "
        f"{high:g}."
    )
