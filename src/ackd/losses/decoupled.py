"""Decoupled knowledge distillation (Zhao et al. 2022, arXiv 2203.08679)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from ackd.errors import ConfigError
from ackd.losses._checks import (
    require_epoch,
    require_logits,
    require_not_negative,
    require_positive,
    require_target,
)
from ackd.losses.method import DistillationLoss
from ackd.ops.precision import full_precision

if TYPE_CHECKING:
    from ackd.backbones.outputs import Outputs


def decoupled_kd(
    student_logits: Tensor,
    teacher_logits: Tensor,
    target: Tensor,
    alpha: float,
    beta: float,
    temperature: float,
) -> Tensor:
    """Return alpha * TCKD + beta * NCKD (eq 7 of Zhao et al., times T^2).

    Args:
        student_logits: (B, C) raw logits, C >= 2.
        teacher_logits: (B, C) raw logits; a constant.
        target: (B,) integer class indices.
        alpha: Weight >= 0 of the target-class part.
        beta: Weight >= 0 of the non-target part.
        temperature: T > 0.

    Returns:
        A scalar >= 0 in nats.

    Raises:
        ValueError: Shapes differ, there is one class only, or a number is out of its range.
        TypeError: The target does not hold class indices.
    """
    parts = _weighted(student_logits, teacher_logits, target, alpha, beta, temperature)
    return parts["tckd"] + parts["nckd"]


@full_precision
def decoupled_kd_terms(
    student_logits: Tensor, teacher_logits: Tensor, target: Tensor, temperature: float
) -> dict[str, Tensor]:
    """Return the two unweighted parts of decoupled distillation.

    With P, Q the teacher's and student's softmax at temperature T and y the target class,
    ``tckd`` = T^2 mean KL([P_y, 1-P_y] || [Q_y, 1-Q_y]) and ``nckd`` = T^2 mean KL of the softmaxes
    over the C-1 other classes. With two classes ``nckd`` is 0.

    Args:
        student_logits: (B, C) raw logits, C >= 2.
        teacher_logits: (B, C) raw logits; a constant.
        target: (B,) integer class indices.
        temperature: T > 0.

    Returns:
        ``{"tckd": scalar, "nckd": scalar}``, each >= 0 in nats.

    Raises:
        ValueError: Shapes differ, there is one class only, or T is not > 0.
        TypeError: The target does not hold class indices.
    """
    require_logits(student_logits, teacher_logits)
    require_target(target, student_logits)
    require_positive("temperature", temperature)
    student_binary, student_others = _split(student_logits / temperature, target)
    teacher_binary, teacher_others = _split(teacher_logits.detach() / temperature, target)
    scale = temperature**2
    return {
        "tckd": scale * _kl(teacher_binary, student_binary),
        "nckd": scale * _kl(teacher_others, student_others),
    }


def _weighted(
    student_logits: Tensor,
    teacher_logits: Tensor,
    target: Tensor,
    alpha: float,
    beta: float,
    temperature: float,
) -> dict[str, Tensor]:
    require_not_negative("alpha", alpha)
    require_not_negative("beta", beta)
    terms = decoupled_kd_terms(student_logits, teacher_logits, target, temperature)
    return {"tckd": alpha * terms["tckd"], "nckd": beta * terms["nckd"]}


def _split(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logs of [p_y, 1 - p_y] (B, 2) and of the softmax over the others (B, C-1)."""
    log_p = F.log_softmax(logits, dim=1)
    column = target.long()[:, None]
    positions = torch.arange(logits.shape[1] - 1, device=logits.device).expand(len(logits), -1)
    # Gathering needs no wait for the device, unlike indexing with a boolean mask.
    others = positions + (positions >= column)
    log_others = log_p.gather(1, others)
    log_rest = torch.logsumexp(log_others, dim=1, keepdim=True)
    return torch.cat([log_p.gather(1, column), log_rest], dim=1), log_others - log_rest


def _kl(log_p_teacher: Tensor, log_p_student: Tensor) -> Tensor:
    return F.kl_div(log_p_student, log_p_teacher, reduction="batchmean", log_target=True)


class DecoupledKD(DistillationLoss):
    """Decoupled distillation with a linear warm-up; parts ``tckd`` and ``nckd``.

    The factor of epoch e is min(e / warmup_epochs, 1): 0 in epoch 0, 1 from ``warmup_epochs`` on.

    Args:
        alpha: Weight >= 0 of the target-class part.
        beta: Weight >= 0 of the non-target part.
        temperature: T > 0.
        warmup_epochs: Length >= 0 of the warm-up; 0 switches it off.

    Raises:
        ConfigError: An option is out of its range.
    """

    def __init__(
        self,
        alpha: float = 1.0,
        beta: float = 8.0,
        temperature: float = 4.0,
        warmup_epochs: float = 20,
    ) -> None:
        super().__init__()
        require_not_negative("alpha", alpha, ConfigError)
        require_not_negative("beta", beta, ConfigError)
        require_positive("temperature", temperature, ConfigError)
        require_not_negative("warmup_epochs", warmup_epochs, ConfigError)
        self.alpha = alpha
        self.beta = beta
        self.temperature = temperature
        self.warmup_epochs = warmup_epochs

    def forward(
        self, student: Outputs, teacher: Outputs, target: Tensor, epoch: int
    ) -> dict[str, Tensor]:
        """Return ``{"tckd": scalar, "nckd": scalar}``, weighted; see the base class."""
        warmup = self.warmup(epoch)
        return _weighted(
            student.logits,
            teacher.logits,
            target,
            warmup * self.alpha,
            warmup * self.beta,
            self.temperature,
        )

    def warmup(self, epoch: int) -> float:
        """Return the factor in [0, 1] of an epoch >= 0."""
        require_epoch(epoch)
        return min(epoch / self.warmup_epochs, 1.0) if self.warmup_epochs else 1.0
