"""Which task labels or results are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from ackd.tasks.base import Task
from ackd.tasks.description import TaskDescription
from ackd.tasks.scenes import MultiLabelClassification, SceneClassification
from ackd.tasks.segmentation import MulticlassSegmentation, SegmentationTask

__all__ = ["segmentation_task_of", "task_of", "task_of_result"]


def task_of(labels: npt.NDArray[Any]) -> type[Task]:
    """Find the task that the scenes of one modality are for.

    Args:
        labels: (N,) one class per image, or (N, C) several.
    """
    return MultiLabelClassification if labels.ndim == 2 else SceneClassification


def segmentation_task_of(classes: Sequence[str]) -> type[SegmentationTask]:
    """Find the task that masks are for: two classes are one against everything else.

    Args:
        classes: Their names.
    """
    return SegmentationTask if len(classes) == 2 else MulticlassSegmentation


def task_of_result(side: Mapping[str, Any] | None) -> TaskDescription:
    """Read the description of the task that a network's numbers are of.

    Args:
        side: The entry ``teacher`` or ``student`` of ``result.json``, or ``metrics.json`` of a
            teacher. One of an earlier version does not name its task, which is known by the
            metrics that it has.
    """
    side = side or {}
    known = side.get("task")
    if isinstance(known, Mapping):
        try:
            return _as_of_today(TaskDescription.from_json(known), known)
        except ValueError:
            pass  # damaged or of a later version: readers show what they can
    scene, several = SceneClassification.description(), MultiLabelClassification.description()
    parts = [
        part for name in ("metrics", "validation") if isinstance(part := side.get(name), Mapping)
    ]

    def measured(task: TaskDescription) -> bool:
        return any(part.get(task.selected_by) is not None for part in parts)

    return several if measured(several) and not measured(scene) else scene


def _as_of_today(found: TaskDescription, content: Mapping[str, Any]) -> TaskDescription:
    """Fill in what an earlier version of a task of ackd's own did not say of it."""
    for task in (SegmentationTask, MulticlassSegmentation):
        own = task.description()
        known = {metric.name for metric in found.metrics}
        if own.name == found.name and "brief" not in content and {*own.brief} <= known:
            pooled = {metric.name: metric.pooled for metric in own.metrics}
            return replace(
                found, brief=own.brief, trivial=own.trivial if own.trivial in known else None,
                metrics=tuple(replace(m, pooled=pooled.get(m.name, ())) for m in found.metrics),
            )  # fmt: skip
    return found
