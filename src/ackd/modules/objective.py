"""What the student minimises: L = L_task + lambda1 L_kd + lambda2 (L_ot1 + L_ot2), eq 21."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ackd.alignment import SKA, Projection
from ackd.backbones import Outputs
from ackd.losses import READINGS_OF_TEACHER_LOGITS, needs_of
from ackd.modules.stopwatch import Stopwatch
from ackd.ops.gathering import gather_batch

__all__ = ["DistillationObjective", "LossWeights", "Terms"]


@dataclass(frozen=True)
class LossWeights:
    """The weights of eq 21; ``kd`` weighs the distillation losses among themselves."""

    task: float
    lambda1: float
    lambda2: float
    kd: Mapping[str, float]


@dataclass(frozen=True)
class Terms:
    """Every term of one step as a scalar: as it comes, weighted, and their sum."""

    raw: dict[str, Tensor]
    weighted: dict[str, Tensor]

    @property
    def total(self) -> Tensor:
        """The loss to go downhill on."""
        return torch.stack(list(self.weighted.values())).sum()


class DistillationObjective(nn.Module):
    """Everything between the outputs of student and teacher and one number.

    What it holds (Planner, width projections, learned temperatures) is trained together with the
    student and is no part of the student.
    """

    def __init__(
        self,
        weights: LossWeights,
        kd: Mapping[str, nn.Module],
        projection: Projection | None,
        ska: SKA | None,
        *,
        teacher_logits: Callable[[Tensor], Tensor] = READINGS_OF_TEACHER_LOGITS["raw"],
        gather: bool = True,
    ) -> None:
        """Take only terms that count.

        Args:
            weights: Of all terms.
            kd: Distillation losses by name; each is called as
                ``loss(student, teacher, target, epoch)`` and returns a scalar, or named ones.
            projection: Leads the student's z and zbar to the teacher's widths.
            ska: The alignment losses.
            teacher_logits: Turns the teacher's logits (B, C) into those that a student of single
                labels learns from.
            gather: Whether losses that relate the images of a batch see the batch of all ranks.
        """
        super().__init__()
        self.weights = weights
        self.kd = nn.ModuleDict(kd)
        self.projection = projection
        self.ska = ska
        self.teacher_logits = teacher_logits
        self.gather = gather
        self.stopwatch = Stopwatch()

    def forward(
        self, task: Tensor, student: Outputs, teacher: Outputs | None, target: Tensor, epoch: int
    ) -> Terms:
        """Compute every active term.

        Args:
            task: The task loss, a scalar.
            student: Outputs on the RGB images.
            teacher: Outputs on the matched MS images; None for a student that learns alone.
            target: (B,) classes of the RGB images.
            epoch: Counted from 0, for losses that warm up.

        Raises:
            ValueError: An entry of ``kd`` has the name of another term.
        """
        raw: dict[str, Tensor] = {}
        factors: dict[str, float] = {}

        def add(key: str, value: Tensor, factor: float) -> None:
            if key in raw:
                raise ValueError(
                    f"Two terms of the loss are called '{key}'; give the entry of loss.kd another "
                    "name."
                )
            raw[key], factors[key] = value, factor

        add("task", task, self.weights.task)
        if teacher is not None:
            teacher = self.as_taught(teacher)
            projected = self.projection(student) if self.projection is not None else student
            for name, loss in self.kd.items():
                parts = loss(*self._batch_for(loss, projected, teacher, target), epoch)
                if isinstance(parts, Tensor):
                    parts = {"kd": parts}
                for part, value in parts.items():
                    key = f"{name}_{part}" if part != "kd" else name
                    add(key, value, self.weights.lambda1 * self.weights.kd[name])
            if self.ska is not None:
                with self.stopwatch.measure(target.device):
                    for part, value in self.ska(projected, teacher).items():
                        add(part, value, self.weights.lambda2)
        return Terms(raw, {key: factors[key] * value for key, value in raw.items()})

    def as_taught(self, teacher: Outputs) -> Outputs:
        """Return the teacher's outputs with the logits that the student is to learn from."""
        return teacher._replace(logits=self.teacher_logits(teacher.logits))

    def _batch_for(
        self, loss: nn.Module, student: Outputs, teacher: Outputs, target: Tensor
    ) -> tuple[Outputs, Outputs, Tensor]:
        """What a loss sees: the ranks' batches as one, if it relates the images of a batch."""
        needs = needs_of(loss)
        if not self.gather or "zbar" not in needs:
            return student, teacher, target
        whole = []
        for outputs in (student, teacher):
            parts: dict[str, Any] = {part: gather_batch(getattr(outputs, part)) for part in needs}
            whole.append(outputs._replace(**parts))
        # The target goes along where the loss may hold it against logits or patches.
        return whole[0], whole[1], target if needs == {"zbar"} else gather_batch(target)
