"""How well a trained classifier does, and what it says of every test image."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import CSVLogger

from ackd.analysis.statistics import f1_interval, wilson
from ackd.data.benchmark import TEST, SceneSet
from ackd.errors import DivergedError
from ackd.modules.classifier import SceneClassifier
from ackd.modules.datamodule import UnpairedDataModule
from ackd.utils.io import write_text

__all__ = ["Measured", "measure", "write_predictions"]


@dataclass(frozen=True)
class Measured:
    """What the weights of the chosen epoch reach; ``oa`` is None for several labels an image.

    Attributes:
        validation: ``{"oa", "f1"}`` on the validation images, which chose the epoch.
        test: The same on the test images.
        interval: 95 % confidence intervals of ``test`` over the choice of test images, as
            ``{"oa": [low, high], "f1": [low, high]}``: Wilson's for OA, a bootstrap for macro F1.
    """

    validation: dict[str, float | None]
    test: dict[str, float | None]
    interval: dict[str, list[float] | None]

    def entries(self) -> dict[str, Any]:
        """The entries of ``result.json`` and of a stage's ``metrics.json``."""
        return {"metrics": self.test, "interval": self.interval, "validation": self.validation}


def measure(
    trainer: pl.Trainer, module: SceneClassifier, data: UnpairedDataModule, scenes: SceneSet
) -> Measured:
    """Measure a module on the validation and on the test images.

    Args:
        trainer: That trained it.
        module: With the weights of the chosen epoch. It keeps what it says of the test images.
        data: Serves both splits.
        scenes: The side that it classifies, for the labels.

    Raises:
        DivergedError: A prediction is not finite. It would count as one of the first class.
        RuntimeError: Not every test image was seen once.
    """
    # Its epoch was logged when it was trained; a row of its own would be one epoch too many.
    loggers, trainer.loggers = trainer.loggers, []
    try:
        chosen = _metrics(trainer.validate(module, datamodule=data, verbose=False)[0], "val/")
    finally:
        trainer.loggers = loggers
    found = _metrics(trainer.test(module, datamodule=data, verbose=False)[0], "test/")
    _check_predictions(module, data, scenes)
    measured = Measured(chosen, found, _intervals(module, scenes, found["oa"]))
    for logger in trainer.loggers:
        if not isinstance(logger, CSVLogger):
            logger.log_metrics(
                {f"best/val_{name}": value for name, value in chosen.items() if value is not None},
                step=trainer.global_step,
            )
    return measured


def _metrics(found: Mapping[str, Any], prefix: str) -> dict[str, float | None]:
    oa = found.get(f"{prefix}oa")
    return {"oa": None if oa is None else float(oa), "f1": float(found[f"{prefix}f1"])}


def _check_predictions(module: SceneClassifier, data: UnpairedDataModule, scenes: SceneSet) -> None:
    rows, logits = module.predictions()
    expected = data.rows(TEST)
    if sorted(rows.tolist()) != sorted(expected.tolist()):
        raise RuntimeError(f"{len(set(rows.tolist()))} of {len(expected)} test images were tested")
    broken = rows[~logits.isfinite().all(dim=1)]
    if len(broken):
        raise DivergedError(
            f"The {data.stage} predicts values that are not finite for {len(broken)} of "
            f"{len(rows)} test images, first {scenes.files[int(broken.min())]}; it has no result. "
            f"Try a smaller {data.stage}.optimizer.lr."
        )


def _intervals(
    module: SceneClassifier, scenes: SceneSet, oa: float | None
) -> dict[str, list[float] | None]:
    rows, logits = module.predictions()
    labels = torch.as_tensor(scenes.labels)[rows]
    if scenes.multilabel:
        true, said = labels.bool(), logits > 0
    else:
        classes = logits.shape[1]
        true = torch.nn.functional.one_hot(labels, classes).bool()
        said = torch.nn.functional.one_hot(logits.argmax(dim=1), classes).bool()
    return {
        "oa": None if oa is None else list(wilson(oa, len(rows))),
        "f1": list(f1_interval(true.numpy(), said.numpy(), multilabel=scenes.multilabel)),
    }


def write_predictions(
    path: Path, module: SceneClassifier, scenes: SceneSet, classes: tuple[str, ...]
) -> None:
    """Write one line a test image: file, true class, predicted class, logits."""
    rows, logits = module.predictions()
    order = rows.argsort()
    rows, logits = rows[order], logits[order]
    lines = [["file", "true", "predicted", *classes]]
    for row, scores in zip(rows.tolist(), logits, strict=True):
        label = scenes.labels[row]
        if scenes.multilabel:
            truth = "|".join(c for c, borne in zip(classes, label, strict=True) if borne)
            said = "|".join(c for c, s in zip(classes, scores.tolist(), strict=True) if s > 0)
        else:
            truth, said = classes[int(label)], classes[int(torch.argmax(scores))]
        lines.append([str(scenes.files[row]), truth, said, *(f"{s:.6g}" for s in scores.tolist())])

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    write_text(path, text.getvalue())
