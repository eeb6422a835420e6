"""Logit standardisation (Sun et al. 2024, arXiv 2403.01427): match shapes of logits, not sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ackd.errors import ConfigError
from ackd.losses._checks import (
    require_classes,
    require_logits,
    require_matrix,
    require_not_negative,
    require_positive,
)
from ackd.losses.method import DistillationLoss, needs_of
from ackd.losses.vanilla import kd_divergence
from ackd.ops.precision import full_precision

if TYPE_CHECKING:
    from ackd.backbones.outputs import Outputs

_EPS = 1e-7  # added to the standard deviation, as in the authors' code


@full_precision
def standardize_logits(logits: Tensor) -> Tensor:
    """Return Z(x) = (x - mean(x)) / (1e-7 + std(x)) of each row, Sun et al. 2024.

    The standard deviation is the unbiased one, over C - 1. A row of equal logits becomes 0. Z has
    no derivative there: its slopes are about 1e7 in every direction. The gradient given is 0, which
    leaves such a row to the other losses.

    Args:
        logits: (B, C) raw logits, C >= 2.

    Returns:
        (B, C), each row of mean 0 and standard deviation 1 (or 0 where the row is constant).

    Raises:
        ValueError: The shape is not (B, C) with at least two classes.
    """
    require_matrix("logits", logits, "(B, C)")
    require_classes("logits", logits)
    centred = logits - logits.mean(dim=1, keepdim=True)
    variance = logits.var(dim=1, keepdim=True, unbiased=True)
    flat = (logits.amax(dim=1, keepdim=True) == logits.amin(dim=1, keepdim=True)) | (variance == 0)
    # sqrt has an infinite slope at 0, which the mask below would turn into NaN, not into 0.
    deviation = torch.where(flat, 1.0, variance).sqrt()
    return torch.where(flat, 0.0, centred / (_EPS + deviation))


def standardized_kd(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Return T^2 mean_b KL(softmax(Z(t_b) / T) || softmax(Z(s_b) / T)), Sun et al. 2024.

    Args:
        student_logits: (B, C) raw logits, C >= 2.
        teacher_logits: (B, C) raw logits; a constant.
        temperature: T > 0.

    Returns:
        A scalar >= 0 in nats, unweighted; it does not change under s -> a s + b with a > 0.

    Raises:
        ValueError: Shapes differ, there is one class only, or T is not > 0.
    """
    require_logits(student_logits, teacher_logits)
    return kd_divergence(
        standardize_logits(student_logits), standardize_logits(teacher_logits), temperature
    )


class Standardized(DistillationLoss):
    """Any logit distillation, on standardised logits; parts of ``inner``, weighted.

    Args:
        inner: The distillation loss that gets Z(s) and Z(t) as logits, e.g. ``DecoupledKD()``.
        weight: Factor >= 0 on every part of ``inner``.

    Raises:
        ConfigError: The weight is negative or not finite.
        TypeError: ``inner`` is not a module.
    """

    def __init__(self, inner: nn.Module, weight: float = 1.0) -> None:
        super().__init__()
        if not isinstance(inner, nn.Module):
            raise TypeError(f"inner must be a distillation loss, not a {type(inner).__name__}.")
        require_not_negative("weight", weight, ConfigError)
        self.inner = inner
        self.weight = weight
        self.needs = needs_of(inner) | {"logits"}

    def forward(
        self, student: Outputs, teacher: Outputs, target: Tensor, epoch: int
    ) -> dict[str, Tensor]:
        """Return the parts of ``inner`` times the weight; see the base class."""
        require_logits(student.logits, teacher.logits)
        parts: dict[str, Tensor] = self.inner(
            student._replace(logits=standardize_logits(student.logits)),
            teacher._replace(logits=standardize_logits(teacher.logits.detach())),
            target,
            epoch,
        )
        return {name: self.weight * value for name, value in parts.items()}


class StandardizedKD(DistillationLoss):
    """Vanilla distillation on standardised logits (LSKD) with its defaults; part ``kd``.

    Args:
        temperature: T > 0, applied after the standardisation.
        weight: Factor >= 0; 9 goes with a cross-entropy weight of 0.1 in Sun et al.

    Raises:
        ConfigError: An option is out of its range.
    """

    def __init__(self, temperature: float = 2.0, weight: float = 9.0) -> None:
        super().__init__()
        require_positive("temperature", temperature, ConfigError)
        require_not_negative("weight", weight, ConfigError)
        self.temperature = temperature
        self.weight = weight

    def forward(
        self, student: Outputs, teacher: Outputs, target: Tensor, epoch: int
    ) -> dict[str, Tensor]:
        """Return ``{"kd": scalar}``, weighted; see the base class."""
        loss = standardized_kd(student.logits, teacher.logits, self.temperature)
        return {"kd": self.weight * loss}
