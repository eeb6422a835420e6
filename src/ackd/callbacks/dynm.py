"""Dynamic matching, eqs 11-13: the pairs change as the student learns."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from ackd.data.benchmark import TRAIN
from ackd.matching import (
    Direction,
    Gallery,
    distinct_teachers,
    match_by_divergence,
    mean_by_class,
    pair_divergence,
    share_changed,
    teachers_of_half,
    top_teacher_share,
)
from ackd.modules.datamodule import UnpairedDataModule
from ackd.modules.sharding import same_buffers
from ackd.utils.networks import eval_mode

__all__ = ["DynM"]

log = logging.getLogger("ackd")

# Where less than this share of the teachers serves half of the students, the log says so.
CROWDED = 0.05


class DynM(pl.Callback):
    """Rebuild the matched set at the scheduled epochs.

    The pairs of epoch e_t are made at the end of the epoch before it, with the student as it then
    is, and put into the data module's sampler: they are in force from the first batch of e_t.
    Which version belongs to an epoch is a function of that epoch alone, so a resumed run rebuilds
    exactly what an uninterrupted one would have. The ranks share the student's pass.

    Adds to the loggers: ``epoch`` (the running one), ``dynm/epoch`` (from which the pairs are in
    force), ``dynm/version``, ``dynm/share_changed``, ``dynm/seconds``, ``dynm/kl_before``,
    ``dynm/kl_after`` (mean over the RGB training images, in nats), ``dynm/kl_class/<class>`` (the
    same after matching, a class), ``dynm/agreement_with_first`` (share of students that have the
    teacher of the first pairing, e.g. SSM's), ``dynm/distinct_teachers``, ``dynm/teachers_of_half``
    (how few serve half of the students) and ``dynm/top_teacher_share``.
    """

    def __init__(
        self,
        gallery: Gallery,
        epochs: Sequence[int],
        gamma: float,
        direction: Direction,
        *,
        first: Tensor | None = None,
        class_names: Sequence[str] = (),
    ) -> None:
        """Prepare for a run.

        Args:
            gallery: G2, the teacher's logits of the MS training images.
            epochs: Ascending epochs e_t, counted from 0.
            gamma: Temperature that divides the logits, > 0.
            direction: ``"student_teacher"`` is KL(p_S || p_T) as printed.
            first: (N,) MS rows of the first pairing; without them no agreement is reported.
            class_names: In the order of the labels; without them no divergence a class is.
        """
        self.gallery = gallery
        self.epochs = sorted(epochs)
        self.gamma = gamma
        self.direction: Direction = direction
        self.first = first
        self.class_names = tuple(class_names)
        self.seconds = 0.0

    def version_at(self, epoch: int) -> int:
        """How many re-matches are in force in ``epoch``; 0 is the first pairing."""
        return sum(e <= epoch for e in self.epochs)

    def state_dict(self) -> dict[str, Any]:
        """What the matching has cost; pairs and version are stored by the data module."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Count on."""
        self.seconds = state_dict["seconds"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Match before the first batch where e0 is 0, or where a checkpoint is one version late."""
        self._match_if_due(trainer, pl_module, trainer.current_epoch)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Match for the coming epoch."""
        if trainer.current_epoch + 1 < (trainer.max_epochs or 0):
            self._match_if_due(trainer, pl_module, trainer.current_epoch + 1)

    def _match_if_due(self, trainer: pl.Trainer, pl_module: pl.LightningModule, epoch: int) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        due = self.version_at(epoch)
        if data.version < due:
            self._match(trainer, pl_module, data, epoch, due)

    def _match(
        self,
        trainer: pl.Trainer,
        student: pl.LightningModule,
        data: UnpairedDataModule,
        epoch: int,
        version: int,
    ) -> None:
        began = time.perf_counter()
        logits = self._student_logits(student, data)
        classes = torch.from_numpy(data.benchmark.rgb.labels[data.rows(TRAIN, "rgb")])
        teachers = self.gallery.logits
        if teachers is None or data.pairs is None:
            raise ValueError("DynM needs a gallery with logits and a first pairing")
        chosen = match_by_divergence(
            logits, teachers, classes, self.gallery.classes, self.gamma, self.direction
        )
        rows = self.gallery.index
        before = torch.searchsorted(rows, data.pairs)
        # Rank 0 decides, so that rounding can never let two ranks train on different pairs.
        chosen = trainer.strategy.broadcast(chosen)
        data.set_pairs(rows[chosen], version)
        seconds = time.perf_counter() - began
        self.seconds += seconds

        kl_before, kl_after = (
            pair_divergence(logits, teachers[pairs], self.gamma, self.direction)
            for pairs in (before, chosen)
        )
        report = {
            "epoch": float(trainer.current_epoch),
            "dynm/epoch": float(epoch),
            "dynm/version": float(version),
            "dynm/share_changed": share_changed(before, chosen),
            "dynm/seconds": seconds,
            "dynm/kl_before": float(kl_before.mean()),
            "dynm/kl_after": float(kl_after.mean()),
            "dynm/distinct_teachers": float(distinct_teachers(chosen)),
            "dynm/teachers_of_half": float(teachers_of_half(chosen)),
            "dynm/top_teacher_share": top_teacher_share(chosen),
        }
        if self.first is not None:
            report["dynm/agreement_with_first"] = 1 - share_changed(self.first, rows[chosen])
        if self.class_names:
            by_class = mean_by_class(kl_after, classes, len(self.class_names)).tolist()
            for name, value in zip(self.class_names, by_class, strict=True):
                if not math.isnan(value):  # a class without students
                    report[f"dynm/kl_class/{name}"] = value
        for logger in trainer.loggers:
            logger.log_metrics(report, step=trainer.global_step)
        if trainer.is_global_zero:
            self._tell(report, len(chosen), len(rows))

    @staticmethod
    def _student_logits(student: pl.LightningModule, data: UnpairedDataModule) -> Tensor:
        """Logits (N, C) of all RGB training images, unaugmented, in eval mode."""
        same_buffers(student)

        def look(batch: dict[str, Tensor]) -> tuple[Tensor, ...]:
            return (student(batch["rgb"]).float(),)

        with eval_mode(student):
            swept = data.sweep("rgb", data.rows(TRAIN, "rgb"), student.device, look)
            return torch.cat([part for (part,) in swept])

    @staticmethod
    def _tell(report: dict[str, float], students: int, teachers: int) -> None:
        log.info(
            "DynM: pairs version %d from epoch index %d on: %.1f %% of %d pairs changed in %.2f s, "
            "mean KL %.4f -> %.4f, %d teachers in use",
            report["dynm/version"], report["dynm/epoch"], 100 * report["dynm/share_changed"],
            students, report["dynm/seconds"], report["dynm/kl_before"], report["dynm/kl_after"],
            report["dynm/distinct_teachers"],
        )  # fmt: skip
        few = report["dynm/teachers_of_half"]
        if few < CROWDED * teachers:
            log.warning(
                "DynM: %d of %d MS images serve half of all RGB images; a larger dynm.gamma or a "
                "better trained teacher spreads them",
                few, teachers,
            )  # fmt: skip
