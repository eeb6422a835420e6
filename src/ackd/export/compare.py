"""How far two files of one student agree, and what each reaches where there are labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ackd.errors import DataError
from ackd.export.about import plain
from ackd.export.graph import AnyStudent, StudentGraph
from ackd.export.samples import Sample, Samples, whole_strides
from ackd.students import SegmentationStudent

__all__ = ["Agreement", "Run", "Tolerance", "compare", "measured", "run_graph"]

#: (B, C, H, W) float32 pixels to logits.
Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]

_BATCH: Final = 4


@dataclass(frozen=True)
class Agreement:
    """What two files of one student say of the same images.

    Attributes:
        images: How many.
        where: What they are.
        real: Whether they are images of the kind that the student is for.
        largest_logit: In magnitude, of the student itself.
        logit_difference: The largest one.
        probability_difference: The largest one.
        same: The share of images, or of pixels with data, that get the same class; of labels, where
            an image has several.
        before: Metrics of the student itself where there are labels.
        after: Metrics of the other file.
    """

    images: int
    where: str
    real: bool
    largest_logit: float
    logit_difference: float
    probability_difference: float
    same: float
    before: dict[str, float | None] | None = None
    after: dict[str, float | None] | None = None

    @property
    def relative(self) -> float:
        """The difference of logits as a share of the largest one, or of 1."""
        return self.logit_difference / max(1.0, self.largest_logit)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        found: dict[str, Any] = plain(asdict(self))
        return found


@dataclass(frozen=True)
class Tolerance:
    """How far a file may be from its student: the difference of logits as a share of the largest.

    Attributes:
        relative: The most that is accepted.
        why: What the difference comes from.
    """

    relative: float
    why: str

    def require(self, found: Agreement, what: str) -> None:
        """Refuse a file that says something else.

        Raises:
            DataError: It does.
        """
        if not found.relative <= self.relative:  # also where it is NaN
            raise DataError(
                f"The {what} says other things than the student: on {found.images} images "
                f"{found.where} its logits differ by up to {found.logit_difference:.3g}, where the "
                f"largest is {found.largest_logit:.3g}; {self.why} explains a share of "
                f"{self.relative:g}. It was not written."
            )


def run_graph(graph: StudentGraph) -> Run:
    """Let torch compute the logits."""

    def run(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        device = next(graph.network.parameters()).device
        with torch.inference_mode():
            logits, _ = graph(torch.from_numpy(pixels).to(device))
        found: NDArray[np.float32] = logits.float().cpu().numpy()
        return found

    return run


def compare(
    student: AnyStudent,
    ours: Run,
    other: Run,
    samples: Samples,
    *,
    static: tuple[int, int] | None = None,
) -> Agreement:
    """Let two files of a student say what they think of images.

    Args:
        student: Whose.
        ours: The student itself.
        other: The file.
        samples: The images.
        static: (H, W) where ``other`` takes one image of this size at a time.

    Raises:
        DataError: One of them says something that is not finite.
    """
    kept: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    largest = difference = probable = 0.0
    alike = total = 0
    graph = StudentGraph(student)
    for batch in _batches(student, samples, static):
        pixels = np.stack([one.pixels for one in batch])
        mine, theirs = (
            torch.from_numpy(np.ascontiguousarray(run(pixels))) for run in (ours, other)
        )
        known = _known(student, batch)
        for one, text in ((mine, "student"), (theirs, "file")):
            if not torch.isfinite(one).all():
                raise DataError(
                    f"The {text} says something that is not finite of an image {samples.where}."
                )
        largest = max(largest, float(mine.abs().max()))
        apart = (mine - theirs).abs()
        chances = (graph.probabilities(mine) - graph.probabilities(theirs)).abs()
        if known is not None:  # what is said of other pixels means nothing
            apart, chances = apart * known[:, None], chances * known[:, None]
        difference = max(difference, float(apart.max()))
        probable = max(probable, float(chances.max()))
        same = _said(student, mine) == _said(student, theirs)
        same = same if known is None else same[known]
        alike += int(same.sum())
        total += same.numel()
        if samples.labelled:
            for store, value in zip(
                kept, (mine, theirs, [one.target for one in batch]), strict=True
            ):
                store.append(value)
    before, after = (
        (measured(student, zip(logits, kept[2], strict=True)) if samples.labelled else None)
        for logits in kept[:2]
    )
    return Agreement(
        len(samples.images), samples.where, samples.real, largest, difference, probable,
        alike / total if total else 1.0, before, after,
    )  # fmt: skip


def measured(student: AnyStudent, batches: Iterator[tuple[Any, Any]]) -> dict[str, float | None]:
    """The metrics of the student's task.

    Args:
        student: Whose.
        batches: Logits and targets.
    """
    metrics = student.task.measures("")
    for logits, targets in batches:
        metrics.update(logits, torch.as_tensor(np.stack(targets)))
    found: dict[str, float | None] = student.task.values(metrics.compute(), "")
    return found


def _said(student: AnyStudent, logits: torch.Tensor) -> torch.Tensor:
    if isinstance(student, SegmentationStudent):
        return student.task.answer(logits)
    return logits > 0 if student.task.sigmoid else logits.argmax(dim=1)


def _known(student: AnyStudent, batch: list[Sample]) -> torch.Tensor | None:
    """(B, H, W) where the images have data; None of scenes."""
    if not isinstance(student, SegmentationStudent):
        return None
    return torch.from_numpy(np.stack([one.known for one in batch]))


def _batches(
    student: AnyStudent, samples: Samples, static: tuple[int, int] | None
) -> Iterator[list[Sample]]:
    """Images of one size together; at first one by itself, so that more than one batch is seen."""
    waiting: list[Sample] = []
    for position, sample in enumerate(samples.images):
        ready = sample
        if isinstance(student, SegmentationStudent):
            ready = whole_strides(sample, student.stride, static)
        if waiting and waiting[0].pixels.shape != ready.pixels.shape:
            yield waiting
            waiting = []
        waiting.append(ready)
        if position == 0 or static is not None or len(waiting) == _BATCH:
            yield waiting
            waiting = []
    if waiting:
        yield waiting
