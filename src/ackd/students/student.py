"""What students of both tasks have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Self, TypeVar

import torch
from torch import nn

from ackd.errors import ConfigError
from ackd.tasks import Task

__all__ = ["Student", "require_batch_size"]

NetworkT = TypeVar("NetworkT", bound=nn.Module)

#: What an account of a student leaves out: large, or an attribute of its own.
_NOT_TOLD = ("state_dict", "mean", "std", "classes", "bands", "size")
#: What it always has.
_MEASURED = ("validation", "test", "test_interval")


def require_batch_size(batch_size: int) -> None:
    """See that a batch has an image.

    Raises:
        ConfigError: It has none; images would be left out without a word.
    """
    if batch_size < 1:
        raise ConfigError(f"batch_size={batch_size} holds no image; give 1 or more.")


class Student(Generic[NetworkT]):
    """A trained network with all that is needed to use it.

    Attributes:
        network: The bare network, in evaluation mode, without gradients. It takes normalised
            images (B, C, H, W).
        task: What its answers mean: name, title, metrics.
        classes: Names in the order of the logits.
        bands: Of the images, in order.
        sensor: ``"rgb"``, ``"sar"`` or ``"optical"``.
        size: (H, W) of the images in training; None where the file does not say it.
        mean: Of each band in training, (C, 1, 1), as in x = (pixel - mean) / std.
        std: The same.
        path: Of the file.
        unknown: What the file does not say, a sentence each; files of earlier versions say less.
    """

    def __init__(
        self,
        network: NetworkT,
        task: Task,
        content: Mapping[str, Any],
        path: Path,
        *,
        sensor: str,
        size: tuple[int, int] | None,
        unknown: tuple[str, ...],
    ) -> None:
        self.network = network
        self.task = task
        self.classes = tuple(content["classes"])
        self.bands = tuple(content["bands"])
        self.sensor = sensor
        self.size = size
        self.mean, self.std = (content[key].reshape(-1, 1, 1).float() for key in ("mean", "std"))
        self.path = path
        self.unknown = unknown
        self._content = content

    @property
    def about(self) -> dict[str, Any]:
        """What the file says of the student: network, data, method, seed, metrics, versions.

        ``validation`` and ``test`` have its metrics by name, ``test_interval`` their 95 %
        confidence intervals, None where the file does not say them; ``parameters`` is the number
        of its weights.
        """
        weights = sum(parameter.numel() for parameter in self.network.parameters())
        told = {key: value for key, value in self._content.items() if key not in _NOT_TOLD}
        measured = dict.fromkeys(_MEASURED)
        known = {"task": self.task.title, **measured, **told}
        return {**known, "sensor": self.sensor, "parameters": weights}

    @property
    def resolution(self) -> float | None:
        """Of the images in training, in metres of ground per pixel; None where it is not known."""
        found = self._content.get("resolution")
        if isinstance(found, int | float) and 0 < found < float("inf"):
            return float(found)
        return None

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def to(self, device: str | torch.device | int) -> Self:
        """Move the network, e.g. ``student.to("cuda")``; images follow it."""
        self.network.to(device)
        return self

    def __repr__(self) -> str:
        size = f", {self.size[0]}x{self.size[1]} pixels" if self.size else ""
        return (
            f"{type(self).__name__}({self.task.title}: {', '.join(self.classes)}; "
            f"{self.sensor} bands {', '.join(self.bands)}{size}; on {self.device})"
        )
