"""Weights of the classes in the loss, as the option ``class_weights`` of a stage asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from ackd.errors import ConfigError
from ackd.tasks import Task

__all__ = ["weights_of_classes"]


def weights_of_classes(
    given: str | list[float],
    task: type[Task],
    labels: Iterable[Any],
    classes: tuple[str, ...],
    stage: str,
) -> Tensor | None:
    """Make the weights of a stage that learns from labels.

    Args:
        given: ``"none"``, ``"balanced"``, or a weight per class.
        task: What the labels are; it knows the rule for ``"balanced"``.
        labels: Of the training images, one after the other; read for ``"balanced"`` alone.
        classes: Names of all classes.
        stage: Whose option it is, for messages.

    Returns:
        (classes,) float32, or None for ``"none"``.

    Raises:
        ConfigError: There is another number of weights than of classes.
    """
    if given == "none":
        return None
    if given == "balanced":
        return task.balanced(labels, len(classes))
    if len(given) != len(classes):
        raise ConfigError(
            f"{stage}.class_weights has {len(given)} values, but there are {len(classes)} "
            f"classes: {', '.join(classes)}. Give one per class, in this order, or "
            f"{stage}.class_weights=balanced."
        )
    return torch.tensor(given, dtype=torch.float32)
