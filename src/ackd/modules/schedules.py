"""How the learning rate of a stage changes, and the part of a module that follows it."""

from __future__ import annotations

import inspect
import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

__all__ = ["Curve", "OptimizerFactory", "Schedule", "ScheduledModule", "named", "of_class"]

OptimizerFactory = Callable[[Iterable[Any]], Optimizer]
Curve = Callable[[float, float], float]
"""A factor 0..1 of the learning rate, from epochs trained (with fractions) and all epochs."""


@dataclass(frozen=True)
class Schedule:
    """A schedule that is not yet bound to an optimizer.

    Attributes:
        build: Makes it from the optimizer, the optimizer steps per epoch, and the epochs.
        per_step: Whether it goes on with every optimizer step; otherwise with every epoch.
        monitor: The logged value that a ``ReduceLROnPlateau`` looks at.
    """

    build: Callable[[Optimizer, int, int], LRScheduler]
    per_step: bool = True
    monitor: str = "val/loss"


class ScheduledModule(pl.LightningModule):
    """Has an optimizer and possibly a schedule; logs the learning rate where there is one."""

    def __init__(self, optimizer: OptimizerFactory, schedule: Schedule | None = None) -> None:
        super().__init__()
        self.optimizer_factory = optimizer
        self.schedule = schedule

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Give the optimizer everything that is trainable, and the schedule the optimizer."""
        optimizer = self.optimizer_factory(p for p in self.parameters() if p.requires_grad)
        if self.schedule is None:
            return optimizer
        epochs = self.trainer.max_epochs or 1
        steps = int(self.trainer.estimated_stepping_batches) // epochs
        scheduler = self.schedule.build(optimizer, max(1, steps), epochs)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {
                "scheduler": scheduler,
                "interval": "step" if self.schedule.per_step else "epoch",
                "monitor": self.schedule.monitor,
            },
        }

    def on_train_epoch_start(self) -> None:
        """Log the learning rate of the first step of the epoch."""
        if self.schedule is not None:
            rate = self.trainer.optimizers[0].param_groups[0]["lr"]
            self.log("train/lr", float(rate))

    def on_train_epoch_end(self) -> None:
        """Step a schedule that goes by epochs.

        Lightning would do so after the checkpoint of the epoch, and not again when a run goes on.
        """
        if self.schedule is None or self.schedule.per_step:
            return
        scheduler = self.trainer.lr_scheduler_configs[0].scheduler
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(self.trainer.callback_metrics[self.schedule.monitor])
        else:
            scheduler.step()

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step a schedule that goes by optimizer steps; see :meth:`on_train_epoch_end`."""
        if self.schedule is not None and self.schedule.per_step:
            super().lr_scheduler_step(scheduler, metric)


def named(
    name: str,
    *,
    warmup_epochs: float = 0.0,
    step_size: int | None = None,
    milestones: Sequence[int] | None = None,
    gamma: float = 0.1,
    power: float = 0.9,
    min_lr: float = 0.0,
) -> Schedule:
    """Make one of the usual schedules.

    With n epochs after the warm-up and t of them trained, the factor of the learning rate is:

    * cosine: (1 + cos(pi t / n)) / 2, Loshchilov & Hutter 2017, without restarts;
    * poly: (1 - t / n)^power;
    * step: gamma for every milestone that has been reached, counted from the first epoch.

    All go on with every optimizer step, and come down to ``min_lr``.

    Args:
        name: ``"cosine"``, ``"poly"`` or ``"step"``.
        warmup_epochs: The learning rate rises linearly from about 0 during these epochs.
        step_size: Epochs between milestones; a third of all epochs if neither is given.
        milestones: Epochs after which the learning rate is multiplied.
        gamma: Of step.
        power: Of poly.
        min_lr: The learning rate to come down to, at least 0 and less than the optimizer's.
    """

    def shape(epoch: float, epochs: float) -> float:
        part = min(1.0, max(0.0, epoch - warmup_epochs) / max(1e-9, epochs - warmup_epochs))
        if name == "cosine":
            return (1 + math.cos(math.pi * part)) / 2
        if name == "poly":
            return float((1 - part) ** power)
        if milestones is not None:
            return float(gamma ** bisect_right(sorted(milestones), epoch))
        return float(gamma ** int(epoch // (step_size or max(1, round(epochs / 3)))))

    def build(optimizer: Optimizer, steps: int, epochs: int) -> LRScheduler:
        def factor(base: float) -> Callable[[int], float]:
            if min_lr >= base:
                raise ValueError(f"min_lr={min_lr} must be less than the learning rate, {base}")

            def at(step: int) -> float:
                warmth = min(1.0, (step + 1) / max(1.0, warmup_epochs * steps))
                # Division is exact where a milestone falls on the first step of an epoch.
                rest = shape(step / steps, epochs)
                return warmth * (min_lr + (base - min_lr) * rest) / base

            return at

        # Functions, not objects: state of objects would go into checkpoints.
        return LambdaLR(optimizer, [factor(float(g["lr"])) for g in optimizer.param_groups])

    return Schedule(build)


def of_class(
    target: Callable[..., Any], make: Callable[..., LRScheduler], *, given: Iterable[str] = ()
) -> Schedule:
    """Make a schedule of a class such as those of :mod:`torch.optim.lr_scheduler`.

    It goes by epochs. One that must know how many steps there are (``total_steps`` of
    ``OneCycleLR``) is told so and goes by steps.

    Args:
        target: The class.
        make: Builds it from the optimizer and further arguments.
        given: The arguments that ``make`` has already.
    """
    per_step = "total_steps" in inspect.signature(target).parameters and not (
        {"total_steps", "epochs"} & set(given)
    )

    def build(optimizer: Optimizer, steps: int, epochs: int) -> LRScheduler:
        return make(optimizer, **({"total_steps": steps * epochs} if per_step else {}))

    return Schedule(build, per_step)
