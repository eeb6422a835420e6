"""The RGB student's training on matched pairs, steps 7-9 of the method."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ackd.backbones import Backbone
from ackd.modules.objective import DistillationObjective
from ackd.modules.schedules import OptimizerFactory, Schedule
from ackd.modules.supervised import SupervisedModule
from ackd.modules.teacher_outputs import TeacherOutputs
from ackd.tasks import Task

__all__ = ["DistillModule"]


class DistillModule(SupervisedModule):
    """A student that sees RGB, and a teacher that is only asked for outputs of MS indices."""

    backbone: Backbone

    def __init__(
        self,
        student: Backbone,
        objective: DistillationObjective,
        teacher: TeacherOutputs | None,
        optimizer: OptimizerFactory,
        *,
        task: Task | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        """Take the student and what it learns from.

        Args:
            student: The network to export in the end.
            objective: Its trainable parts share the student's optimiser.
            teacher: None for the baseline. Not a submodule: neither trained nor stored.
            optimizer: Builds the optimiser.
            task: Of the RGB labels; None for scene classification with the student's classes.
            schedule: Of the learning rate; None for a constant one.
        """
        super().__init__(student, "rgb", optimizer, task=task, schedule=schedule)
        self.objective = objective
        self.teacher = teacher

    def on_fit_start(self) -> None:
        """Bring the teacher to the student's device."""
        if self.teacher is not None:
            self.teacher = self.teacher.to(self.device)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what the alignment has cost, for a run that goes on from here."""
        checkpoint["alignment_seconds"] = self.objective.stopwatch.seconds

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Count on."""
        self.objective.stopwatch.go_on_from(checkpoint["alignment_seconds"])

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        """One step of eq 21; nothing in it waits for an accelerator.

        Returns:
            ``"loss"``, and the student's ``"logits"`` (B, C) without gradient, for callbacks.
        """
        target = batch["rgb_target"]
        student = self.backbone(batch["rgb"])
        teacher = None
        if self.teacher is not None:
            teacher = self.teacher(batch["ms_index"], batch.get("ms"))
        task = self.task_loss(student.logits, target)
        terms = self.objective(task, student, teacher, target, self.current_epoch)
        total: Tensor = terms.total
        size = len(target)
        per_epoch = {"on_step": False, "on_epoch": True, "batch_size": size, "sync_dist": True}
        self.log("train/loss", total.detach(), prog_bar=True, **per_epoch)  # type: ignore[arg-type]
        for name, value in terms.raw.items():
            self.log(f"loss/{name}", value.detach(), prog_bar=True, **per_epoch)  # type: ignore[arg-type]
            weighted = terms.weighted[name].detach()
            self.log(f"weighted/{name}", weighted, **per_epoch)  # type: ignore[arg-type]
        return {"loss": total, "logits": student.logits.detach()}
