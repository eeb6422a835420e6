"""Which task a stage trains for, with what the options make of its loss."""

from __future__ import annotations

import numpy as np

from ackd.config.schema.stages import ClassifierConfig
from ackd.data.benchmark import TRAIN, SceneSet
from ackd.errors import ConfigError
from ackd.stages.class_weights import weights_of_classes
from ackd.tasks import Task, task_of

__all__ = ["supervised_task"]


def supervised_task(
    options: ClassifierConfig, scenes: SceneSet, classes: tuple[str, ...], stage: str
) -> Task:
    """Make the task of a stage that learns from labels.

    Args:
        options: Of the stage.
        scenes: The side that it classifies.
        classes: Names of all classes.
        stage: ``"teacher"`` or ``"student"``, for messages.

    Raises:
        ConfigError: Smoothing is not defined for these labels, or there is another number of
            weights than of classes.
    """
    kind = task_of(scenes.labels)
    if options.label_smoothing and not kind.smooths_labels:
        raise ConfigError(
            f"{stage}.label_smoothing={options.label_smoothing} is for one label per image, but "
            f"the {scenes.modality.upper()} images have several; use {stage}.label_smoothing=0."
        )
    labels = np.asarray(scenes.labels)[scenes.indices(TRAIN)]
    weights = weights_of_classes(options.class_weights, kind, labels, classes, stage)
    return kind(classes, label_smoothing=options.label_smoothing, class_weights=weights)
