"""A user's own images: a folder of class folders for the MS side, and one for the RGB side.

`OwnData.look` lists both and opens one file of each, which takes a second or two however many there
are; what it cannot tell is in its questions, all at once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from ackd.data.benchmark import Modality
from ackd.data.datasets.class_map import ClassMap
from ackd.data.datasets.own_classes import OwnClassMap, check_chosen, choose_classes
from ackd.data.own_folders.camera import Camera, camera_of, numbered_camera
from ackd.data.own_folders.first_look import PHOTOGRAPHS, TIFS, FirstLook, look_at
from ackd.data.own_folders.questions import Answer, OpenQuestionsError, Question
from ackd.data.reading.band_names import other_order
from ackd.data.reading.multispectral import plain_tifs
from ackd.data.reading.value_range import judge_values
from ackd.data.sensors import Sensor, find_sensor
from ackd.data.sources import ClassFolders, Source
from ackd.data.splits import FOLDS
from ackd.errors import DataError, nearest

__all__ = ["FOUND", "VALUE_RANGE", "OwnData", "ready"]

#: The value of ``data.size`` that leaves the images of both sides as they are.
FOUND: Final = "found"

#: The kind of the question what the numbers of the MS images are.
VALUE_RANGE: Final = "value range"

_DTYPES: Final = (
    "uint8", "uint16", "int16", "float32", "float64", "int8", "uint32", "int32",
)  # fmt: skip


@dataclass(frozen=True)
class OwnData:
    """What two folders of class folders are, and what must be asked about them.

    Attributes:
        ms: The first look at the MS side.
        rgb: The first look at the RGB side.
        class_map: The classes, from the sources ``ms`` and ``rgb``; those that both sides have
            where classes are asked about.
        camera: Of the MS side; with bands by number where it is asked for.
        size: Pixels per side of the RGB images; None where both sides stay as they are.
        questions: What must be said before these data can train.
        remarks: What was understood or chosen and a user should know.
    """

    ms: FirstLook
    rgb: FirstLook
    class_map: ClassMap
    camera: Camera
    size: int | None
    questions: tuple[Question, ...]
    remarks: tuple[str, ...]

    @classmethod
    def look(
        cls,
        ms: Path,
        rgb: Path,
        *,
        file_bands: Sequence[str] | None = None,
        sensor: str | None = None,
        size: int | Literal["found"] | None = None,
        class_map: OwnClassMap | None = None,
        classes: Sequence[str] | None = None,
        scale: float | None = None,
        offset: float = 0.0,
        judged: bool = True,
        skip_broken: bool = False,
    ) -> OwnData:
        """Look at both folders.

        Args:
            ms: ``<class>/*.tif``; any number of bands, the same in all.
            rgb: ``<class>/*.jpg`` (or png, tif).
            file_bands: The names of the bands in the order of the tifs, where the user gave them.
            sensor: The camera, one of `ackd.data.sensors.SENSORS`, where the user gave it.
            size: Pixels per side of all images; ``"found"`` leaves them as they are; None resizes
                RGB images to the size of the MS images.
            class_map: The user's own class map.
            classes: The classes to use; all where None.
            scale: ``data.scale``, MS numbers per unit of reflectance; the sensor's where None.
            offset: ``data.offset``, added to MS numbers before they are divided by the scale.
            judged: Whether to ask where the first files cannot hold reflectance at the scale.
            skip_broken: Whether to open another image where the first cannot be read.

        Raises:
            ConfigError: If the sensor, a band name or a class is not known.
            DataError: If a folder is missing, has no class or no image, or an image cannot be read.
        """
        looks = (
            look_at(ms, "data.ms", TIFS, skip_broken=skip_broken),
            look_at(rgb, "data.rgb", PHOTOGRAPHS, skip_broken=skip_broken),
        )
        camera = camera_of(looks[0], sensor, file_bands)
        found, asked = _classes(*looks, class_map, classes)
        side, sized, said = _size(*looks, size)
        questions = [*_wrong_type(looks[0]), *asked, *_short(looks, found), *sized]
        remarks = [said] if said else []
        if isinstance(camera, Question):
            questions.append(camera)
            camera = numbered_camera(looks[0])
        elif file_bands is None:
            remarks.append(
                f"MS bands {', '.join(camera.file_bands)} ({camera.told_by}), sensor "
                f"{camera.sensor.name}"
            )
        elif contrary := _contradiction(looks[0], camera):
            remarks.append(contrary)
        own = cls(*looks, found, camera, side, tuple(questions), tuple(remarks))
        known = camera.sensor if sensor is None else find_sensor(sensor)
        if not judged or (scale is None and known.scale is None):
            return own
        known = replace(known, scale=scale or known.scale)
        return replace(
            own, questions=(*own.questions, *_wrong_scale(own, known, offset, scale is not None))
        )

    @property
    def options(self) -> dict[str, object]:
        """The folders as options."""
        return {"data": "folders", "data.ms": str(self.ms.folder), "data.rgb": str(self.rgb.folder)}

    @property
    def sources(self) -> dict[str, Source]:
        """The sources ``ms`` and ``rgb``, scanned with the two folders as their roots."""
        ms = replace(
            _source("ms", self.ms, TIFS),
            sensor=self.camera.sensor,
            file_bands=self.camera.file_bands,
            dtypes=_DTYPES,
            described=self.camera.described,
        )
        return {"ms": ms, "rgb": _source("rgb", self.rgb, PHOTOGRAPHS)}


def ready(own: OwnData) -> OwnData:
    """Return data about which nothing must be asked.

    Raises:
        DataError: If something must be; everything is asked at once, with the command to paste.
    """
    if own.questions:
        words = [f"{name}={value}" for name, value in own.options.items()]
        raise OpenQuestionsError(own.questions, words)
    return own


def _source(side: Modality, look: FirstLook, suffixes: tuple[str, ...]) -> ClassFolders:
    return ClassFolders(
        name=side,
        title=f"your {side.upper()} folder",
        modality=side,
        folder="",
        classes=look.classes,
        suffixes=suffixes,
        pool=f"own_{side}",
        published="",
        option=f"data.{side}",
        optional=False,
    )


def _classes(
    ms: FirstLook, rgb: FirstLook, own: OwnClassMap | None, chosen: Sequence[str] | None
) -> tuple[ClassMap, list[Question]]:
    """The class map, and what is asked where a side lacks classes."""
    sides = {side: _composed(look) for side, look in (("ms", ms), ("rgb", rgb))}
    everything = tuple(sorted({label for names in sides.values() for label in names.values()}))
    whole = ClassMap("folders", everything, {"ms": sides["ms"]}, {"rgb": sides["rgb"]}, {})
    if len(everything) < 2:
        raise DataError(
            f"{ms.folder} and {rgb.folder} have one class folder, {everything[0]}; expected at "
            "least two classes, one folder each."
        )
    if own is not None:
        return choose_classes(whole, own, chosen), []
    named = None if chosen is None else [unicodedata.normalize("NFC", name) for name in chosen]
    wanted = everything if named is None else check_chosen(named, everything)
    there = {side: set(names.values()) for side, names in sides.items()}
    common = [label for label in wanted if label in there["ms"] & there["rgb"]]
    question = _unequal(ms, rgb, wanted, there)
    kept = common if len(common) > 1 else wanted
    return choose_classes(whole, None, kept), [question] if question else []


def _composed(look: FirstLook) -> dict[str, str]:
    """The folders by the names of their classes, in Unicode's composed form.

    A disk of macOS has an accent as a character of its own, which looks the same in print.
    """
    return {label: unicodedata.normalize("NFC", label) for label in look.images}


def _unequal(
    ms: FirstLook, rgb: FirstLook, wanted: Sequence[str], there: dict[str, set[str]]
) -> Question | None:
    """Name all classes that one side lacks, and those that may be one class under two names."""
    common = [label for label in wanted if label in there["ms"] & there["rgb"]]
    ms_only = [label for label in wanted if label not in there["rgb"]]
    rgb_only = [label for label in wanted if label not in there["ms"]]
    lacking = [
        f"{side.folder} has no folder {', '.join(labels)}"
        for side, labels in ((rgb, ms_only), (ms, rgb_only))
        if labels
    ]
    if not lacking:
        return None
    near = ((label, nearest(label, rgb_only)) for label in ms_only)
    alike = [f"'{one}' and '{other}'" for one, other in near if other]
    hint = f" {', '.join(alike)} may be one class under two names." if alike else ""
    text = (
        f"Both sides must have every class: {'; '.join(lacking)}.{hint} Rename or add the folders, "
        "map them by data.class_map=FILE, or choose the common classes by data.classes."
    )
    answer = Answer({"data.classes": list(common)}, "the classes that both sides have")
    return Question(text, "classes differ", (answer,) if len(common) > 1 else ())


def _short(looks: Sequence[FirstLook], class_map: ClassMap) -> list[Question]:
    """Ask what to do about classes that have too few images to be split."""
    short: dict[str, list[str]] = {}
    for side, look in zip(("ms", "rgb"), looks, strict=True):
        mapping = class_map.side(side).get(side, {})
        for label in class_map.classes:
            count = sum(look.images[theirs] for theirs, ours in mapping.items() if ours == label)
            if count < FOLDS and label in mapping.values():
                short.setdefault(label, []).append(f"{count} {side.upper()}")
    if not short:
        return []
    listed = ", ".join(f"{label} ({' and '.join(counts)})" for label, counts in short.items())
    enough = [label for label in class_map.classes if label not in short]
    answer = Answer({"data.classes": enough}, "the classes with enough images")
    text = (
        f"Each class needs at least {FOLDS} images per side, one per fold; too few has {listed}. "
        "Add images, or choose the other classes by data.classes."
    )
    return [Question(text, "class short of images", (answer,) if len(enough) > 1 else ())]


def _wrong_type(ms: FirstLook) -> list[Question]:
    if ms.dtype in _DTYPES:
        return []
    text = (
        f"{ms.file} holds {ms.dtype}; expected {', '.join(_DTYPES)}. Convert the MS images, for "
        "example by gdal_translate -ot Float32 IN OUT."
    )
    return [Question(text, "wrong type")]


def _wrong_scale(own: OwnData, sensor: Sensor, offset: float, stated: bool) -> list[Question]:
    """Ask what the numbers are where those of a few files cannot be reflectance."""
    source, bands = own.sources["ms"], own.camera.file_bands
    images, files = [], []
    with plain_tifs():
        for file in own.ms.samples:
            try:
                images.append(source.read(file, bands, None))
            except DataError:
                continue  # told where every file is opened
            files.append(str(file))
    if not images:
        return []
    verdict = judge_values(images, files, bands, sensor, offset, stated=stated)
    answers = tuple(Answer(options, meaning) for options, meaning in verdict.ways_out)
    return [Question(" ".join(verdict.errors), VALUE_RANGE, answers)] if answers else []


def _contradiction(look: FirstLook, camera: Camera) -> str | None:
    """What to know where the user's names of the bands are not those of the file."""
    said = other_order(look.descriptions, camera.file_bands)
    if said is None or not any(look.descriptions):
        return None
    return f"the bands are {', '.join(camera.file_bands)}, {camera.told_by}, but {look.file} {said}"


def _size(
    ms: FirstLook, rgb: FirstLook, size: int | Literal["found"] | None
) -> tuple[int | None, list[Question], str | None]:
    """Pixels per side of the RGB images, what is asked about them, and what is to be known."""
    if isinstance(size, int):
        return size, [], None
    if size == FOUND or (ms.height, ms.width) == (rgb.height, rgb.width):
        square = ms.height == ms.width and size is None
        return ms.height if square else None, [], None
    if ms.height != ms.width:
        side = max(8, min(ms.height, ms.width, rgb.height, rgb.width))
        text = (
            f"The MS images are {ms.size} pixels ({ms.file}) and the RGB images {rgb.size} "
            f"({rgb.file}); one size of both sides cannot be taken from images that are not square."
        )
        resized = Answer({"data.size": side}, f"all images resized to {side}x{side} pixels")
        found = Answer({"data.size": FOUND}, "both sides as they are")
        return None, [Question(text, "not square", (resized, found))], None
    if rgb.height != rgb.width:
        return (
            ms.height,
            [],
            f"RGB images ({rgb.size} in {rgb.file.name}) are not square and are resized to "
            f"{ms.size}, the size of the MS images, which changes their proportions; "
            f"data.size={FOUND} leaves both sides as they are",
        )
    longer = rgb.height
    cost = (longer / ms.height) ** 2
    comparison = f"{cost:.0f} times" if cost >= 1.5 else "about"
    return (
        ms.height,
        [],
        f"RGB images ({rgb.size} in {rgb.file.name}) are resized to {ms.size}, the size of the MS "
        f"images; data.size={longer} keeps their pixels, resizes the MS images instead, and takes "
        f"{comparison} the time of a step; data.size={FOUND} leaves both sides as they are",
    )
