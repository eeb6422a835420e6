"""How well a trained network does, and what it says of each test image."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.loggers import CSVLogger
from PIL import Image

from ackd.errors import DivergedError
from ackd.modules.supervised import SupervisedModule
from ackd.tasks import Picture, TaskDescription
from ackd.utils.io import write_bytes

__all__ = ["Measured", "measure", "write_pictures", "write_predictions"]


@dataclass(frozen=True)
class Measured:
    """What the weights of the chosen epoch reach, by the names of the task's metrics.

    Attributes:
        task: What the metrics are; a value is None where one is not defined for these labels.
        validation: On the validation images, which chose the epoch.
        test: On the test images.
        interval: 95 % confidence intervals of ``test`` over the choice of test images, as
            ``[low, high]``; None where there is none.
        by_class: Metrics of each class on the test images, by metric and class.
    """

    task: TaskDescription
    validation: dict[str, float | None]
    test: dict[str, float | None]
    interval: dict[str, list[float] | None]
    by_class: dict[str, dict[str, float | None]]

    def entries(self) -> dict[str, Any]:
        """The entries of ``result.json`` and of a stage's ``metrics.json``."""
        found = {
            "task": self.task.to_json(),
            "metrics": self.test, "interval": self.interval, "validation": self.validation,
        }  # fmt: skip
        return found | ({"by_class": self.by_class} if self.by_class else {})


def measure(
    trainer: pl.Trainer,
    module: SupervisedModule,
    data: pl.LightningDataModule,
    names: Mapping[int, str],
    stage: str,
) -> Measured:
    """Measure a module on the validation and on the test images.

    Args:
        trainer: That trained it.
        module: With the weights of the chosen epoch. It keeps what it says of the test images.
        data: Serves both splits.
        names: The file of each test image by its row.
        stage: A word for errors; its ``optimizer.lr`` is what they advise to change.

    Raises:
        DivergedError: A prediction is not finite. It would count as one of the first class.
        RuntimeError: Not every test image was seen once.
    """
    task = module.task
    # Its epoch was logged when it was trained; a row of its own would be one epoch too many.
    loggers, trainer.loggers = trainer.loggers, []
    try:
        found = trainer.validate(module, datamodule=data, verbose=False)[0]
        validation = task.values(found, "val/")
    finally:
        trainer.loggers = loggers
    test = task.values(trainer.test(module, datamodule=data, verbose=False)[0], "test/")
    _check_predictions(module, names, stage)
    answers = module.answers()
    measured = Measured(
        task.description(), validation, test, task.intervals(test, answers), task.by_class(answers)
    )
    for logger in trainer.loggers:
        if not isinstance(logger, CSVLogger):
            logger.log_metrics(
                {
                    f"best/val_{name}": value
                    for name, value in validation.items()
                    if value is not None
                },
                step=trainer.global_step,
            )
    return measured


def _check_predictions(module: SupervisedModule, names: Mapping[int, str], stage: str) -> None:
    rows = module.answers().rows.tolist()
    if rows != sorted(names):
        raise RuntimeError(f"{len(set(rows))} of {len(names)} test images were tested")
    broken = module.not_finite_rows().tolist()
    if broken:
        raise DivergedError(
            f"The {stage} predicts values that are not finite for {len(broken)} of {len(rows)} "
            f"test images, first {names[broken[0]]}; it has no result. Try a smaller "
            f"{stage}.optimizer.lr."
        )


def write_predictions(folder: Path, module: SupervisedModule, names: Mapping[int, str]) -> None:
    """Write what a module said of the test images, as its task does.

    Args:
        folder: Of the run or the stage.
        module: That has been measured.
        names: The file of each test image by its row.
    """
    answers = module.answers()
    files = [names[row] for row in answers.rows.tolist()]
    module.task.write_predictions(folder, answers, files)


def write_pictures(folder: Path, module: SupervisedModule, data: pl.LightningDataModule) -> None:
    """Write the pictures that its task makes of a test, ``pictures/<name>.png``, if it makes any.

    Args:
        folder: Of the run or the stage.
        module: That has been measured.
        data: That served the test images.
    """
    for picture in module.task.pictures(module.answers(), data):
        if isinstance(picture, Picture):
            encoded = io.BytesIO()
            Image.fromarray(picture.image).save(encoded, format="PNG", optimize=True)
            name = picture.name.replace("/", "_")
            write_bytes(folder / "pictures" / f"{name}.png", encoded.getvalue())
