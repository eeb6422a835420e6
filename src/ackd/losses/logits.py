"""Regression of the teacher's logits (Ba and Caruana 2014, arXiv 1312.6184)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

from ackd.errors import ConfigError
from ackd.losses._checks import require_logits, require_not_negative
from ackd.losses.method import DistillationLoss
from ackd.ops.precision import full_precision

if TYPE_CHECKING:
    from ackd.backbones.outputs import Outputs


@full_precision
def logit_mse(student_logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Return the mean over all B * C entries of (s - t)^2, Ba and Caruana 2014.

    Args:
        student_logits: (B, C) raw logits, C >= 2.
        teacher_logits: (B, C) raw logits; a constant, no gradient reaches them.

    Returns:
        A scalar >= 0 in squared logits.

    Raises:
        ValueError: Shapes differ or there is one class only.
    """
    require_logits(student_logits, teacher_logits)
    return F.mse_loss(student_logits, teacher_logits.detach())


class LogitMSE(DistillationLoss):
    """Mean squared error between logits; part ``mse``.

    Args:
        factor: Weight >= 0. The authors' release uses 0.01.

    Raises:
        ConfigError: The factor is negative or not finite.
    """

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        require_not_negative("factor", factor, ConfigError)
        self.factor = factor

    def forward(
        self, student: Outputs, teacher: Outputs, target: Tensor, epoch: int
    ) -> dict[str, Tensor]:
        """Return ``{"mse": scalar}``; see the base class."""
        return {"mse": self.factor * logit_mse(student.logits, teacher.logits)}
