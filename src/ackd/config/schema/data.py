"""The ranges of the options of each data set; `data.name` says which one.

The options themselves, with their types and defaults, are in `ackd.data.options`; here stands only
what a type cannot say.
"""

from __future__ import annotations

from dataclasses import field
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, NonNegativeInt, PlainValidator, PositiveInt
from pydantic.dataclasses import dataclass

from ackd.data.options import (
    BENCHMARKS,
    ArchiveOptions,
    DataOptions,
    FileOptions,
    FolderOptions,
    SyntheticOptions,
)

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]  # what NumPy takes

__all__ = [
    "DATA_NAMES",
    "ArchivesConfig",
    "DataConfig",
    "FoldersConfig",
    "Mark",
    "PathText",
    "Seed",
    "SyntheticConfig",
]


def _three_bands(value: Any) -> Any:
    several = isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
    if value is None or value == "first":
        return value
    if several and len(value) == 3 and len(set(value)) == 3:
        return tuple(value)
    raise ValueError(
        "null (by wavelength), first (the first three of data.bands) or three band names, "
        "e.g. [B04,B03,B02]"
    )


def _size_or_found(value: Any) -> Any:
    number = isinstance(value, int) and not isinstance(value, bool) and value >= 8
    if value is None or value == "found" or number:
        return value
    raise ValueError(
        "null (the size of the MS images, to which RGB is resized), found (both sides as they "
        "are) or a number of pixels of at least 8"
    )


def _number_or_names(value: Any) -> Any:
    number = isinstance(value, int) and not isinstance(value, bool) and value >= 2
    if value is None or number:
        return value
    if _is_names(value):
        return tuple(str(name) for name in value)
    raise ValueError(
        "null (all of them), a number of at least 2 (the first ones) or a list of at least two "
        "class names, e.g. [forest,river]"
    )


def _names(value: Any) -> Any:
    if value is None:
        return value
    if _is_names(value):
        return tuple(str(name) for name in value)
    raise ValueError(
        "null (all of them) or a list of at least two class names, e.g. [Forest,River]"
    )


def _of_sides(value: Any) -> Any:
    if isinstance(value, dict) and set(value) <= {"ms", "rgb"}:
        given = {side: node for side, node in value.items() if node}
        if all(isinstance(node, dict) and "_target_" in node for node in given.values()):
            return given
    raise ValueError(
        "ms, rgb or both, each with the _target_ of an augmentation and its arguments, e.g. "
        "+data.augmentation.rgb._target_=package.module.Class"
    )


def _is_names(value: Any) -> bool:
    # a folder that is called 1 comes as a number
    plain = isinstance(value, list | tuple) and all(isinstance(name, str | int) for name in value)
    return plain and len(value) > 1 and not any(isinstance(name, bool) for name in value)


def _given(value: str) -> str:
    if value in ("", "???"):
        raise ValueError("a folder with one folder per class; give data.ms=DIR and data.rgb=DIR")
    return value


if TYPE_CHECKING:
    BenchmarkName = str
else:  # every class map of the package is a value of data.name
    BenchmarkName = Literal[BENCHMARKS]

Size = Annotated[int, Field(ge=8)]
Bands = Annotated[tuple[str, ...], Field(min_length=1)]
Fold = Annotated[int, Field(ge=0, le=4)]
# Plain: pydantic would tell one error a member of the union.
ThreeBands = Annotated[
    tuple[str, ...] | Literal["first"] | None,
    PlainValidator(_three_bands),
]
Reflectance = Annotated[float, Field(gt=0, le=2)]


class Mark(Enum):
    """What is special about an option; one without FREE, IMAGES and LABEL shapes the numbers."""

    PATH = "a file or a folder, which the command line takes to the letter"
    FREE = "where, how fast or how loudly: it may differ between two attempts at one run"
    IMAGES = "where images are: what is in them counts, as soon as they have been read"
    LABEL = "it tells runs apart, but shapes no number"


PathText = Annotated[str, Mark.PATH]
Given = Annotated[PathText, AfterValidator(_given)]

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class _Common(DataOptions):
    """The ranges of what every data set has; named first among the bases, so that they win."""

    split_seed: Seed
    fold: Fold
    pseudo_rgb_bands: ThreeBands
    pseudo_rgb_reflectance: Reflectance
    augmentation: Annotated[dict[str, Any], PlainValidator(_of_sides)] = field(
        default_factory=dict, hash=False
    )
    class_map: Annotated[PathText | None, Mark.IMAGES]
    packed: Annotated[bool, Mark.FREE]
    packs: Annotated[PathText, Mark.FREE]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class SyntheticConfig(_Common, SyntheticOptions):
    """The embedded default: scenes made on the spot."""

    name: Literal["synthetic"]
    bands: Bands
    size: Size
    seed: Seed
    ms_per_class: PositiveInt
    rgb_per_class: PositiveInt
    ms_test_per_class: NonNegativeInt
    rgb_test_per_class: NonNegativeInt
    classes: Annotated[int | tuple[str, ...] | None, PlainValidator(_number_or_names)]


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class _Files(_Common, FileOptions):
    """The ranges of what every data set that is read from files has."""

    packed: Annotated[bool, Mark.FREE]
    packs: Annotated[PathText, Mark.FREE]
    classes: Annotated[tuple[str, ...] | None, PlainValidator(_names)]
    rgb_max: Annotated[float, Field(gt=0)] | None
    scale: Annotated[float, Field(gt=0)] | None


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class ArchivesConfig(_Files, ArchiveOptions):
    """A benchmark from its publishers' archives under ``root``, or from a prepared folder."""

    name: BenchmarkName
    root: Annotated[PathText, Mark.IMAGES]
    sources: Bands | None
    bands: Bands | None
    size: Size


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class FoldersConfig(_Files, FolderOptions):
    """The user's own images: one folder per class on either side."""

    name: Literal["folders"]
    ms: Annotated[Given, Mark.IMAGES]
    rgb: Annotated[Given, Mark.IMAGES]
    bands: Bands | None
    size: Annotated[int | Literal["found"] | None, PlainValidator(_size_or_found)]
    file_bands: Bands | None


DataConfig = Annotated[
    SyntheticConfig | ArchivesConfig | FoldersConfig, Field(discriminator="name")
]

#: Every value of ``data.name``.
DATA_NAMES: tuple[str, ...] = tuple(
    name
    for model in (SyntheticConfig, ArchivesConfig, FoldersConfig)
    for name in get_args(get_type_hints(model)["name"])
)
