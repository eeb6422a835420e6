"""From ``student.pt`` to a student: ``ackd.load_student``."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, cast

import torch

from ackd import __version__
from ackd.backbones import Backbone, build_backbone
from ackd.errors import DataError
from ackd.segmentation import SegmentationNetwork, build_network
from ackd.students.file import STUDENT, build, read_student, standardisation
from ackd.students.photographs import PhotographReader
from ackd.students.scenes import SceneStudent
from ackd.students.segmentation import SegmentationStudent
from ackd.students.tiles import TileReader
from ackd.tasks import (
    MulticlassSegmentation,
    MultiLabelClassification,
    SceneClassification,
    SegmentationTask,
    Task,
)

__all__ = ["load_student"]

log = logging.getLogger("ackd")

_SCENES: tuple[type[Task], ...] = (SceneClassification, MultiLabelClassification)
_MASKS: tuple[type[Task], ...] = (SegmentationTask, MulticlassSegmentation)


def load_student(
    path: str | PathLike[str],
    *,
    device: str | torch.device | int = "cpu",
    trust: str | Iterable[str] = (),
) -> SceneStudent | SegmentationStudent:
    """Load a trained student.

    Nothing that the file holds can run: it is read as tensors and plain values, nothing is
    downloaded, and a network of the author's own is imported only if it is named in ``trust``.

    Args:
        path: Of ``student.pt``, or of the folder of a run.
        device: Where its network goes.
        trust: Import paths of networks of one's own that the student may be built from, or of
            modules that have them.

    Returns:
        A :class:`~ackd.students.SceneStudent` or a :class:`~ackd.students.SegmentationStudent`, as
        the file says.

    Raises:
        DataError: The file is missing, damaged, hostile, too new, or no student.
        ConfigError: Its network cannot be built.
    """
    given = Path(path).expanduser()
    content = read_student(given)
    place = given / STUDENT if given.is_dir() else given
    trusted = (trust,) if isinstance(trust, str) else tuple(trust)
    load = _segmentation if "network" in content else _scenes
    student = load(content, place, trusted)
    for sentence in student.unknown:
        log.info("%s: %s", place, sentence)
    student.to(device)
    return student


def _scenes(content: Mapping[str, Any], path: Path, trust: tuple[str, ...]) -> SceneStudent:
    unknown = []
    if "task" not in content:
        unknown.append(
            "the file does not say what its answers mean; it is taken for one class per image."
        )
    if "nodata" not in content:
        unknown.append(
            "the file does not say how training read invalid pixels and images of more than 8 "
            "bits; both are refused unless invalid='zero' or rgb_max=N says otherwise."
        )
    network = build(build_backbone, content, "backbone", trust, path)
    found = content.get("resize")
    resize = found if isinstance(found, Mapping) else {}
    side: Any = content.get("size")
    height, width = (resize.get(each, side) for each in ("height", "width"))
    if not all(type(each) is int and each > 0 for each in (height, width)):
        raise DataError(f"{path} is damaged: it does not say to which size images are resized.")
    reader = PhotographReader(
        (height, width),
        tuple(content["bands"]),
        rgb_max=content.get("rgb_max"),
        invalid="zero" if content.get("nodata") == "zero" else "error",
    )
    if sorted(reader.bands) != ["B", "G", "R"]:
        raise DataError(
            f"{path} was trained on the bands {', '.join(reader.bands)}; ackd {__version__} uses "
            "students of red, green and blue."
        )
    return SceneStudent(
        cast(Backbone, network), _task(content, path, _SCENES), content, path, reader,
        tuple(unknown),
    )  # fmt: skip


def _segmentation(
    content: Mapping[str, Any], path: Path, trust: tuple[str, ...]
) -> SegmentationStudent:
    unknown = []
    sensor = content.get("sensor", "sar")
    if sensor not in ("sar", "optical"):
        raise DataError(f"{path} was trained on the sensor {sensor!r}, which is not known.")
    network = build(build_network, content, "network", trust, path)
    mean, std = standardisation(content)
    reader = TileReader(
        sensor,
        tuple(content["bands"]),
        mean,
        std,
        unit=content.get("unit"),
        nodata=content.get("nodata"),
        zero_is_nodata=bool(content.get("zero_is_nodata", True)),
    )
    if sensor == "sar" and "unit" not in content:
        what = "decibels" if reader.trained_unit == "db" else "numbers of any unit"
        unknown.append(
            f"the file does not say the unit of its SAR images; by their mean they are {what}."
        )
    if "zero_is_nodata" not in content:
        unknown.append(
            "the file does not say which pixels had no data in training; those that are 0 in all "
            "bands are taken for such."
        )
    size = content.get("size")
    return SegmentationStudent(
        cast(SegmentationNetwork, network), _task(content, path, _MASKS), content, path, reader,
        None if size is None else (int(size[0]), int(size[1])), tuple(unknown),
    )  # fmt: skip


def _task(content: Mapping[str, Any], path: Path, known: tuple[type[Task], ...]) -> Task:
    """The task by its title; files of format 1 are of the first."""
    classes, title = content["classes"], content.get("task", known[0].title)
    for task in known:
        if task.title == title:
            try:
                return task(classes)
            except ValueError as error:
                raise DataError(f"{path} is damaged: {error}") from error
    raise DataError(
        f"{path} is of the task '{title}'; ackd.load_student knows "
        f"{', '.join(task.title for task in known)}. Its network is built by "
        "ackd.backbones.build_backbone or ackd.segmentation.build_network."
    )
