"""What a trained classifier says of every test image."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from ackd.data.benchmark import TEST, SceneSet
from ackd.errors import DivergedError
from ackd.modules.classifier import SceneClassifier
from ackd.modules.datamodule import UnpairedDataModule
from ackd.utils.io import write_text

__all__ = ["test_metrics", "write_predictions"]


def test_metrics(
    trainer: pl.Trainer, module: SceneClassifier, data: UnpairedDataModule
) -> dict[str, float | None]:
    """Measure a module on the test images: ``{"oa", "f1"}``, oa None for several labels.

    Raises:
        DivergedError: A prediction is not finite. It would count as one of the first class.
        RuntimeError: Not every test image was seen once.
    """
    found: dict[str, Any] = dict(trainer.test(module, datamodule=data, verbose=False)[0])
    rows, logits = module.predictions()
    scenes, expected = getattr(data.benchmark, module.side), data.rows(TEST)
    if sorted(rows.tolist()) != sorted(expected.tolist()):
        raise RuntimeError(f"{len(set(rows.tolist()))} of {len(expected)} test images were tested")
    broken = rows[~logits.isfinite().all(dim=1)]
    if len(broken):
        raise DivergedError(
            f"The {data.stage} predicts values that are not finite for {len(broken)} of "
            f"{len(rows)} test images, first {scenes.files[int(broken.min())]}; it has no result. "
            f"Try a smaller {data.stage}.optimizer.lr."
        )
    oa = found.get("test/oa")
    return {"oa": None if oa is None else float(oa), "f1": float(found["test/f1"])}


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
