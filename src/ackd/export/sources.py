"""Images that options name: of a folder, or of the run that trained a student."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from ackd.errors import ConfigError
from ackd.export.graph import AnyStudent
from ackd.export.of_run import RunImages, open_run
from ackd.export.options import RUN
from ackd.export.samples import Samples, from_folder
from ackd.students import SegmentationStudent

__all__ = ["ImageSource"]


def _options(student: AnyStudent, given: argparse.Namespace) -> dict[str, Any]:
    """What :meth:`predict` of the student is to be told.

    Raises:
        ConfigError: An option is not for this kind of student.
    """
    tiles = isinstance(student, SegmentationStudent)
    asked = {
        "bands": None if given.bands is None else _bands(given.bands),
        "rgb_max": given.rgb_max, "invalid": given.invalid,
        "unit": given.unit, "nodata": given.nodata,
    }  # fmt: skip
    fits = ("bands", "unit", "nodata") if tiles else ("bands", "rgb_max", "invalid")
    for name, value in asked.items():
        if value is not None and name not in fits:
            kind = "scenes" if tiles else "segmentation"
            raise ConfigError(
                f"--{name.replace('_', '-')} is for students of {kind}; this one is of "
                f"{student.task.title}."
            )
    known = {name: value for name, value in asked.items() if value is not None}
    return known | {"check": not given.unchecked}


def _bands(text: str) -> list[int] | list[str]:
    names = [name for name in re.split(r"[\s,]+", text.strip("[] ")) if name]
    return [int(name) for name in names] if all(n.isdigit() for n in names) else names


class ImageSource:
    """Finds the images that options name; those of the run are opened once.

    Args:
        student: Whose.
        given: With the options of :func:`add_reading`.
    """

    def __init__(self, student: AnyStudent, given: argparse.Namespace) -> None:
        self.student = student
        self.given = given
        self._run: RunImages | None = None

    @property
    def opened_run(self) -> bool:
        """Whether the images of the run have been read already."""
        return self._run is not None

    def samples(
        self, named: str, option: str, limit: int, *, masks: Path | None = None, train: bool = False
    ) -> Samples:
        """Read images.

        Args:
            named: A folder, or ``run``.
            option: That named it.
            limit: At most so many.
            masks: A folder of masks.
            train: Whether training images of the run are meant, which need no labels.
        """
        if named == RUN and not Path(RUN).is_dir():
            if self._run is None:
                self._run = open_run(self.student)
            return self._run.samples("train" if train else "test", limit)
        return from_folder(
            self.student, Path(named), limit, masks=None if train else masks, labels=not train,
            option=option, **_options(self.student, self.given),
        )  # fmt: skip
