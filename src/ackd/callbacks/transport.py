"""Transport cost between teacher and student while the student learns, figures 2 and 7."""

from __future__ import annotations

import logging

import lightning.pytorch as pl
import numpy as np
from torch import Tensor

from ackd.analysis import nearest_distance, wasserstein2
from ackd.data.benchmark import TRAIN
from ackd.data.pairs import Request
from ackd.modules.datamodule import UnpairedDataModule
from ackd.modules.distill import DistillModule
from ackd.modules.loading import Batch
from ackd.utils.networks import eval_mode

__all__ = ["TransportCost"]

log = logging.getLogger("ackd")


class TransportCost(pl.Callback):
    """Measure how far the student's outputs are from its teachers', on one fixed sample.

    The sample is drawn once by seed from the RGB training images; their teachers are those of the
    pairs in force in the epoch that ends. Features are zbar in the teacher's width, and left out
    where no loss reads zbar and the widths differ, because nothing leads from one to the other
    then; logits are those that the losses read. Adds to the loggers, at the end of an epoch:

    - ``transport/features`` and ``transport/logits``: the 2-Wasserstein distance of the two sets,
      eq 1, exact;
    - ``transport/nearest_features`` and ``transport/nearest_logits``: the root mean square distance
      to the nearest teacher of the sample, eqs 2-3, never more than the former;
    - ``transport/pairs_features`` and ``transport/pairs_logits``: the root mean square distance of
      the pairs in force, never less than the former.

    ``curves`` holds the same by epoch. It is stored in checkpoints, so that a resumed run has all
    of it. Nothing is drawn from the generators that training uses.
    """

    def __init__(self, sample: int = 256, every: int = 1, seed: int = 0) -> None:
        """Choose what is measured.

        Args:
            sample: Images; the exact solver's time grows with their third power. All of them where
                there are fewer.
            every: Epochs from one measurement to the next; the last epoch is always measured.
            seed: Of the sample.
        """
        self.sample = sample
        self.every = every
        self.seed = seed
        self.curves: dict[str, list[float]] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Drop what was only measured because a shorter run ended there."""
        epochs = self.curves.get("epoch", [])
        kept = [
            i for i, epoch in enumerate(epochs)
            if not epoch % self.every or epoch + 1 == trainer.max_epochs
        ]  # fmt: skip
        self.curves = {name: [values[i] for i in kept] for name, values in self.curves.items()}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Measure, on rank 0."""
        epoch = trainer.current_epoch
        last = epoch + 1 == trainer.max_epochs
        if not trainer.is_global_zero or (epoch % self.every and not last):
            return
        if not isinstance(pl_module, DistillModule):
            raise TypeError("the transport cost needs a student with a teacher")
        found = self.measure(pl_module, trainer.datamodule)  # type: ignore[attr-defined]
        if not found:
            log.warning("no transport cost in epoch %d: the outputs are not finite", epoch)
            return
        self.curves.setdefault("epoch", []).append(float(epoch))
        for name, value in found.items():
            self.curves.setdefault(name, []).append(value)
        report = {"epoch": float(epoch)} | {f"transport/{n}": v for n, v in found.items()}
        for logger in trainer.loggers:
            logger.log_metrics(report, step=trainer.global_step)

    def measure(self, module: DistillModule, data: UnpairedDataModule) -> dict[str, float]:
        """Compute the costs for the student as it is and the pairs in force.

        Returns:
            Costs by name; empty where an output is not finite.

        Raises:
            ValueError: There is no teacher, or no pairs.
        """
        taught_by = module.teacher
        if taught_by is None or data.pairs is None:
            raise ValueError("the transport cost needs a teacher and pairs")
        rows = data.rows(TRAIN, "rgb")
        count = min(self.sample, len(rows))
        chosen = np.sort(np.random.default_rng(self.seed).choice(len(rows), count, replace=False))
        request = Request(data.pairs.numpy()[chosen], rows[chosen])

        def look(batch: Batch) -> tuple[Tensor, ...]:
            outputs = taught_by(batch["ms_index"], batch.get("ms"))
            teacher = module.objective.as_taught(outputs)
            student = module.backbone(batch["rgb"])
            projection = module.objective.projection
            if projection is not None:
                student = projection(student)
            return student.zbar, teacher.zbar, student.logits, teacher.logits

        with eval_mode(module):
            outputs = data.look(request, module.device, look)
        features_s, features_t, logits_s, logits_t = (part.double().cpu() for part in outputs)
        costs: dict[str, float] = {}
        for name, s, t in (
            ("features", features_s, features_t),
            ("logits", logits_s, logits_t),
        ):
            if not (s.isfinite().all() and t.isfinite().all()):
                return {}
            if s.shape[1] == t.shape[1]:
                costs[name] = wasserstein2(s, t)
                costs[f"nearest_{name}"] = nearest_distance(s, t)
                costs[f"pairs_{name}"] = float((s - t).square().sum(1).mean().sqrt())
        return costs

    def state_dict(self) -> dict[str, dict[str, list[float]]]:
        """The curves so far."""
        return {"curves": self.curves}

    def load_state_dict(self, state_dict: dict[str, dict[str, list[float]]]) -> None:
        """Go on with the curves of a checkpoint."""
        self.curves = {name: list(values) for name, values in state_dict["curves"].items()}
