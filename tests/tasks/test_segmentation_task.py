"""Masks as labels: measures of an independent script, over ranks too, losses, files, pictures."""

from __future__ import annotations

import csv
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
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ackd.analysis.statistics import ratio_interval
from ackd.data.benchmark import TEST
from ackd.data.normalise import flips_and_turns
from ackd.data.tiles import IGNORED, TileSet
from ackd.modules import TeacherModule
from ackd.report.predictions import paired_gains, read_predictions
from ackd.tasks import (
    Answers,
    MulticlassSegmentation,
    SegmentationTask,
    TaskDescription,
    segmentation_task_of,
)
from ackd.tasks.mask_files import class_colors
from ackd.tasks.tile_pictures import choose_tiles
from tests.metrics.test_pixels import MEASURES, reference, tiles

CLASSES = ("ground", "building")
THREE = ("ground", "water", "building")


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


# -- measures ----------------------------------------------------------------------------------


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


def random_answers(count: int, classes: int, seed: int = 0) -> Answers:
    generator = torch.Generator().manual_seed(seed)
    shape = (count, 12, 10)
    blocks = torch.randint(0, classes, (count, 4, 5), generator=generator)
    true = blocks.repeat_interleave(3, dim=1).repeat_interleave(2, dim=2)
    wrong = torch.rand(shape, generator=generator) < torch.rand(count, 1, 1, generator=generator)
    said = torch.where(wrong, torch.randint(0, classes, shape, generator=generator), true)
    true[torch.rand(shape, generator=generator) < 0.2] = IGNORED
    return Answers(torch.arange(count), said.to(torch.uint8), true.to(torch.uint8))


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


# -- losses ------------------------------------------------------------------------------------


def batch_of(classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, masks and validity."""
    torch.manual_seed(0)
    channels = 1 if classes == 2 else classes
    target = torch.randint(0, classes, (3, 6, 5))
    valid = torch.rand(3, 6, 5) > 0.3
    masks = target.masked_fill(~valid, IGNORED).to(torch.uint8)
    return torch.randn(3, channels, 6, 5, dtype=torch.float64), masks, valid


def test_the_loss_of_two_classes() -> None:
    logits, masks, valid = batch_of(2)
    scores, truth = logits.squeeze(1)[valid], masks[valid].double()
    plain = F.binary_cross_entropy_with_logits(scores, truth)
    loss = SegmentationTask(CLASSES).criterion()
    assert loss(logits, masks).item() == pytest.approx(plain.item(), rel=1e-6)
    weights = torch.tensor([0.5, 3.0])
    weighted = SegmentationTask(CLASSES, class_weights=weights, label_smoothing=0.1).criterion()
    # A smoothed target is a share of both classes, each with its weight.
    shares = 0.9 * truth + 0.05
    each = -(3 * shares * F.logsigmoid(scores) + 0.5 * (1 - shares) * F.logsigmoid(-scores))
    assert weighted(logits, masks).item() == pytest.approx(each.mean().item(), rel=1e-6)
    assert weighted.eval()(logits, masks).item() == pytest.approx(plain.item(), rel=1e-6)
    assert not weighted.state_dict()


def test_the_loss_of_several_classes() -> None:
    logits, masks, valid = batch_of(3)
    expected = partial(F.cross_entropy, logits, masks.long(), ignore_index=IGNORED)
    loss = MulticlassSegmentation(THREE).criterion()
    assert loss(logits, masks).item() == pytest.approx(expected().item(), rel=1e-6)
    weights = torch.tensor([0.5, 3.0, 1.0], dtype=torch.float64)
    weighted = MulticlassSegmentation(THREE, class_weights=weights, label_smoothing=0.1).criterion()
    total = expected(weight=weights, label_smoothing=0.1, reduction="sum")
    assert weighted(logits, masks).item() == pytest.approx((total / valid.sum()).item(), rel=1e-6)
    assert weighted.eval()(logits, masks).item() == pytest.approx(expected().item(), rel=1e-6)
    spoiled = logits.masked_fill(~valid.unsqueeze(1), math.nan).requires_grad_()
    again = loss(spoiled, masks)
    assert again.item() == pytest.approx(expected().item(), rel=1e-6)
    gradient = torch.autograd.grad(again, spoiled)[0]
    assert gradient.isfinite().all()
    assert not gradient[~valid.unsqueeze(1).expand_as(gradient)].any()
    nothing = loss(spoiled, torch.full_like(masks, IGNORED))
    assert nothing.item() == 0.0
    assert not torch.autograd.grad(nothing, spoiled)[0].any()
    with pytest.raises(ValueError, match=r"target holds 7 at a valid pixel.*0 to 2"):
        loss(logits, torch.full_like(masks, 7))


def test_weights_are_those_of_valid_pixels() -> None:
    masks = np.full((2, 4, 5), IGNORED, dtype=np.uint8)
    masks[0, 0], masks[1, :3] = 1, 0
    assert SegmentationTask.balanced(masks, 2).tolist() == [1.0, 3.0]
    masks[0, 1] = 2
    expected = torch.tensor([25 / 45, 25 / 15, 25 / 15])
    torch.testing.assert_close(MulticlassSegmentation.balanced(masks, 3), expected)


def test_masks_move_with_their_images() -> None:
    torch.manual_seed(0)
    masks = torch.randint(0, 2, (64, 5, 5), dtype=torch.uint8)
    images = masks.unsqueeze(1).float()
    moved, target = SegmentationTask(CLASSES).transform(images, masks, flips_and_turns)
    assert torch.equal(moved[:, 0].to(torch.uint8), target)
    assert not torch.equal(target, masks)


# -- predictions -------------------------------------------------------------------------------


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_predictions_are_masks_that_viewers_show_and_counts_per_tile(tmp_path: Path) -> None:
    prediction, target, valid = tiles()
    answers = Answers(
        torch.arange(4), prediction.to(torch.uint8),
        target.masked_fill(~valid, IGNORED).to(torch.uint8),
    )  # fmt: skip
    files = ["a/one", "a/two", "three", "four"]
    SegmentationTask(CLASSES).write_predictions(tmp_path, answers, files)
    table = lines(tmp_path / "predictions.csv")
    assert [line["file"] for line in table] == files
    totals = [sum(int(line[name]) for line in table) for name in ("tp", "fp", "fn", "tn")]
    assert totals == [464, 2086, 1044, 7467]
    assert sum(int(line["valid"]) for line in table) == sum(totals)
    assert [line["iou_tile_mean"] for line in table] == ["0.168367", "0.169949", "0.000000", ""]
    for row, file in enumerate(files):
        with Image.open(tmp_path / "predictions" / f"{file}.png") as picture:
            assert picture.mode == "P"
            mask = np.asarray(picture)
            shown = np.asarray(picture.convert("RGB"))
        expected = prediction[row].masked_fill(~valid[row], IGNORED).numpy()
        np.testing.assert_array_equal(mask, expected)
        np.testing.assert_array_equal(shown, class_colors(2)[expected])
    scores = read_predictions(tmp_path / "predictions.csv").scores("iou_tile_mean")
    assert np.nanmean(list(scores.values())) == pytest.approx(0.1127720964, abs=1e-6)
    assert math.isnan(scores["four"])


def test_predictions_of_several_classes(tmp_path: Path) -> None:
    answers = random_answers(3, 3)
    answers.outputs[0] = 2
    answers.targets[0] = 2
    MulticlassSegmentation(THREE).write_predictions(tmp_path, answers, ["a", "b", "c"])
    table = lines(tmp_path / "predictions.csv")
    assert list(table[0]) == ["file", "valid", "iou ground", "iou water", "iou building"]
    assert [table[0][f"iou {name}"] for name in THREE] == ["", "", "1.000000"]
    assert len(list((tmp_path / "predictions").glob("*.png"))) == 3


def test_runs_are_compared_over_tiles_that_have_a_score_in_both(tmp_path: Path) -> None:
    task = SegmentationTask(CLASSES)
    found = []
    for seed in range(2):
        answers = random_answers(12, 2, seed=7)
        outputs = answers.outputs.clone()
        outputs[2:4] = 0
        answers.targets[2:4] = 0
        if seed:
            outputs[3, :5] = 1  # only one of the runs says that there is something
            outputs[5:] = 1 - outputs[5:]
        folder = tmp_path / str(seed)
        task.write_predictions(folder, answers._replace(outputs=outputs), [*"abcdefghijkl"])
        found.append(read_predictions(folder / "predictions.csv"))
    gains = paired_gains(found[:1], found[1:], "iou_tile_mean")
    assert len(gains) == 10
    assert not gains[:3].any()
    assert (gains[3:] != 0).any()


# -- pictures ----------------------------------------------------------------------------------


class Served:
    """A data module as far as pictures need one."""

    def __init__(self, found: TileSet) -> None:
        self.tiles = found


def made(count: int = 9, classes: tuple[str, ...] = CLASSES, size: int = 24) -> TileSet:
    rng = np.random.default_rng(0)
    masks = rng.integers(0, len(classes), (count, 4, 4)).repeat(size // 4, 1).repeat(size // 4, 2)
    valid = np.ones((count, size, size), dtype=bool)
    valid[:, :, :3] = False
    levels = masks[:, None] * 60.0 + rng.normal(80, 10, (count, 3, size, size))
    sar = (masks[:, None] * 8.0 - 20 + rng.normal(0, 2, (count, 2, size, size))) * valid[:, None]
    return TileSet(
        "made", (levels * valid[:, None]).clip(0, 255).astype(np.uint8), sar.astype(np.float32),
        valid, np.where(valid, masks, IGNORED).astype(np.uint8),
        np.array([f"tile_{n}" for n in range(count)]), np.full(count, TEST, dtype=np.int8),
        classes, ("R", "G", "B"), ("VV", "VH"),
    )  # fmt: skip


@pytest.mark.parametrize("classes", [CLASSES, THREE])
def test_a_picture_shows_sensors_truth_and_errors(classes: tuple[str, ...]) -> None:
    found = made(classes=classes)
    assert found.masks is not None
    truth = torch.from_numpy(found.masks)
    answers = Answers(torch.arange(9), truth.where(truth != IGNORED, 0), truth)
    task = segmentation_task_of(classes)(classes)
    (picture,) = task.pictures(answers, Served(found))
    assert picture.name == "test/tiles"
    assert "SAR (VV), Optical (R G B), Truth, Prediction" in picture.caption
    # Nothing is wrong, so that truth and prediction look the same.
    height, width, _ = picture.image.shape
    column = (width - 8) // 4
    a, b = (picture.image[40:220, 8 + n * column : 8 + n * column + 190] for n in (2, 3))
    np.testing.assert_array_equal(a, b)
    answers.outputs[:, 4] = 1 - answers.outputs[:, 4].clip(max=1)
    (other,) = task.pictures(answers, Served(found))
    assert other.image.shape == (height, width, 3)
    assert (other.image != picture.image).any()
    (alone,) = task.pictures(answers, None)
    assert alone.image.shape[1] < width


def test_the_tiles_of_a_picture_are_chosen_by_truth() -> None:
    masks = np.zeros((30, 8, 8), dtype=np.uint8)
    for n in range(20):
        masks[n, : n // 3 + 1] = 1
    masks[20:25] = IGNORED
    chosen = choose_tiles(masks, 2, 5)
    assert len(chosen) == 5
    assert chosen.max() < 20
    assert np.ptp((masks[chosen] == 1).mean(axis=(1, 2))) > 0.5
    assert choose_tiles(masks[25:], 2, 9).tolist() == [0, 1, 2, 3, 4]
