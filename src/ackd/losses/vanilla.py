"""Distillation of softened class probabilities (Hinton et al. 2015, arXiv 1503.02531)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

from ackd.errors import ConfigError
from ackd.losses._checks import require_logits, require_option, require_positive
from ackd.losses.method import DistillationLoss
from ackd.ops.precision import full_precision

if TYPE_CHECKING:
    from ackd.backbones.outputs import Outputs


@full_precision
def kd_divergence(
    student_logits: Tensor,
    teacher_logits: Tensor,
    temperature: float,
    scale_by_t2: bool = True,
) -> Tensor:
    """Return T^2 mean_b KL(softmax(t_b / T) || softmax(s_b / T)), Hinton et al. 2015.

    Args:
        student_logits: (B, C) raw logits s, C >= 2.
        teacher_logits: (B, C) raw logits t; a constant, no gradient reaches them.
        temperature: T > 0. Larger values soften both distributions.
        scale_by_t2: Multiply by T^2, which keeps the size of the gradient as T changes.

    Returns:
        A scalar >= 0 in nats, 0 where both distributions agree.

    Raises:
        ValueError: Shapes differ, there is one class only, or T is not > 0.
    """
    require_logits(student_logits, teacher_logits)
    require_positive("temperature", temperature)
    divergence = softened_divergence(student_logits, teacher_logits, temperature)
    return divergence * temperature**2 if scale_by_t2 else divergence


def softened_divergence(
    student_logits: Tensor, teacher_logits: Tensor, temperature: float | Tensor
) -> Tensor:
    """Return mean_b KL(softmax(t_b / T) || softmax(s_b / T)); T may carry a gradient.

    Args:
        student_logits: (B, C) raw logits, checked by the caller.
        teacher_logits: (B, C) raw logits, used as a constant.
        temperature: T > 0, a number or a scalar tensor.

    Returns:
        A scalar >= 0 in nats.
    """
    log_p_student = F.log_softmax(student_logits / temperature, dim=1)
    log_p_teacher = F.log_softmax(teacher_logits.detach() / temperature, dim=1)
    return F.kl_div(log_p_student, log_p_teacher, reduction="batchmean", log_target=True)


class VanillaKD(DistillationLoss):
    """Vanilla knowledge distillation on the logits; part ``kd``.

    Args:
        temperature: T > 0.
        scale_by_t2: Multiply by T^2, as Hinton et al. do.

    Raises:
        ConfigError: An option is out of its range.
    """

    def __init__(self, temperature: float = 3.0, scale_by_t2: bool = True) -> None:
        super().__init__()
        require_positive("temperature", temperature, ConfigError)
        require_option("scale_by_t2", scale_by_t2)
        self.temperature = temperature
        self.scale_by_t2 = scale_by_t2

    def forward(
        self, student: Outputs, teacher: Outputs, target: Tensor, epoch: int
    ) -> dict[str, Tensor]:
        """Return ``{"kd": scalar}``; see the base class."""
        loss = kd_divergence(student.logits, teacher.logits, self.temperature, self.scale_by_t2)
        return {"kd": loss}
