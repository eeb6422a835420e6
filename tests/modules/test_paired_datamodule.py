"""Tiles for all stages of segmentation: parts, padding, few labels, ranks, and going on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch import seed_everything
from PIL import Image

from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.tiles import IGNORED, TileSet
from ackd.errors import ConfigError
from ackd.modules import PairedDataModule, ReconstructionModule, TeacherModule
from ackd.runs.checkpoints import last_checkpoint
from ackd.runs.predictions import measure, write_pictures, write_predictions
from ackd.segmentation import SegmentationNetwork
from ackd.stages.fitting import fit
from ackd.tasks import SegmentationTask, segmentation_task_of
from tests.modules.test_reconstruction import fit_on, same, trainer
from tests.modules.toy_tiles import BANDS, CLASSES, buffers_and_parameters, network, tile_set
from tests.slow import slow
from tests.stages import toy

FOUND = tile_set(count=40)
SGD = partial(torch.optim.SGD, lr=0.1, momentum=0.9)


def served(tiles: TileSet = FOUND, side: Any = "sar", **options: Any) -> PairedDataModule:
    return PairedDataModule(tiles, side, options.pop("batch_size", 4), stride=2, **options)


def supervised(
    of: SegmentationNetwork | None = None, side: str = "sar", classes: Any = CLASSES
) -> TeacherModule:
    task = segmentation_task_of(classes)(classes)
    of = of or network(BANDS[side], task.channels)
    return TeacherModule(of, SGD, task=task, side=side)


def listening(**options: Any) -> ReconstructionModule:
    return ReconstructionModule(network(2, seed=1), network(3), ["mid", "fin"], SGD, **options)


# -- what is served ----------------------------------------------------------------------------


def test_parts_names_and_few_labels() -> None:
    few = FOUND.rows(TRAIN)[[3, 1, 8, 2]]
    data = served(labelled=few)
    assert data.rows(TRAIN).tolist() == sorted(few.tolist())
    assert data.rows(VAL).tolist() == FOUND.rows(VAL).tolist()
    assert data.names(TEST) == {int(row): f"tile_{row:02d}" for row in FOUND.rows(TEST)}
    seen = {int(row) for batch in data.train_dataloader() for row in batch["sar_index"]}
    assert seen == set(few.tolist())
    whole = served()
    for side in ("sar", "optical"):
        ours, theirs = (each.served.normalisers[side] for each in (data, whole))  # type: ignore[index]
        assert torch.equal(ours.mean, theirs.mean), "statistics depend on labels"


def test_evaluation_has_as_many_pixels_as_training() -> None:
    data = served(crop=8, batch_size=8)
    assert data.batch_size_of_evaluation == 2
    (first, *_) = data.train_dataloader()
    assert first["sar"].shape == (8, 2, 8, 8)
    (first, *_) = data.val_dataloader()
    assert first["sar"].shape == (2, 2, 16, 16)
    assert served(crop=4, batch_size=4).batch_size_of_evaluation == 1


def cut_to(size: int, tiles: TileSet = FOUND) -> TileSet:
    assert tiles.masks is not None
    return replace(
        tiles, optical=tiles.optical[..., :size, :size], sar=tiles.sar[..., :size, :size],
        valid=tiles.valid[..., :size, :size], masks=tiles.masks[..., :size, :size],
    )  # fmt: skip


def test_predictions_are_of_the_tile_without_its_border(tmp_path: Path) -> None:
    tiles = cut_to(15)
    data, module = served(tiles), supervised()
    trainer(tmp_path).test(module, datamodule=data, verbose=False)
    answers = module.answers()
    assert tiles.masks is not None
    assert answers.rows.tolist() == tiles.rows(TEST).tolist()
    assert torch.equal(answers.targets, torch.from_numpy(tiles.masks[tiles.rows(TEST)]))
    batch = data.on_after_batch_transfer(next(iter(data.test_dataloader())), 0)
    assert batch["sar"].shape[-2:] == (16, 16)
    with torch.no_grad():
        logits = module.eval()(batch["sar"])[:, 0, :15, :15]
    assert torch.equal(answers.outputs[: len(logits)], (logits > 0).to(torch.uint8))
    assert (batch["sar_target"][:, 15] == IGNORED).all()


# -- what cannot be learned from ---------------------------------------------------------------


def without(split: int, label: int) -> TileSet:
    masks = np.array(FOUND.masks)
    rows = FOUND.rows(split)
    masks[rows] = np.where(masks[rows] == label, 0, masks[rows])
    return replace(FOUND, masks=masks)


def test_a_validation_part_without_the_class_chooses_nothing() -> None:
    with pytest.raises(
        ConfigError,
        match=r"None of the 8 validation tiles of toy has a valid pixel of building.*split_seed",
    ):
        served(without(VAL, 1))
    with pytest.raises(ConfigError, match=r"24 training tiles .* could be learned"):
        served(without(TRAIN, 1))
    served(without(VAL, 1), "both", labels=False)


def test_a_test_part_without_the_class_is_told(caplog: Any, tmp_path: Path) -> None:
    with caplog.at_level(logging.WARNING, "ackd"):
        data = served(without(TEST, 1))
    assert "none of the 8 test tiles of toy has a valid pixel of building, which" in caplog.text
    module, runner = supervised(), trainer(tmp_path)
    measured = measure(runner, module, data, data.names(TEST), "student")
    assert measured.test["iou"] in (None, 0.0)
    assert measured.test["recall"] is None
    assert measured.validation["iou"] is not None


def test_several_classes_may_lack_one(caplog: Any) -> None:
    three = tile_set(count=40, classes=("ground", "water", "building"))
    masks = np.array(three.masks)
    masks[three.rows(VAL)] = np.where(masks[three.rows(VAL)] == 1, 0, masks[three.rows(VAL)])
    with caplog.at_level(logging.WARNING, "ackd"):
        served(replace(three, masks=masks))
    assert "none of the 8 validation tiles of toy has a valid pixel of water" in caplog.text


def test_parts_without_tiles_or_data_are_refused(caplog: Any) -> None:
    split = np.where(FOUND.split == VAL, TRAIN, FOUND.split).astype(np.int8)
    with pytest.raises(ConfigError, match="toy has no validation tile"):
        served(replace(FOUND, split=split))
    valid = FOUND.valid.copy()
    valid[FOUND.rows(VAL)] = False
    with pytest.raises(
        ConfigError, match="None of the 8 validation tiles of toy has a valid pixel"
    ):
        served(replace(FOUND, valid=valid, masks=None), "both", labels=False)
    valid = FOUND.valid.copy()
    valid[FOUND.rows(TRAIN)[:2]] = False
    with caplog.at_level(logging.INFO, "ackd"):
        served(replace(FOUND, valid=valid, masks=None), "both", labels=False)
    assert (
        "2 of 24 training tiles have no valid pixel; they have no part in the loss" in caplog.text
    )


def test_tiles_that_do_not_fill_a_batch_are_refused() -> None:
    with pytest.raises(
        ConfigError,
        match=r"student\.batch_size=32 is more than the 24 training tiles, .*=12 or less",
    ):
        served(batch_size=32)
    with pytest.raises(
        ConfigError, match=r"teacher\.batch_size=9 .* 8 training tiles that are lab"
    ):
        served(batch_size=9, labelled=FOUND.rows(TRAIN)[:8], stage="teacher")
    with pytest.raises(ConfigError, match=r"data.crop=7 is not divisible by 2"):
        served(crop=7)
    with pytest.raises(ConfigError, match="has no masks"):
        served(FOUND.without_labels())


# -- training ----------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [CLASSES, ("ground", "water", "building")])
def test_a_network_learns_from_masks(tmp_path: Path, classes: Any) -> None:
    tiles = tile_set(count=40, classes=classes)
    module = supervised(classes=classes)
    runner = trainer(tmp_path, max_epochs=8)
    data = served(tiles)
    runner.fit(module, datamodule=data)
    (found,) = runner.test(module, datamodule=data, verbose=False)
    assert module.task.values(found, "test/")["iou"] > 0.7  # type: ignore[operator]


def test_fine_tuning_the_decoder_leaves_the_encoder_as_it_is(tmp_path: Path) -> None:
    student = network(2)
    student.train_only(student.decoder_layers)
    before = buffers_and_parameters(student, student.encoder_layers)
    trainer(tmp_path, max_epochs=2).fit(supervised(student), datamodule=served())
    for name, value in buffers_and_parameters(student, student.encoder_layers).items():
        assert torch.equal(value, before[name]), name


def test_two_ranks_learn_from_masks_like_one(tmp_path: Path) -> None:
    masks = np.array(FOUND.masks)
    masks[::3, :, 4:] = IGNORED  # so that ranks have different numbers of labels
    tiles = replace(FOUND, masks=masks)
    one, two = (
        fit_on(
            devices,
            tmp_path,
            supervised(network(2, norm=False)),
            served(tiles, batch_size=4 // devices),
        )
        for devices in (1, 2)
    )
    same(two, one)


def run(
    folder: Path, kind: str, *, resume: bool = False, workers: int = 0,
    options: tuple[str, ...] = (),
) -> dict[str, Any]:  # fmt: skip
    """Train with what every stage of ackd is trained with; weights and the chosen epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    config = toy.config(folder, *options)
    seed_everything(3, verbose=False)
    side = "both" if kind == "reconstruction" else "sar"
    data = served(FOUND, side, labels=side == "sar", crop=8, seed=3, num_workers=workers)
    module: pl.LightningModule = supervised() if side == "sar" else listening()
    monitor, mode = ("val/iou", "max") if side == "sar" else ("val/loss", "min")
    fitted = fit(
        module, data, config, stage="teacher", folder=folder, seed=3, max_epochs=4,
        monitor=monitor, mode=mode, loggers=[],  # type: ignore[arg-type]
        checkpoint=last_checkpoint(folder) if resume else None,
    )  # fmt: skip
    return {"weights": module.state_dict(), "epoch": fitted.epoch, "score": fitted.score}


@pytest.mark.parametrize("kind", ["supervised", "reconstruction"])
@pytest.mark.parametrize("options", [slow(()), ("teacher.ema.decay=0.8",)])
def test_a_crashed_training_goes_on_bit_for_bit(
    tmp_path: Path, kind: str, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path / "whole", kind, options=options)
    module: type[Any] = TeacherModule if kind == "supervised" else ReconstructionModule
    step: Callable[..., Any] = module.training_step

    def crash(self: Any, batch: Any, batch_idx: int) -> Any:
        if self.current_epoch == 2 and batch_idx == 1:
            raise RuntimeError("power cut")
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(module, "training_step", crash)
        with pytest.raises(RuntimeError, match="power cut"):
            run(tmp_path / "again", kind, options=options)
    again = run(tmp_path / "again", kind, resume=True, options=options)
    assert (again["epoch"], again["score"]) == (whole["epoch"], whole["score"])
    for name, value in whole["weights"].items():
        assert torch.equal(again["weights"][name], value), name


def test_workers_change_nothing(tmp_path: Path) -> None:
    alone, helped = (run(tmp_path / str(n), "supervised", workers=n) for n in (0, 2))
    for name, value in alone["weights"].items():
        assert torch.equal(helped["weights"][name], value), name


def test_a_training_ends_early_by_the_iou(tmp_path: Path) -> None:
    early = ("teacher.early_stopping.patience=1", "teacher.early_stopping.min_delta=2")
    found = run(tmp_path, "supervised", options=early)
    assert found["epoch"] in (0, 1)
    last = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["epoch"] == 1


@pytest.mark.slow
def test_a_compiled_network_trains_in_bfloat16(tmp_path: Path) -> None:
    module = supervised()
    module.backbone.compile(backend="eager")
    runner = trainer(tmp_path, precision="bf16-mixed")
    runner.fit(module, datamodule=served())
    assert runner.callback_metrics["train/loss"].dtype == torch.float32


def test_files_of_a_test(tmp_path: Path) -> None:
    data, module = served(), supervised()
    measured = measure(trainer(tmp_path), module, data, data.names(TEST), "student")
    write_predictions(tmp_path, module, data.names(TEST))
    write_pictures(tmp_path, module, data)
    with Image.open(tmp_path / "pictures" / "test_tiles.png") as picture:
        assert picture.width > 4 * 200, "SAR, optical, truth and prediction"
    assert isinstance(module.task, SegmentationTask)
    assert len(list((tmp_path / "predictions").glob("tile_*.png"))) == 8
    assert (tmp_path / "predictions.csv").read_text().startswith("file,iou_tile_mean,tp,fp,fn,tn")
    assert measured.interval["iou"] is not None
    assert measured.entries()["task"]["name"] == "segmentation"
