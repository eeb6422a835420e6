"""Curriculum temperature distillation (Li et al. 2023, arXiv 2211.16231).

The temperature is learnt against the student: it climbs the loss that the student descends, at
first not at all, then with a strength that grows along a cosine.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ackd.errors import ConfigError
from ackd.losses._checks import (
    require_finite,
    require_logits,
    require_not_negative,
    require_not_positive,
    require_option,
    require_positive,
)
from ackd.losses.method import DistillationLoss
from ackd.losses.vanilla import softened_divergence
from ackd.ops.precision import full_precision

if TYPE_CHECKING:
    from ackd.backbones.outputs import Outputs


def cosine_decay(epoch: float, maximum: float, minimum: float, length: float) -> float:
    """Return the value at ``epoch`` of a cosine that falls from ``maximum`` to ``minimum``.

    It is (cos(pi clip(epoch, 0, length) / length) + 1) / 2 * (maximum - minimum) + minimum.

    Args:
        epoch: Position; below 0 the value is ``maximum``, beyond ``length`` it is ``minimum``.
        maximum: Value at the start.
        minimum: Value at the end, <= ``maximum``.
        length: Epochs > 0 from one to the other.

    Raises:
        ValueError: The length is not > 0, or the minimum exceeds the maximum.
    """
    require_finite("epoch", epoch)
    require_finite("maximum", maximum)
    require_finite("minimum", minimum)
    require_positive("length", length)
    if minimum > maximum:
        raise ValueError(f"minimum must be <= maximum, but {minimum} > {maximum}.")
    position = min(max(epoch, 0.0), length) / length
    return (math.cos(math.pi * position) + 1) / 2 * (maximum - minimum) + minimum


def curriculum_temperature(
    theta: Tensor, reversal_strength: float, start: float = 1.0, end: float = 20.0
) -> Tensor:
    """Return T = start + end * sigmoid(theta), whose gradient to theta is reversed.

    Args:
        theta: Scalar tensor, shape () or (1,).
        reversal_strength: lambda <= 0; the gradient of theta is multiplied by it. The value of T
            does not depend on it.
        start: Lowest temperature > 0.
        end: Span > 0: T lies between ``start`` and ``start + end``.

    Returns:
        The temperature, shape ().

    Raises:
        ValueError: Theta has more than one element, or a number is out of its range.
    """
    if not isinstance(theta, Tensor) or theta.numel() != 1:
        raise ValueError(f"theta must be a tensor with one element, but it is {theta!r}.")
    require_not_positive("reversal_strength", reversal_strength)
    require_positive("start", start)
    require_positive("end", end)
    theta = theta.reshape(())
    # The difference is exactly 0, so T is untouched and only its gradient is scaled.
    reversed_theta = theta.detach() + reversal_strength * (theta - theta.detach())
    return start + end * torch.sigmoid(reversed_theta)


@full_precision
def curriculum_temperature_kd(
    student_logits: Tensor,
    teacher_logits: Tensor,
    theta: Tensor,
    reversal_strength: float,
    start: float = 1.0,
    end: float = 20.0,
    scale_by_t2: bool = True,
) -> Tensor:
    """Return T^2 mean_b KL(softmax(t_b / T) || softmax(s_b / T)), T learnt (Li et al. 2023).

    Args:
        student_logits: (B, C) raw logits, C >= 2.
        teacher_logits: (B, C) raw logits; a constant.
        theta: Scalar tensor, T = start + end * sigmoid(theta).
        reversal_strength: lambda <= 0: the gradient of theta is multiplied by it, so that a
            descending optimiser raises the loss by T. The value is untouched.
        start: Lowest temperature > 0.
        end: Span > 0 of the temperature, not its upper end.
        scale_by_t2: Multiply by T^2, through which a gradient reaches theta too. The ACKD release
            leaves it out.

    Returns:
        A scalar >= 0 in nats.

    Raises:
        ValueError: Shapes differ, there is one class only, or a number is out of its range.
    """
    require_logits(student_logits, teacher_logits)
    temperature = curriculum_temperature(theta, reversal_strength, start, end)
    divergence = softened_divergence(student_logits, teacher_logits, temperature)
    return divergence * temperature**2 if scale_by_t2 else divergence


class CurriculumTemperatureKD(DistillationLoss):
    """Distillation with an adversarial temperature; part ``kd``.

    ``theta`` is a parameter of this module: the optimiser and the checkpoint must include it.

    Args:
        start: Lowest temperature > 0.
        end: Span > 0 of the temperature.
        theta: Initial value; 1 gives T = 15.62 with the other defaults.
        maximum: Reversal strength <= 0 at the start of the schedule.
        minimum: Reversal strength <= ``maximum`` at its end.
        length: Epochs > 0 from one to the other.
        first_epoch: Position >= 0 in the schedule of the very first epoch. The CTKD code counts
            from 1; with 0, as in the ACKD release, theta stands still in the first epoch.
        scale_by_t2: Multiply by T^2.

    Raises:
        ConfigError: An option is out of its range.
    """

    def __init__(
        self,
        start: float = 1.0,
        end: float = 20.0,
        theta: float = 1.0,
        maximum: float = 0.0,
        minimum: float = -1.0,
        length: float = 10,
        first_epoch: int = 1,
        scale_by_t2: bool = True,
    ) -> None:
        super().__init__()
        require_positive("start", start, ConfigError)
        require_positive("end", end, ConfigError)
        require_finite("theta", theta, ConfigError)
        require_not_positive("maximum", maximum, ConfigError)
        require_not_positive("minimum", minimum, ConfigError)
        require_positive("length", length, ConfigError)
        require_not_negative("first_epoch", first_epoch, ConfigError)
        require_option("scale_by_t2", scale_by_t2)
        if minimum > maximum:
            raise ConfigError(f"minimum must be <= maximum, but {minimum} > {maximum}.")
        self.start = start
        self.end = end
        self.maximum = maximum
        self.minimum = minimum
        self.length = length
        self.first_epoch = first_epoch
        self.scale_by_t2 = scale_by_t2
        self.theta = nn.Parameter(torch.tensor(float(theta)))

    def forward(
        self, student: Outputs, teacher: Outputs, target: Tensor, epoch: int
    ) -> dict[str, Tensor]:
        """Return ``{"kd": scalar}``; see the base class."""
        loss = curriculum_temperature_kd(
            student.logits,
            teacher.logits,
            self.theta,
            self.reversal_strength(epoch),
            self.start,
            self.end,
            self.scale_by_t2,
        )
        return {"kd": loss}

    def reversal_strength(self, epoch: int) -> float:
        """Return lambda <= 0 of an epoch; the first epoch is 0."""
        return cosine_decay(epoch + self.first_epoch, self.maximum, self.minimum, self.length)

    @property
    def temperature(self) -> Tensor:
        """The present temperature, without a gradient, shape ()."""
        return curriculum_temperature(self.theta.detach(), 0.0, self.start, self.end)
