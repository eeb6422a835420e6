"""A user's own images: a folder of class folders for the MS side, and one for the RGB side."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from ackd.data.class_map import ClassMap
from ackd.data.scenes import unreadable
from ackd.data.sensors import GENERIC, Band, Sensor, find_sensor
from ackd.data.sources import ClassFolders, Source
from ackd.data.sources.folders import is_image, visible
from ackd.errors import ConfigError, DataError, nearest

__all__ = ["own_folders"]

_TIF: Final = (".tif", ".tiff")
_PHOTOGRAPH: Final = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
_DTYPES: Final = ("uint8", "uint16", "int16", "float32")


def own_folders(
    ms: Path, rgb: Path, file_bands: Sequence[str] | None = None, sensor: str | None = None
) -> tuple[ClassMap, dict[str, Source]]:
    """Describe two folders of class folders as a benchmark: the classes are the folders.

    Images of the two sides are never taken for the same scene, whatever their names.

    Args:
        ms: ``<class>/*.tif``; any number of bands, the same in all; uint8, uint16, int16 or
            float32.
        rgb: ``<class>/*.jpg`` (or png, tif) of eight bits a channel.
        file_bands: The names of the bands in the order of the tifs; ``b1``, ``b2``, ... by the
            number of bands of the first tif where None.
        sensor: The camera, one of `ackd.data.sensors.SENSORS`, if it is one of them; its bands by
            name are then ``file_bands``.

    Returns:
        A class map named ``folders`` of the sources ``ms`` and ``rgb``, and these two by name. They
        are scanned with ``ms`` and ``rgb`` as their roots.

    Raises:
        ConfigError: If the names of the bands are wrong, or missing where a sensor is given.
        DataError: If a folder is missing or has no class, or a class is on one side only.
    """
    classes = _classes(ms, "data.ms")
    _check_same(classes, _classes(rgb, "data.rgb"), ms, rgb)
    camera = _camera(ms, classes, file_bands, sensor)
    names = tuple(file_bands) if file_bands is not None else camera.names
    same = {label: label for label in classes}
    sources: dict[str, Source] = {
        "ms": ClassFolders(
            name="ms",
            title="your MS folder",
            modality="ms",
            folder="",
            classes=classes,
            suffixes=_TIF,
            pool="own_ms",
            published="",
            sensor=camera,
            file_bands=names,
            dtypes=_DTYPES,
            option="data.ms",
            optional=False,
        ),
        "rgb": ClassFolders(
            name="rgb",
            title="your RGB folder",
            modality="rgb",
            folder="",
            classes=classes,
            suffixes=_PHOTOGRAPH,
            pool="own_rgb",
            published="",
            option="data.rgb",
            optional=False,
        ),
    }
    return ClassMap("folders", classes, {"ms": same}, {"rgb": same}, {}), sources


def _classes(folder: Path, option: str) -> tuple[str, ...]:
    if not folder.is_dir():
        near = nearest(folder.name, _folders(folder.parent)) if folder.parent.is_dir() else None
        hint = f" Did you mean {folder.parent / near}?" if near else ""
        raise DataError(
            f"There is no folder {folder} ({option}={folder}).{hint} Set {option} to a folder with "
            "one folder a class."
        )
    classes = _folders(folder)
    loose = [path.name for path in visible(folder) if path.is_file() and is_image(path)]
    if loose or not classes:
        what = f"holds images itself, such as {loose[0]}" if loose else "holds no folder"
        raise DataError(
            f"{folder} {what}; expected one folder a class in it, and the images in those "
            f"({option}={folder})."
        )
    return classes


def _folders(parent: Path) -> tuple[str, ...]:
    return tuple(path.name for path in visible(parent) if path.is_dir())


def _check_same(
    ms_classes: tuple[str, ...], rgb_classes: tuple[str, ...], ms: Path, rgb: Path
) -> None:
    sides = ((ms_classes, rgb_classes, ms, rgb), (rgb_classes, ms_classes, rgb, ms))
    for here, there, with_it, without_it in sides:
        for label in here:
            if label not in there:
                near = nearest(label, [other for other in there if other not in here])
                hint = (
                    f" There is '{near}', which {with_it} does not have; if that is it, give both "
                    "one name."
                    if near
                    else ""
                )
                raise DataError(
                    f"Class '{label}' is in {with_it}, but {without_it} has no folder of that "
                    f"name; both sides must have every class.{hint} Else add images of it, or take "
                    "the folder away."
                )


def _camera(
    ms: Path, classes: tuple[str, ...], file_bands: Sequence[str] | None, sensor: str | None
) -> Sensor:
    if sensor is not None and sensor != GENERIC.name:
        known = find_sensor(sensor)
        if file_bands is None:
            raise ConfigError(
                f"data.sensor={sensor} says what the bands are, but not in which order the tifs of "
                f"{ms} hold them; name them in that order: data.file_bands=[...], out of "
                f"{', '.join(known.names)}."
            )
        known.check(file_bands, "data.file_bands")
        return known
    if file_bands is None:
        file_bands = [f"b{number}" for number in range(1, _count_bands(ms, classes) + 1)]
    GENERIC.check(file_bands, "data.file_bands")
    return Sensor(GENERIC.name, tuple(Band(name, None, None) for name in file_bands), None)


def _count_bands(ms: Path, classes: tuple[str, ...]) -> int:
    for label in classes:
        for path in visible(ms / label):
            if path.suffix.lower() in _TIF:
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", NotGeoreferencedWarning)
                        with rasterio.open(path) as dataset:
                            return int(dataset.count)
                except RasterioError as error:
                    raise unreadable(path, "a GeoTIFF", error) from error
    raise DataError(
        f"No class folder of {ms} has a .tif or .tiff file; expected the MS images there "
        f"(data.ms={ms})."
    )
