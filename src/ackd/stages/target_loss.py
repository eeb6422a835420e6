"""What the loss against the labels makes of them: smoothing, and weights of the classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ackd.config.schema.stages import ClassifierConfig
from ackd.data.benchmark import TRAIN, SceneSet
from ackd.errors import ConfigError

__all__ = ["balanced", "target_options"]


def target_options(
    options: ClassifierConfig, scenes: SceneSet, classes: tuple[str, ...], stage: str
) -> dict[str, Any]:
    """Make the arguments of a :class:`ackd.modules.classifier.SceneClassifier`.

    Args:
        options: Of the stage.
        scenes: The side that it classifies.
        classes: Names of all classes.
        stage: ``"teacher"`` or ``"student"``, for messages.

    Raises:
        ConfigError: Smoothing for several labels per image, or another number of weights than of
            classes.
    """
    if options.label_smoothing and scenes.multilabel:
        raise ConfigError(
            f"{stage}.label_smoothing={options.label_smoothing} is for one label per image, but "
            f"the {scenes.modality.upper()} images have several; use {stage}.label_smoothing=0."
        )
    given = options.class_weights
    weights: Tensor | None = None
    if given == "balanced":
        labels = np.asarray(scenes.labels)[scenes.indices(TRAIN)]
        weights = balanced(labels, len(classes), multilabel=scenes.multilabel)
    elif given != "none":
        if len(given) != len(classes):
            raise ConfigError(
                f"{stage}.class_weights has {len(given)} values, but there are {len(classes)} "
                f"classes: {', '.join(classes)}. Give one per class, in this order, or "
                f"{stage}.class_weights=balanced."
            )
        weights = torch.tensor(given, dtype=torch.float32)
    return {"label_smoothing": options.label_smoothing, "class_weights": weights}


def balanced(labels: NDArray[Any], classes: int, *, multilabel: bool) -> Tensor:
    """Weigh classes by how rare they are.

    Args:
        labels: (N,) classes, or (N, classes) of which an image has several.
        classes: How many there are.
        multilabel: Which of the two.

    Returns:
        (classes,) float32. For one label per image N / (classes * N_c), as scikit-learn has it;
        for several the negatives per positive, as ``pos_weight`` of torch wants it. A class
        without an image counts as having one.
    """
    if multilabel:
        counts = labels.astype(bool).sum(axis=0).clip(min=1)
        weights = (len(labels) - counts) / counts
        # A class that every image has would not be learned at all.
        weights = np.where(weights > 0, weights, 1.0)
    else:
        counts = np.bincount(labels, minlength=classes).clip(min=1)
        weights = len(labels) / (classes * counts)
    return torch.as_tensor(weights, dtype=torch.float32)
