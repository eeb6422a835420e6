"""The options of each data set; `data.name` says which one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, PositiveInt

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]  # what NumPy takes

__all__ = ["DataConfig", "S2SEUConfig", "SyntheticConfig"]


def _three_bands(value: Any) -> Any:
    three = isinstance(value, list) and len(value) == 3 and len(set(map(str, value))) == 3
    if value is None or value == "first" or (three and all(isinstance(n, str) for n in value)):
        return value
    raise ValueError(
        "null (by wavelength), first (the first three of data.bands) or three band names, "
        "e.g. [B04,B03,B02]"
    )


class CommonData(BaseModel):
    """What every data set has: bands, splits, normalisation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    bands: Annotated[list[str], Field(min_length=1)]
    size: Annotated[int, Field(ge=8)]
    protocol: Literal["strict", "paper"]
    split_seed: Seed
    fold: Annotated[int, Field(ge=0, le=4)]
    normalise: Literal["standard", "image_max"]
    pseudo_rgb: Literal["stretch", "image_max"]
    # Plain: pydantic would tell one error a member of the union.
    pseudo_rgb_bands: Annotated[list[str] | Literal["first"] | None, PlainValidator(_three_bands)]
    pseudo_rgb_reflectance: Annotated[float, Field(gt=0, le=2)]
    augment: bool


class SyntheticConfig(CommonData):
    """The embedded default: scenes made on the spot."""

    name: Literal["synthetic"]
    seed: Seed
    ms_per_class: PositiveInt
    rgb_per_class: PositiveInt
    classes: Annotated[int, Field(ge=2)] | None


class S2SEUConfig(CommonData):
    """S2S-EU from its publishers' archives under ``root``."""

    name: Literal["s2s_eu"]
    root: str
    sources: Annotated[list[str], Field(min_length=1)]
    twins: Literal["split", "all", "paired"]


DataConfig = Annotated[SyntheticConfig | S2SEUConfig, Field(discriminator="name")]
