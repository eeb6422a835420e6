"""The options of a data set, as one frozen object that travels to wherever they act.

These dataclasses are the schema of ``data.*``: `ackd.config.schema.data` adds ranges to them and
nothing else, ``ackd.prepare`` derives its flags from them, and the packs derive their key from
them. To add an option, add a field here, a line to its YAML in ``conf/data/base``, and the code
that reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, get_args, get_type_hints

from ackd.errors import ConfigError, unknown

__all__ = [
    "AS_STORED",
    "BENCHMARKS",
    "CLASS_MAPS",
    "RECORDED",
    "ArchiveOptions",
    "DataOptions",
    "FileOptions",
    "FolderOptions",
    "HowToSplit",
    "PixelOptions",
    "SyntheticOptions",
    "choices_of",
    "from_plain",
    "image_options",
    "pixel_options",
    "recorded",
]

#: Where the class maps of the benchmarks are.
CLASS_MAPS: Final = files("ackd.data.datasets") / "classmaps"

#: The benchmarks: those that have a class map.
BENCHMARKS: Final = tuple(
    sorted(
        entry.name.removesuffix(".yaml")
        for entry in CLASS_MAPS.iterdir()
        if entry.name.endswith(".yaml")
    )
)

#: How paired tiles are split, see `ackd.data.splits.tile_splits.TILE_SPLITS`.
HowToSplit = Literal["place", "blocks", "file", "random"]

_ROLE: Final = "role"
#: Which images there are: `ackd.data.splits.selection.Selection.options` has these as they were
#: applied.
_IMAGES: Final = MappingProxyType({_ROLE: "images"})
#: The bands; a pack of more bands serves for fewer, so they are compared on their own.
_BANDS: Final = MappingProxyType({_ROLE: "bands"})
#: The classes: the class list and the labels of a selection have them.
_CLASSES: Final = MappingProxyType({_ROLE: "classes"})
#: Neither which images nor which pixels: how they are split, normalized, augmented, stored.
_USE: Final = MappingProxyType({_ROLE: "use"})


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """What every data set has: splits, normalization, pseudo-RGB, packs.

    Attributes:
        name: The data set.
        protocol: How it is split, one of `ackd.data.splits.PROTOCOLS`.
        split_seed: Seed of twins, draw and splits.
        fold: Which of the five folds is the test share.
        normalise: See `ackd.data.normalise.normalisers_of`.
        pseudo_rgb: See `ackd.data.pseudo_rgb.PseudoRGB`.
        pseudo_rgb_bands: See `ackd.data.pseudo_rgb.pseudo_rgb_bands`.
        pseudo_rgb_reflectance: The reflectance that becomes 255 in pseudo-RGB.
        augment: Whether training images are flipped and turned.
        augmentation: ``"ms"``, ``"rgb"`` or both -> ``_target_`` and arguments of an augmentation
            of the user's own; see `ackd.data.augmentation.Augmentation`.
        class_map: A file of the user's own classes; see `ackd.data.datasets.own_classes`.
        packed: Whether images are decoded or drawn once into packs; else in every run.
        packs: The folder for packs.
    """

    name: str = field(metadata=_USE)
    protocol: Literal["strict", "paper", "publisher"] = field(default="strict", metadata=_USE)
    split_seed: int = field(default=0, metadata=_IMAGES)
    fold: int = field(default=0, metadata=_USE)
    normalise: Literal["standard", "image_max"] = field(default="standard", metadata=_USE)
    pseudo_rgb: Literal["stretch", "image_max"] = field(default="stretch", metadata=_USE)
    pseudo_rgb_bands: tuple[str, ...] | Literal["first"] | None = field(default=None, metadata=_USE)
    pseudo_rgb_reflectance: float = field(default=0.275, metadata=_USE)
    augment: bool = field(default=False, metadata=_USE)
    augmentation: dict[str, Any] = field(default_factory=dict, metadata=_USE, hash=False)
    class_map: str | None = field(default=None, metadata=_CLASSES)
    packed: bool = field(default=True, metadata=_USE)
    packs: str = field(default="artifacts/packed", metadata=_USE)

    @property
    def pack_folder(self) -> Path | None:
        """The folder for packs; None where nothing is packed."""
        return Path(self.packs).expanduser() if self.packed else None


@dataclass(frozen=True, kw_only=True)
class SyntheticOptions(DataOptions):
    """Scenes made on the spot; see `ackd.data.synthetic.make_synthetic`.

    Attributes:
        bands: Sentinel-2 bands by name, in the order wanted.
        size: Height and width in pixels.
        seed: Of the scenes.
        ms_per_class: MS images per class.
        rgb_per_class: RGB images per class.
        ms_test_per_class: MS images per class that only test, beside the split ones.
        rgb_test_per_class: RGB images per class that only test, beside the split ones.
        classes: The first so many classes, or classes by name; all where None.
    """

    bands: tuple[str, ...]
    size: int
    seed: int
    ms_per_class: int
    rgb_per_class: int
    ms_test_per_class: int
    rgb_test_per_class: int
    classes: int | tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class PixelOptions:
    """How the pixels of a file are read, and what their numbers mean.

    Attributes:
        nodata: What happens to images with invalid pixels. ``error`` refuses them; ``zero`` keeps
            them as NaN in float32, which no statistics see and which are 0 after normalization;
            ``drop`` leaves the whole image out.
        nodata_value: A number that marks invalid pixels of the MS images although the files do
            not say so; None where there is none.
        rgb_max: The number that is full white in RGB files of more than 8 bits per channel; None
            infers it from the type of the files.
        scale: MS digital numbers per unit of reflectance; None for the sensor's own. It says what
            the stored numbers mean and does not change them.
        offset: Added to MS digital numbers before they are divided by the scale, as in
            ``BOA_ADD_OFFSET`` of Sentinel-2 products; the stored numbers stay as they are.
    """

    nodata: Literal["error", "zero", "drop"] = "error"
    nodata_value: float | None = None
    rgb_max: float | None = None
    scale: float | None = field(default=None, metadata=_USE)
    offset: float = field(default=0.0, metadata=_USE)

    def __post_init__(self) -> None:
        choices = get_args(get_type_hints(PixelOptions)["nodata"])
        if self.nodata not in choices:
            raise unknown("policy for invalid pixels", self.nodata, choices, "data.nodata")
        for name in ("rgb_max", "scale"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ConfigError(f"data.{name}={value:g} is not valid: expected a number above 0.")


#: Of a file about which nothing was said.
AS_STORED: Final = PixelOptions()


@dataclass(frozen=True, kw_only=True)
class FileOptions(DataOptions, PixelOptions):
    """Images that are read from files. A field without a mark shapes pixels.

    Attributes:
        sources: The RGB sources to use, some or all of the class map's; all where None.
        twins: One of `ackd.data.splits.twins.TWINS`.
        draw: One of `ackd.data.splits.selection.DRAWS`.
        missing_classes: One of `ackd.data.datasets.listing.MISSING`.
        size: Height and width of all images in pixels; as found where None or ``"found"``.
        bands: The MS bands by name, in the order wanted; all of the files where None.
        classes: The classes to use; all where None.
    """

    sources: tuple[str, ...] | None = field(default=None, metadata=_IMAGES)
    twins: Literal["split", "all", "paired"] = field(default="split", metadata=_IMAGES)
    draw: Literal["paper", "all"] = field(default="paper", metadata=_IMAGES)
    missing_classes: Literal["error", "drop"] = field(default="error", metadata=_IMAGES)
    size: int | Literal["found"] | None = None
    bands: tuple[str, ...] | None = field(default=None, metadata=_BANDS)
    classes: tuple[str, ...] | None = field(default=None, metadata=_CLASSES)

    @property
    def sizes(self) -> dict[str, int | None]:
        """Pixels per side of the images of ``"ms"`` and ``"rgb"``; None leaves them as found."""
        return dict.fromkeys(("ms", "rgb"), None if self.size == "found" else self.size)


@dataclass(frozen=True, kw_only=True)
class ArchiveOptions(FileOptions):
    """A benchmark from its publishers' archives, or from a prepared folder.

    Attributes:
        root: The folder that holds the archives, or the prepared folder. Packs know the files.
        layout: One of `ackd.data.datasets.benchmarks.LAYOUTS`; another one reads other files.
    """

    root: str = field(metadata=_USE)
    layout: Literal["publishers", "released"] = field(default="publishers", metadata=_USE)


@dataclass(frozen=True, kw_only=True)
class FolderOptions(FileOptions):
    """The user's own images: one folder per class on either side.

    Which images there are is what the folders hold: nothing is drawn, and no two images of the two
    sides are the same scene. ``size`` is that of the MS images, to which RGB images are resized,
    where it is None.

    Attributes:
        ms: The folder of the MS side. Packs know the files.
        rgb: The folder of the RGB side.
        sensor: The sensor's name where its wavelengths are known; see `ackd.data.own_folders`.
        file_bands: The bands in the order of the files; ``b1``, ``b2``, ... where None.
    """

    ms: str = field(metadata=_USE)
    rgb: str = field(metadata=_USE)
    sensor: str | None = None
    file_bands: tuple[str, ...] | None = None
    sources: None = field(default=None, init=False, metadata=_IMAGES)
    twins: Literal["split"] = field(default="split", init=False, metadata=_IMAGES)
    draw: Literal["paper"] = field(default="paper", init=False, metadata=_IMAGES)
    missing_classes: Literal["error"] = field(default="error", init=False, metadata=_IMAGES)

    def with_rgb_size(self, size: int | None) -> FolderOptions:
        """The same options once a look at the files has told the size of the RGB images."""
        given = {one.name: getattr(self, one.name) for one in fields(FolderOptions) if one.init}
        return _LookedAt(**given, rgb_size=size)


@dataclass(frozen=True, kw_only=True)
class _LookedAt(FolderOptions):
    """The options of own folders, and what was not said but seen.

    Attributes:
        rgb_size: Height and width of the RGB images in pixels; as found where None.
    """

    rgb_size: int | None

    @property
    def sizes(self) -> dict[str, int | None]:
        return {**super().sizes, "rgb": self.rgb_size}


def pixel_options(options: FileOptions) -> dict[str, Any]:
    """The options that shape pixels, other than ``bands``, fit for JSON.

    Every field without a mark is one, so that a new option is in the key of every pack unless
    somebody says that it does not shape pixels.
    """
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in _values(options).items()
        if _role(type(options), name) is None
    }


def image_options(kind: type[FileOptions]) -> tuple[str, ...]:
    """The names of the options that choose which images there are."""
    return tuple(one.name for one in fields(kind) if _role(kind, one.name) == "images")


#: Options that packs and manifests have under another name, since their first version.
RECORDED: Final = MappingProxyType({"missing_classes": "missing", "split_seed": "seed"})


def recorded(options: FileOptions, sources: Sequence[str] | None) -> dict[str, Any]:
    """The options that choose which images there are, as packs and manifests have them.

    Args:
        options: What is wanted.
        sources: The RGB sources that ``options.sources`` comes to.
    """
    names = image_options(type(options))
    found = {RECORDED.get(name, name): getattr(options, name) for name in names}
    return {**found, "sources": sources}


def choices_of(option: str) -> tuple[str, ...]:
    """The values that an option of an archive may have."""
    found: tuple[str, ...] = get_args(get_type_hints(ArchiveOptions)[option])
    return found


def from_plain(values: Mapping[str, Any]) -> ArchiveOptions:
    """Build options from plain values, such as those of a YAML file: lists become tuples."""
    fitting: dict[str, Any] = {
        name: tuple(one) if isinstance(one, list) else one for name, one in values.items()
    }
    return ArchiveOptions(**fitting)


def _values(options: DataOptions) -> dict[str, Any]:
    return {one.name: getattr(options, one.name) for one in fields(options)}


def _role(kind: type, name: str) -> str | None:
    """What a field is marked as in this file; subclasses elsewhere narrow the types of some."""
    for base in kind.__mro__:
        own = getattr(base, "__dataclass_fields__", {}).get(name)
        if own is not None and _ROLE in own.metadata:
            return str(own.metadata[_ROLE])
    return None
