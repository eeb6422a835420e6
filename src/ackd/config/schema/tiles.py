"""The ranges of the options of paired tiles; `data.name` says which data set.

The options themselves, with their types and defaults, are those of the data sets; here stands only
what a type cannot say.
"""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, NonNegativeInt, PositiveInt
from pydantic.dataclasses import dataclass

from ackd.config.schema.data import Mark, PathText, Seed
from ackd.data.synthetic_tiles.options import SyntheticTileOptions
from ackd.data.tiles.options import ForestOptions, PairsOptions, TileOptions

__all__ = ["TILE_DATA", "ForestConfig", "PairsConfig", "SyntheticTilesConfig", "TilesConfig"]

#: A share of the tiles below 1, or a number of tiles.
Part = Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, lt=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]
Given = Annotated[PathText, Field(min_length=1)]


def _given(value: str) -> str:
    if value in ("", "???"):
        raise ValueError(
            "a folder with an image per tile; give data.optical=DIR, data.sar=DIR and "
            "data.masks=DIR"
        )
    return value


Images = Annotated[PathText, AfterValidator(_given)]

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class _Common(TileOptions):
    """The ranges of what every set of tiles has; named first among the bases, so that they win."""

    split: Literal["place", "blocks", "file", "random"] | None
    val: Part
    test: Part
    split_seed: Seed
    split_file: Annotated[Given | None, Mark.IMAGES]
    crop: PositiveInt | None
    min_valid: Annotated[float, Field(ge=0, le=1)]
    packed: Annotated[bool, Mark.FREE]
    packs: Annotated[PathText, Mark.FREE]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class SyntheticTilesConfig(_Common, SyntheticTileOptions):
    """Towns that are drawn on the spot."""

    name: Literal["synthetic"]
    seed: Seed
    train: PositiveInt
    val: NonNegativeInt
    test: NonNegativeInt
    size: Annotated[int, Field(ge=32, le=1024)]
    resolution: Annotated[float, Field(ge=0.25, le=4)]
    incidence: Annotated[float, Field(ge=20, le=60)]
    looks: Annotated[int, Field(ge=1, le=64)]
    swath_edges: Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ForestConfig(_Common, ForestOptions):
    """Patches of BigEarthNet v2 with CORINE land cover."""

    name: Literal["bigearthnet_forest"]
    root: Annotated[Given, Mark.IMAGES]
    cover: Annotated[str, Field(min_length=1)]
    codes: Annotated[tuple[int, ...], Field(min_length=1)] | None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class PairsConfig(_Common, PairsOptions):
    """The user's own pairs."""

    name: Literal["pairs"]
    optical: Annotated[Images, Mark.IMAGES]
    sar: Annotated[Images, Mark.IMAGES]
    masks: Annotated[Given | None, Mark.IMAGES]
    optical_bands: Names | None
    sar_bands: Names | None
    classes: dict[str, Any] | None = field(default=None, hash=False)
    sar_unit: Literal["db", "linear", "other"]


TilesConfig = Annotated[
    SyntheticTilesConfig | ForestConfig | PairsConfig, Field(discriminator="name")
]

#: Every value of ``data.name``.
TILE_DATA: tuple[str, ...] = tuple(
    name
    for model in (SyntheticTilesConfig, ForestConfig, PairsConfig)
    for name in get_args(get_type_hints(model)["name"])
)
