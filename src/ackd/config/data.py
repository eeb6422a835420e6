"""The options of each data set; `data.name` says which one."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, PositiveInt

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
    three = isinstance(value, list) and len(value) == 3 and len(set(map(str, value))) == 3
    if value is None or value == "first" or (three and all(isinstance(n, str) for n in value)):
        return value
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
        return [str(name) for name in value]
    raise ValueError(
        "null (all of them), a number of at least 2 (the first ones) or a list of at least two "
        "class names, e.g. [forest,river]"
    )


def _names(value: Any) -> Any:
    if value is None:
        return value
    if _is_names(value):
        return [str(name) for name in value]
    raise ValueError(
        "null (all of them) or a list of at least two class names, e.g. [Forest,River]"
    )


def _is_names(value: Any) -> bool:
    # a folder that is called 1 comes as a number
    plain = isinstance(value, list) and all(isinstance(name, str | int) for name in value)
    return plain and len(value) > 1 and not any(isinstance(name, bool) for name in value)


def _given(value: str) -> str:
    if value in ("", "???"):
        raise ValueError("a folder with one folder per class; give data.ms=DIR and data.rgb=DIR")
    return value


Size = Annotated[int, Field(ge=8)]
Bands = Annotated[list[str], Field(min_length=1)]


class Mark(Enum):
    """What is special about an option; one without FREE, IMAGES and LABEL shapes the numbers."""

    PATH = "a file or a folder, which the command line takes to the letter"
    FREE = "where, how fast or how loudly: it may differ between two attempts at one run"
    IMAGES = "where images are: what is in them counts, as soon as they have been read"
    LABEL = "it tells runs apart, but shapes no number"


PathText = Annotated[str, Mark.PATH]
Given = Annotated[PathText, AfterValidator(_given)]


class CommonData(BaseModel):
    """What every data set has: splits, normalisation, pseudo-RGB."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    protocol: Literal["strict", "paper", "publisher"]
    split_seed: Seed
    fold: Annotated[int, Field(ge=0, le=4)]
    normalise: Literal["standard", "image_max"]
    pseudo_rgb: Literal["stretch", "image_max"]
    # Plain: pydantic would tell one error a member of the union.
    pseudo_rgb_bands: Annotated[list[str] | Literal["first"] | None, PlainValidator(_three_bands)]
    pseudo_rgb_reflectance: Annotated[float, Field(gt=0, le=2)]
    augment: bool
    class_map: Annotated[PathText | None, Mark.IMAGES]


class SyntheticConfig(CommonData):
    """The embedded default: scenes made on the spot."""

    name: Literal["synthetic"]
    bands: Bands
    size: Size
    seed: Seed
    ms_per_class: PositiveInt
    rgb_per_class: PositiveInt
    classes: Annotated[int | list[str] | None, PlainValidator(_number_or_names)]


class PackedData(CommonData):
    """Images that are decoded once: ``packs`` is where to, unless ``packed`` is off."""

    packed: Annotated[bool, Mark.FREE]
    packs: Annotated[PathText, Mark.FREE]
    classes: Annotated[list[str] | None, PlainValidator(_names)]


class ArchivesConfig(PackedData):
    """A benchmark from its publishers' archives under ``root``, or from a prepared folder."""

    name: Literal["s2s_eu", "s2s_cn", "m2s_gl", "m2s_gl_v2"]
    root: Annotated[PathText, Mark.IMAGES]
    layout: Literal["publishers", "released"]
    sources: Bands | None
    bands: Bands | None
    size: Size
    twins: Literal["split", "all", "paired"]
    draw: Literal["paper", "all"]
    missing_classes: Literal["error", "drop"]


class FoldersConfig(PackedData):
    """The user's own images: one folder per class, on either side."""

    name: Literal["folders"]
    ms: Annotated[Given, Mark.IMAGES]
    rgb: Annotated[Given, Mark.IMAGES]
    bands: Bands | None
    size: Annotated[int | Literal["found"] | None, PlainValidator(_size_or_found)]
    sensor: str | None
    file_bands: Bands | None


DataConfig = Annotated[
    SyntheticConfig | ArchivesConfig | FoldersConfig, Field(discriminator="name")
]

#: Every value of ``data.name``.
DATA_NAMES: tuple[str, ...] = tuple(
    name
    for model in (SyntheticConfig, ArchivesConfig, FoldersConfig)
    for name in get_args(model.model_fields["name"].annotation)
)
