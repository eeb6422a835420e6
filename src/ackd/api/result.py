"""What a run from Python returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ackd.errors import DataError
from ackd.tasks import MetricDescription, task_of_result

if TYPE_CHECKING:
    from ackd.students import SceneStudent, SegmentationStudent

__all__ = ["Measurement", "RunResult"]


@dataclass(frozen=True)
class Measurement:
    """A metric with its value.

    Attributes:
        value: As in ``result.json``: shares are from 0 to 1.
        interval: (low, high), 95 % over the choice of test images; None where there is none.
        about: How the metric is called and shown.
    """

    value: float
    interval: tuple[float, float] | None
    about: MetricDescription = field(repr=False)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return self.about.shown(self.value, self.interval)


@dataclass(frozen=True)
class RunResult:
    """A run that has finished.

    Attributes:
        folder: Of the run: ``student.pt``, ``predictions.csv``, ``metrics.csv``, ``train.log``.
        result: The content of ``result.json``.
        trust: Import paths of the networks of one's own that the call has named.
    """

    folder: Path
    result: Mapping[str, Any] = field(repr=False)
    trust: tuple[str, ...] = field(default=(), repr=False)

    @cached_property
    def student(self) -> SceneStudent | SegmentationStudent:
        """The trained student, on the CPU; loaded when it is first asked for.

        Raises:
            DataError: The run ended before it had one.
        """
        from ackd.students import load_student

        if self.result.get("student") is None:
            raise DataError(
                f"{self.folder} has no student: the run was to end before it (until=...)."
            )
        return load_student(self.folder, trust=self.trust)

    @property
    def metrics(self) -> dict[str, Measurement]:
        """Of the test images by name, of the student; of the teacher where there is no student."""
        return self._measured("metrics", "interval")

    @property
    def validation(self) -> dict[str, Measurement]:
        """Of the validation images, by which runs are compared and chosen."""
        return self._measured("validation", None)

    def _measured(self, part: str, intervals: str | None) -> dict[str, Measurement]:
        side = self.result.get("student") or self.result.get("teacher") or {}
        values = side.get(part) or {}
        known = (side.get(intervals) or {}) if intervals else {}
        found = {}
        for metric in task_of_result(side).metrics:
            value, ends = values.get(metric.name), known.get(metric.name)
            if value is not None:
                interval = None if ends is None else (float(ends[0]), float(ends[1]))
                found[metric.name] = Measurement(float(value), interval, metric)
        return found

    def __str__(self) -> str:
        shown = ", ".join(str(one) for one in self.metrics.values()) or "nothing was measured"
        name, method = self.result.get("experiment"), self.result.get("method")
        return f"{name}, {method}: {shown} ({self.folder})"
