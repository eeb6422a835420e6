"""The options of paired tiles, as frozen objects that travel to wherever they act.

They are the schema of ``data.*`` of ``python -m ackd.segment``: each object refuses what cannot be
right, whoever builds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from ackd.data.options import HowToSplit
from ackd.errors import ConfigError, unknown

__all__ = [
    "COVERS",
    "REST",
    "ForestOptions",
    "PairsOptions",
    "SarUnit",
    "TileOptions",
]

#: What the numbers of SAR images are.
SarUnit = Literal["db", "linear", "other"]

#: In ``data.classes``: the class of all values that no other class has.
REST: Final = "rest"

#: A mask has 8 bits, and 255 marks pixels of which nothing is known.
_MOST_CLASSES: Final = 255

#: Kinds of land cover by name, and the codes that CORINE has for them.
COVERS: Final[Mapping[str, tuple[int, ...]]] = {
    "forest": (311, 312, 313),
    "water": (511, 512, 521, 522, 523),
    "built_up": (111, 112, 121, 122, 123, 124, 133),
}


@dataclass(frozen=True, kw_only=True)
class TileOptions:
    """What every set of paired tiles has.

    Attributes:
        name: The data set.
        split: How tiles are split, one of :data:`~ackd.data.splits.tile_splits.TILE_SPLITS`; by
            place where places are known, else by blocks, where None.
        val: For validation: a share of the tiles below 1, or a number of tiles.
        test: For test, likewise.
        split_seed: Of splits that are drawn.
        split_file: Of ``split="file"``: which tile is for what.
        crop: Side of the windows that are trained on, in pixels; whole tiles where None.
        min_valid: The share of valid pixels that a window should have.
        mirror: Whether windows are mirrored left to right, every other one by chance.
        quarter_turns: Whether they are turned by quarters of a circle as well, wrong for SAR.
        packed: Whether tiles are read or drawn once into packs; else in every run.
        packs: The folder for packs.
    """

    name: str
    split: HowToSplit | None = None
    val: int | float = 0.1
    test: int | float = 0.15
    split_seed: int = 0
    split_file: str | None = None
    crop: int | None = None
    min_valid: float = 0.2
    mirror: bool = True
    quarter_turns: bool = False
    packed: bool = True
    packs: str = "artifacts/packed"

    def __post_init__(self) -> None:
        # late: the schema needs the options alone, and does not wait for NumPy and GDAL
        from ackd.data.splits.tile_splits import check_tile_split

        check_tile_split(self.split, self.val, self.test, self.split_seed, self.split_path)
        if self.crop is not None and self.crop < 1:
            raise ConfigError(
                f"data.crop={self.crop} is not a size in pixels; expected at least 1, or null for "
                "whole tiles."
            )
        if not 0 <= self.min_valid <= 1:
            raise ConfigError(
                f"data.min_valid={self.min_valid:g} is not a share; expected a number from 0 to 1."
            )

    @property
    def split_path(self) -> Path | None:
        """The file of the split; None where there is none."""
        return None if self.split_file is None else Path(self.split_file).expanduser()

    @property
    def pack_folder(self) -> Path | None:
        """The folder for packs; None where nothing is packed."""
        return Path(self.packs).expanduser() if self.packed else None


@dataclass(frozen=True, kw_only=True)
class PairsOptions(TileOptions):
    """The user's own pairs: one folder per sensor, and masks or footprints.

    Attributes:
        optical: The folder of optical images.
        sar: The folder of SAR images.
        masks: The folder of masks or footprints, or one file with the footprints of all tiles; None
            for tiles without labels.
        optical_names: What the files of optical images are called, without their ending, with a
            ``*`` for the name that the tile has on all sides, e.g. ``"*_optical"``; found where
            None.
        sar_names: The same of SAR images.
        mask_names: The same of masks.
        optical_bands: Names of the optical bands to use, in this order; all where None.
        sar_bands: The same of SAR images.
        classes: Name of a class -> its value in masks, its values, or ``"rest"`` for all other
            values. The first class is the background. None: masks hold 0 and 1, or 0 and 255.
        ignore: The value of masks where nothing is known; None where there is none.
        masks_crs: The coordinate system of footprints that do not say theirs, e.g.
            ``"EPSG:32631"``.
        sar_unit: ``"db"`` where SAR images hold decibels, ``"linear"`` where they hold intensities,
            which become decibels; ``"other"`` takes any numbers as they are.
        optical_nodata: A number that marks pixels without data although the files do not say so.
        sar_nodata: The same of SAR images.
        zero_is_nodata: Whether a pixel that is 0 in all bands of a sensor has no data.
    """

    optical: str
    sar: str
    masks: str | None = None
    optical_names: str | None = None
    sar_names: str | None = None
    mask_names: str | None = None
    optical_bands: tuple[str, ...] | None = None
    sar_bands: tuple[str, ...] | None = None
    classes: dict[str, Any] | None = field(default=None, hash=False)
    ignore: int | None = None
    masks_crs: str | None = None
    sar_unit: SarUnit = "db"
    optical_nodata: float | None = None
    sar_nodata: float | None = None
    zero_is_nodata: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sar_unit not in get_args(SarUnit):
            raise unknown("unit of SAR images", self.sar_unit, get_args(SarUnit), "data.sar_unit")
        for side in ("optical", "sar", "mask"):
            names = getattr(self, f"{side}_names")
            if names is not None and names.count("*") != 1:
                raise ConfigError(
                    f"data.{side}_names={names} does not say where the tile's name is; expected "
                    f"one * for it, e.g. data.{side}_names='*_{side}'."
                )
        if self.classes is not None:
            _check_classes(self.classes, self.ignore)


@dataclass(frozen=True, kw_only=True)
class ForestOptions(TileOptions):
    """Sentinel-2, Sentinel-1 and CORINE land cover of BigEarthNet v2 patches.

    Attributes:
        root: The folder that has ``BigEarthNet-v2-S1S2-CLC``, or that folder itself.
        cover: The land cover that is looked for, one of :data:`COVERS`.
        codes: CORINE codes of another one, which ``cover`` then is the name of.
    """

    root: str
    cover: str = "forest"
    codes: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.codes is None and self.cover not in COVERS:
            error = unknown("land cover", self.cover, COVERS, "data.cover")
            raise ConfigError(f"{error} Another one needs its CORINE codes: data.codes=[231].")

    @property
    def cover_codes(self) -> tuple[int, ...]:
        """The CORINE codes of the land cover that is looked for."""
        return COVERS[self.cover] if self.codes is None else self.codes


def _check_classes(classes: Mapping[str, Any], ignore: int | None) -> None:
    example = "data.classes={background:0,building:255}, or {other:rest,forest:[311,312,313]}"
    if not 2 <= len(classes) <= _MOST_CLASSES:
        raise ConfigError(
            f"data.classes names {len(classes)} classes; expected at least 2, the background "
            f"first: {example}."
        )
    owners: dict[Any, str] = {}
    for name, given in classes.items():
        values = list(given) if isinstance(given, list | tuple) else [given]
        whole = all(isinstance(one, int) and not isinstance(one, bool) for one in values)
        if not values or not (whole or values == [REST]):
            raise ConfigError(
                f"data.classes.{name}={given} is not a value of masks; expected a whole number, a "
                f"list of them or {REST}: {example}."
            )
        for value in values:
            if value in owners:
                raise ConfigError(
                    f"data.classes gives {value} to both {owners[value]} and {name}; each value "
                    "has one class."
                )
            if value == ignore:
                raise ConfigError(
                    f"data.classes.{name} has the value {value}, which data.ignore={ignore} leaves "
                    "out; choose one of the two."
                )
            owners[value] = name
