"""Which task a stage trains for, with what the options make of its loss."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ackd.config.schema.stages import ClassifierConfig
from ackd.data.benchmark import TRAIN, SceneSet
from ackd.errors import ConfigError
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
    given = options.class_weights
    weights: Tensor | None = None
    if given == "balanced":
        labels = np.asarray(scenes.labels)[scenes.indices(TRAIN)]
        weights = kind.balanced(labels, len(classes))
    elif given != "none":
        if len(given) != len(classes):
            raise ConfigError(
                f"{stage}.class_weights has {len(given)} values, but there are {len(classes)} "
                f"classes: {', '.join(classes)}. Give one per class, in this order, or "
                f"{stage}.class_weights=balanced."
            )
        weights = torch.tensor(given, dtype=torch.float32)
    return kind(classes, label_smoothing=options.label_smoothing, class_weights=weights)
