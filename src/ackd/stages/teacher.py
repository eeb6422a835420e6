"""Stage one: a network that sees every band."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from ackd.backbones import Backbone
from ackd.config.schema.identity import (
    shaping_augmentation,
    shaping_callbacks,
    shaping_trainer_options,
    weights_digest,
)
from ackd.data.benchmark import TEST
from ackd.modules import TeacherModule
from ackd.runs.checkpoints import epoch_of, last_checkpoint
from ackd.runs.predictions import measure, write_predictions
from ackd.runs.resources import shortages_of_test_told
from ackd.runs.result import validation_of_epoch
from ackd.stages.context import Context
from ackd.stages.fitting import finite_weights, fit
from ackd.tracking.loggers import run_loggers, watchers
from ackd.utils.io import read_json, save_tensors, write_json

__all__ = ["TeacherStage"]


class TeacherStage:
    """Trains the teacher; leaves ``weights.pt``, ``metrics.json`` and ``predictions.csv``."""

    name = "teacher"
    format_version = 1

    def __init__(self, context: Context) -> None:
        self.context = context

    def shaped_by(self) -> dict[str, Any]:
        """The MS images with their splits, and the teacher's own options."""
        config, benchmark = self.context.config, self.context.benchmark
        return {
            "ms": benchmark.ms.fingerprint,
            "classes": list(benchmark.classes),
            "normalise": config.data.normalise,
            "augment": config.data.augment,
            **shaping_augmentation(config, "ms"),
            "options": config.teacher.model_dump(mode="json"),
            **weights_digest(config.teacher.backbone),
            "trainer": shaping_trainer_options(config.trainer),
            **shaping_callbacks(config, self.name),
        }

    def build(self, *, fresh: bool = True) -> Backbone:
        """The network; ``fresh`` for the weights that training starts from."""
        options = self.context.config.teacher.backbone
        return self.context.backbone(
            options, "ms", self.context.classes, "teacher.backbone", fresh=fresh
        )

    def train(self, folder: Path, *, resume: bool) -> None:
        """Train, choose the epoch by validation, test."""
        config, benchmark = self.context.config, self.context.benchmark
        pl.seed_everything(config.teacher.seed, workers=True, verbose=False)
        task = self.context.task("teacher")
        module = TeacherModule(
            self.build(), self.context.optimizer("teacher"), task=task,
            schedule=self.context.schedule("teacher"),
        )  # fmt: skip
        data = self.context.data("teacher", "ms")
        checkpoint = last_checkpoint(folder) if resume else None
        with run_loggers(
            config, "teacher", folder,
            keep_until_epoch=epoch_of(checkpoint), resumed=checkpoint is not None,
            notes=benchmark.notes,
        ) as loggers:  # fmt: skip
            fitted = fit(
                module, data, config, stage="teacher", folder=folder, seed=config.teacher.seed,
                max_epochs=config.teacher.max_epochs, monitor=task.monitor, mode=task.mode,
                loggers=loggers, checkpoint=checkpoint, callbacks=watchers(config, loggers),
            )  # fmt: skip
            names = data.names(TEST)
            with shortages_of_test_told(config, "teacher"):
                measured = measure(fitted.trainer, module, data, names, "teacher")
        if fitted.trainer.is_global_zero:
            write_predictions(folder, module, names)
            save_tensors(folder / "weights.pt", module.backbone.state_dict())
            write_json(
                folder / "metrics.json",
                measured.entries()
                | {
                    "best_epoch": fitted.epoch,
                    "stopped_early": fitted.stopped_early,
                    "seconds": fitted.seconds,
                },
            )

    def load(self, folder: Path) -> tuple[Backbone, dict[str, Any]]:
        """Read a finished teacher: the network and what was measured."""
        backbone = self.build(fresh=False)
        backbone.load_state_dict(finite_weights(folder / "weights.pt", self.name))
        report = read_json(folder / "metrics.json")
        if "validation" not in report:  # of an earlier version
            epoch = report["best_epoch"]
            report["validation"] = validation_of_epoch(folder / "metrics.csv", epoch)
        return backbone, report
