"""The images of the run that trained a student, found by the ``config.yaml`` beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import yaml
from pydantic import TypeAdapter, ValidationError

from ackd.config.schema.data import DataConfig
from ackd.config.schema.tiles import TilesConfig
from ackd.data.benchmark import TEST, TRAIN
from ackd.data.tiles import TileSet
from ackd.errors import AckdError, DataError
from ackd.export.graph import AnyStudent
from ackd.export.samples import Sample, Samples, evenly
from ackd.students import SegmentationStudent

__all__ = ["RunImages", "open_run"]

_CONFIG: Final = "config.yaml"
_SPLITS: Final = {"train": TRAIN, "test": TEST}


class RunImages:
    """The images of a run, in memory or in packs."""

    def __init__(self, student: AnyStudent, images: Any) -> None:
        """Hold them against the student.

        Raises:
            DataError: They are not of its classes and bands.
        """
        self.student = student
        self.images = images
        tiles = isinstance(student, SegmentationStudent)
        side: Any = images if tiles else images.rgb
        bands = getattr(images, f"{student.sensor}_bands") if tiles else images.rgb.bands
        for what, here, trained in (
            ("classes", tuple(images.classes), student.classes),
            ("bands", tuple(bands), student.bands),
        ):
            if here != trained:
                raise DataError(
                    f"The images of the run beside {student.path} have the {what} "
                    f"{', '.join(here)}, but the student was trained on {', '.join(trained)}; they "
                    "are not those of its training. Name a folder instead."
                )
        self._side = side

    def samples(self, split: Literal["train", "test"], limit: int) -> Samples:
        """Some images of a split, with their labels.

        Raises:
            DataError: It has none.
        """
        where = f"of the {'training' if split == 'train' else split} images of its run"
        number = _SPLITS[split]
        rows: Any = (
            self._side.rows(number)
            if isinstance(self._side, TileSet)
            else self._side.indices(number)
        )
        if not len(rows):
            raise DataError(f"There is none {where}; name a folder instead.")
        chosen = [int(rows[at]) for at in evenly(len(rows), limit)]
        return Samples(tuple(self._one(row) for row in chosen), where)

    def _one(self, row: int) -> Sample:
        if isinstance(self._side, TileSet):
            tiles = self._side
            stored = np.asarray(getattr(tiles, self.student.sensor)[row]).astype(np.float32)
            pixels = np.where(np.asarray(tiles.valid[row]), stored, np.float32("nan"))
            mask = None if tiles.masks is None else np.asarray(tiles.masks[row])
            return Sample(pixels, mask)
        pixels = np.asarray(self._side.images[row]).astype(np.float32)
        label = self._side.labels[row]
        return Sample(pixels, label if np.ndim(label) else int(label))


def open_run(student: AnyStudent) -> RunImages:
    """Read the images again that a student was trained and tested on.

    Of the run's ``config.yaml`` only the options of its data are looked at, as plain values;
    nothing that it names is imported.

    Raises:
        DataError: There is no such file beside the student, or its images cannot be read.
    """
    place = student.path.parent / _CONFIG
    if not place.is_file():
        raise DataError(
            f"There is no {_CONFIG} beside {student.path}, which says what it was trained on; name "
            "a folder of images instead."
        )
    try:
        content = yaml.safe_load(place.read_text(encoding="utf-8"))
        kind: Any = TilesConfig if isinstance(student, SegmentationStudent) else DataConfig
        options: Any = TypeAdapter(kind).validate_python(content["data"])
    except (yaml.YAMLError, ValidationError, KeyError, TypeError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:200]
        raise DataError(
            f"{place} does not say what the student was trained on ({type(error).__name__}: "
            f"{said}); name a folder of images instead."
        ) from error
    try:
        return RunImages(student, _opened(student, options))
    except AckdError as error:
        raise DataError(
            f"The images of the run {Path(place).parent} cannot be read; name a folder of images "
            f"instead. {error}"
        ) from error


def _opened(student: AnyStudent, options: Any) -> Any:
    # Late: these bring Lightning along, which a folder of images does not need.
    if isinstance(student, SegmentationStudent):
        from ackd.stages.segmentation.tiles import load

        return load(options)
    from ackd.stages.benchmark import build_benchmark

    return build_benchmark(options)
