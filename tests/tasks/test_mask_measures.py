"""Masks as labels: measures of an independent script, over ranks too, and their intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ackd.analysis.statistics import ratio_interval
from ackd.data.tiles import IGNORED
from ackd.modules import TeacherModule
from ackd.tasks import (
    Answers,
    MulticlassSegmentation,
    SegmentationTask,
    TaskDescription,
    segmentation_task_of,
)
from tests.metrics.test_pixels import MEASURES, reference, tiles
from tests.tasks.masks import CLASSES, THREE, random_answers


def golden_batch(rows: Sequence[int]) -> dict[str, Tensor]:
    """Tiles of the reference as a batch, whose images are the logits of the predictions."""
    prediction, target, valid = tiles()
    chosen = torch.tensor(list(rows))
    masks = target.masked_fill(~valid, IGNORED).to(torch.uint8)[chosen]
    images = (prediction * 2.0 - 1.0).unsqueeze(1)[chosen]
    return {"sar": images, "sar_target": masks, "sar_index": chosen}


class Golden(pl.LightningDataModule):
    """The four tiles; tiles 0 and 1 on the first of two ranks, 2 and 3 on the second."""

    def __init__(self, batches: Sequence[Sequence[int]] = ((0, 1), (2, 3))) -> None:
        super().__init__()
        self.batches = batches

    def test_dataloader(self) -> DataLoader[Any]:
        rank, world = self.trainer.global_rank, self.trainer.world_size
        mine = [golden_batch(rows) for rows in self.batches[rank::world]]
        return DataLoader(mine, batch_size=None)  # type: ignore[arg-type]

    val_dataloader = test_dataloader


class Keep(pl.Callback):
    """Writes what the first rank knows of all tiles."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.is_global_zero:
            torch.save(tuple(pl_module.answers()), self.path)  # type: ignore[operator]


def module(task: SegmentationTask | None = None) -> TeacherModule:
    optimizer = partial(torch.optim.SGD, lr=0.1)
    task = task or SegmentationTask(CLASSES)
    return TeacherModule(nn.Identity(), optimizer, task=task, side="sar")


def trainer(folder: Path, **options: Any) -> pl.Trainer:
    return pl.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_checkpointing=False,
        default_root_dir=folder, use_distributed_sampler=False, **options,
    )  # fmt: skip


@pytest.mark.parametrize("devices", [1, 2])
def test_a_test_measures_all_valid_pixels_of_all_ranks(tmp_path: Path, devices: int) -> None:
    expected = reference()["ignored left out"]
    kept = tmp_path / "answers.pt"
    strategy = "ddp_fork" if devices > 1 else "auto"
    runner = trainer(tmp_path, devices=devices, strategy=strategy, callbacks=[Keep(kept)])
    measured = runner.test(module(), datamodule=Golden(), verbose=False)[0]
    task = SegmentationTask(CLASSES)
    values = task.values(measured, "test/")
    assert set(values) == set(MEASURES)
    for name, key in MEASURES.items():
        assert values[name] == pytest.approx(expected[key], abs=1e-7), name
    answers = Answers(*torch.load(kept, weights_only=True))
    counts = task.tile_counts(answers)
    assert torch.stack(list(counts), dim=1).tolist() == expected["per_tile_TP_FP_FN_TN"]
    assert answers.outputs.dtype == torch.uint8


def test_a_validation_loss_is_that_of_all_valid_pixels(tmp_path: Path) -> None:
    runner = trainer(tmp_path)
    batch = golden_batch(range(4))
    batch["sar_target"][1, :40] = IGNORED  # batches with different numbers of valid pixels
    target, logits = batch["sar_target"], batch["sar"].squeeze(1)
    keep = target != IGNORED
    parts = [{key: value[rows] for key, value in batch.items()} for rows in ([0], [1, 2, 3])]
    loaded = DataLoader(parts, batch_size=None)  # type: ignore[arg-type]
    (found,) = runner.validate(module(), loaded, verbose=False)
    expected = F.binary_cross_entropy_with_logits(logits[keep], target[keep].float())
    assert found["val/loss"] == pytest.approx(float(expected), rel=1e-6)


def test_what_has_no_value_is_none_and_not_a_number(tmp_path: Path) -> None:
    runner = trainer(tmp_path)
    (found,) = runner.test(module(), datamodule=Golden([[3]]), verbose=False)
    values = SegmentationTask(CLASSES).values(found, "test/")
    assert values["iou"] is None
    assert values["precision"] is None
    assert values["prevalence"] == 0.0
    answers = Answers(
        torch.tensor([3]),
        torch.zeros(1, 48, 64, dtype=torch.uint8),
        golden_batch([3])["sar_target"],
    )
    assert set(SegmentationTask(CLASSES).intervals(values, answers).values()) == {None}
    json.dumps(values, allow_nan=False)


def values_of(task: SegmentationTask, answers: Answers) -> dict[str, float | None]:
    metrics = task.measures("test/")
    if task.channels == 1:
        logits = answers.outputs.unsqueeze(1) * 2.0 - 1.0
    else:
        logits = F.one_hot(answers.outputs.long(), task.channels).permute(0, 3, 1, 2).float()
    metrics.update(logits, answers.targets)
    return task.values(metrics.compute(), "test/")


@pytest.mark.parametrize("classes", [CLASSES, THREE])
def test_intervals_are_of_tiles_and_hold_the_value(classes: tuple[str, ...]) -> None:
    task, answers = segmentation_task_of(classes)(classes), random_answers(40, len(classes))
    values = values_of(task, answers)
    intervals = task.intervals(values, answers)
    wanted = {"iou", "precision", "recall"} | ({"iou_tile_mean"} & set(values))
    assert {name for name, interval in intervals.items() if interval} == wanted
    for name in wanted:
        low, high = intervals[name] or (math.nan, math.nan)
        assert low < (values[name] or 0.0) < high, name
        assert high - low < 0.3, name
    assert task.intervals(values, answers) == intervals, "the bootstrap is not repeatable"
    # Doubling the resolution brings no new tile, so that nothing is surer than before.
    finer = Answers(
        answers.rows,
        *(each.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2) for each in answers[1:]),
    )
    assert task.intervals(values_of(task, finer), finer)["iou"] == intervals["iou"]


def test_a_pooled_interval_is_that_of_resampled_sums() -> None:
    rng = np.random.default_rng(0)
    whole = rng.integers(1, 100, (60, 1)).astype(float)
    part = rng.binomial(whole.astype(int), 0.6).astype(float)
    low, high = ratio_interval(part, whole)
    drawn = rng.integers(0, 60, (20000, 60))
    shares = part[drawn, 0].sum(axis=1) / whole[drawn, 0].sum(axis=1)
    assert (low, high) == pytest.approx(np.quantile(shares, [0.025, 0.975]), abs=0.01)
    assert ratio_interval(whole, whole) == (1.0, 1.0)
    with_nothing = (
        np.concatenate([part, np.zeros((9, 1))]),
        np.concatenate([whole, np.zeros((9, 1))]),
    )
    assert ratio_interval(*with_nothing) == (low, high)
    with pytest.raises(ValueError, match="at least two images; there are 1"):
        ratio_interval(part[:1], whole[:1])


def test_several_classes_have_a_mean_and_each_its_own() -> None:
    task, answers = MulticlassSegmentation(THREE), random_answers(20, 3)
    valid = answers.targets != IGNORED
    said, true = answers.outputs[valid], answers.targets[valid]
    shares = [
        float(((said == c) & (true == c)).sum() / ((said == c) | (true == c)).sum())
        for c in range(3)
    ]
    by_class = task.by_class(answers)
    assert set(by_class) == {"iou", "precision", "recall"}
    assert by_class["iou"] == pytest.approx(dict(zip(THREE, shares, strict=True)))
    assert values_of(task, answers)["iou"] == pytest.approx(np.mean(shares))
    answers.outputs[answers.outputs == 1] = 0
    answers.targets[answers.targets == 1] = 0
    assert task.by_class(answers)["iou"]["water"] is None


def test_a_task_refuses_classes_that_are_not_its_own() -> None:
    assert segmentation_task_of(CLASSES) is SegmentationTask
    assert segmentation_task_of(THREE) is MulticlassSegmentation
    with pytest.raises(ValueError, match=r"not for the 3 classes ground, water.*segmentation_task"):
        SegmentationTask(THREE)
    with pytest.raises(ValueError, match=r"MulticlassSegmentation is not for the 2 classes"):
        MulticlassSegmentation(CLASSES)
    for task in (SegmentationTask, MulticlassSegmentation):
        assert TaskDescription.from_json(task.description().to_json()) == task.description()
    assert SegmentationTask(CLASSES).monitor == "val/iou"
