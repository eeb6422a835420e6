"""A task that ackd does not know trains, chooses its epoch, goes on and is reported as its own."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch import seed_everything
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ackd.data.benchmark import TEST, VAL
from ackd.data.normalise import flips_and_turns
from ackd.errors import DivergedError
from ackd.modules import TeacherModule
from ackd.report.build import build
from ackd.report.collect import collect
from ackd.report.model import Report, Table
from ackd.report.page import to_html
from ackd.runs.checkpoints import epoch_of, last_checkpoint
from ackd.runs.predictions import Measured, measure, write_predictions
from ackd.runs.result import describe_run, read_result, score
from ackd.stages.fitting import Fitted, fit
from ackd.sweeps.table import Line, best_line, print_table
from ackd.tasks import Task
from ackd.tracking.loggers import run_loggers, watchers
from tests.report.folders import config as scene_config
from tests.report.folders import make_run
from tests.stages import toy
from tests.tasks.segmentation import (
    CLASSES,
    IGNORED,
    LandCover,
    Mistakes,
    Network,
    PairedTiles,
    Tiles,
    tiles,
)

EPOCHS = 4
FOUND = tiles()


@dataclass(frozen=True)
class Trained:
    module: TeacherModule
    fitted: Fitted
    measured: Measured
    folder: Path


def train(
    folder: Path, *, task: Task | None = None, side: str = "sar", seed: int = 0,
    found: Tiles = FOUND, resume: bool = False, options: tuple[str, ...] = (),
) -> Trained:  # fmt: skip
    """Train, measure and write, with what every stage of ackd is trained with."""
    folder.mkdir(parents=True, exist_ok=True)
    config = toy.config(folder, *options)
    task = task or LandCover(CLASSES)
    data = PairedTiles(found, task, seed=seed)
    seed_everything(seed, verbose=False)
    network = Network(bands=2 if side == "sar" else 3)
    optimizer = partial(torch.optim.AdamW, lr=0.02)
    module = TeacherModule(network, optimizer, task=task, side=side)
    checkpoint = last_checkpoint(folder) if resume else None
    with run_loggers(
        config, "teacher", folder, keep_until_epoch=epoch_of(checkpoint),
        resumed=checkpoint is not None,
    ) as loggers:  # fmt: skip
        fitted = fit(
            module, data, config, stage="teacher", folder=folder, seed=seed, max_epochs=EPOCHS,
            monitor=task.monitor, mode=task.mode, loggers=loggers, checkpoint=checkpoint,
            callbacks=watchers(config, loggers),
        )  # fmt: skip
        names = found.names(TEST)
        measured = measure(fitted.trainer, module, data, names, "teacher")
    write_predictions(folder, module, names)
    return Trained(module, fitted, measured, folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("land_cover") / "run")


def by_hand(module: TeacherModule, found: Tiles, split: int) -> dict[str, float]:
    """The metrics from pixels, without torchmetrics."""
    rows = found.rows(split)
    with torch.no_grad():
        logits = module.eval()(torch.from_numpy(found.sar[rows]) / 10 + 1)
    said, true = logits.argmax(dim=1).numpy(), found.masks[rows]
    valid = true != IGNORED

    def iou(tile: Any) -> list[float]:
        shares = []
        for label in range(len(CLASSES)):
            a, b = (said[tile] == label) & valid[tile], (true[tile] == label) & valid[tile]
            if (a | b).any():
                shares.append(float((a & b).sum() / (a | b).sum()))
        return shares

    return {
        "miou": float(np.mean(iou(slice(None)))),
        "tile_iou": float(np.mean([np.mean(iou(tile)) for tile in range(len(rows))])),
        "accuracy": float((said == true)[valid].mean()),
    }


def test_its_metrics_are_those_of_the_valid_pixels(trained: Trained) -> None:
    for split, values in ((TEST, trained.measured.test), (VAL, trained.measured.validation)):
        expected = by_hand(trained.module, FOUND, split)
        assert list(values) == list(expected)
        assert values == pytest.approx(expected, abs=1e-6)
    assert (FOUND.masks == IGNORED).mean() > 0.05
    shares = list(trained.measured.by_class["iou"].values())
    assert list(trained.measured.by_class["iou"]) == list(CLASSES)
    assert np.mean(shares) == pytest.approx(trained.measured.test["miou"], abs=1e-6)
    assert shares[0] > 0.5, "it has learnt nothing"


@pytest.mark.parametrize(("task", "column"), [(LandCover, "val/miou"), (Mistakes, "val/error")])
def test_the_epoch_is_chosen_by_its_metric_in_its_direction(
    tmp_path: Path, trained: Trained, task: type[Task], column: str
) -> None:
    made = trained if task is LandCover else train(tmp_path, task=task(CLASSES))
    values = [float(row[column]) for row in toy.rows(made.folder / "metrics.csv") if column in row]
    assert len(values) == EPOCHS
    best = max(values) if task is LandCover else min(values)
    assert made.fitted.score == pytest.approx(best)
    assert values[made.fitted.epoch] == best
    assert made.measured.validation[column.removeprefix("val/")] == pytest.approx(best, abs=1e-6)


def test_a_crashed_training_goes_on_bit_for_bit(
    tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = TeacherModule.training_step

    def crash(self: TeacherModule, batch: Any, batch_idx: int) -> Any:
        if self.current_epoch == 2 and batch_idx == 1:
            raise RuntimeError("power cut")
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(TeacherModule, "training_step", crash)
        with pytest.raises(RuntimeError, match="power cut"):
            train(tmp_path)
    ours = train(tmp_path, resume=True)
    for name, weight in trained.module.state_dict().items():
        assert torch.equal(ours.module.state_dict()[name], weight), name
    assert toy.rows(tmp_path / "metrics.csv") == toy.rows(trained.folder / "metrics.csv")
    assert ours.measured == trained.measured
    for name in ("predictions.csv", "predictions/tile_004.npy"):
        assert (tmp_path / name).read_bytes() == (trained.folder / name).read_bytes()


def test_its_predictions_are_masks_and_a_score_per_tile(trained: Trained) -> None:
    with (trained.folder / "predictions.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["file"] for line in lines] == list(FOUND.names(TEST).values())
    mean = np.mean([float(line["tile_iou"]) for line in lines])
    assert mean == pytest.approx(trained.measured.test["tile_iou"], abs=1e-5)
    row = int(FOUND.rows(TEST)[2])
    mask = np.load(trained.folder / "predictions" / f"tile_{row:03d}.npy")
    with torch.no_grad():
        logits = trained.module.eval()(torch.from_numpy(FOUND.sar[[row]]) / 10 + 1)
    np.testing.assert_array_equal(mask, logits.argmax(dim=1)[0].numpy())


def test_predictions_that_are_not_finite_are_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sar = FOUND.sar.copy()
    row = int(FOUND.rows(TEST)[1])
    sar[row, 0, 3, 3] = np.nan
    broken = Tiles(FOUND.optical, sar, FOUND.masks, FOUND.split)
    with pytest.raises(DivergedError, match=rf"1 of 8 test images, first tile_{row:03d}"):
        train(tmp_path, found=broken)


def test_masks_move_with_both_modalities() -> None:
    torch.manual_seed(0)
    masks = torch.randint(0, 3, (64, SIZE_ODD, SIZE_ODD))
    images = torch.stack([masks, 7 - masks], dim=1).float()
    moved, target = LandCover(CLASSES).transform(images, masks, flips_and_turns)
    assert torch.equal(moved[:, 0].long(), target)
    assert torch.equal(7 - moved[:, 1].long(), target)
    changed = (target != masks).flatten(1).any(dim=1).float().mean()
    assert 0.75 < changed < 1  # one of the eight symmetries moves nothing


SIZE_ODD = 5


def test_dashboards_get_its_picture(tmp_path: Path) -> None:
    train(tmp_path, options=("logger=tensorboard",))
    events = EventAccumulator(str(tmp_path / "tensorboard" / "teacher"), {"images": 0}).Reload()
    tags = events.Tags()
    assert "test/tiles" in tags["images"]
    assert {"val/miou", "test/tile_iou", "best/val_miou"} <= set(tags["scalars"])
    (picture,) = events.Images("test/tiles")
    assert (picture.width, picture.height) == (3 * 16, 4 * 16)


# -- reports -----------------------------------------------------------------------------------


def finish(made: Trained, folder: Path, method: str, seed: int) -> None:
    """Write what a command of this task would leave in a run folder, from a trained network."""
    options = {
        "name": "pairs", "method": method, "seed": seed, "recipe": "paper",
        "student": {"backbone": {"name": "network"}, "max_epochs": EPOCHS},
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(options))
    (folder / "run.json").write_text(json.dumps({"images": {"tiles": "1"}}))
    sizes = {"train": 24, "val": 8, "test": 8}
    about = {
        "kd": [], "protocol": "random",
        "data": {
            "name": "tiles", "classes": list(CLASSES), "split_sizes": {"sar": sizes},
            "split_seed": 0, "fold": 0,
        },
    }  # fmt: skip
    student = {"backbone": "network", **made.measured.entries(), **made.fitted.entries()}
    config = toy.config(folder, f"name={options['name']}", f"seed={seed}")
    content = describe_run(
        config.model_copy(update={"method": method}), about,
        stages={"teacher": None, "student": student}, seconds={"distill": made.fitted.seconds},
        reused=[], device=torch.device("cpu"), artifacts={},
    )  # fmt: skip
    (folder / "result.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SAR alone and optical, two seeds each, beside a run of scene classification."""
    root = tmp_path_factory.mktemp("runs")
    for method, side in (("baseline", "sar"), ("optical", "optical")):
        for seed in (0, 1):
            folder = root / f"{method}-{seed}"
            finish(train(folder, side=side, seed=seed), folder, method, seed)
    make_run(root / "scenes", scene_config("baseline"))
    return root


def column(table: Table, name: str) -> list[str]:
    place = table.columns.index(name)
    return [row.cells[place].text for row in table.rows]


def test_a_report_has_its_own_columns_tables_and_curves(runs: Path) -> None:
    report: Report = build(collect(runs), "runs")
    ours, scenes = (
        next(s for s in report.sections if s.title.startswith(name)) for name in ("tiles", "synth")
    )
    tables = {table.name.partition("-")[2]: table for table in ours.tables}
    overview = tables["conditions"]
    measured = [column for column in overview.columns if "IoU" in column or "Acc" in column]
    assert measured == [
        "Validation mIoU %", "mIoU %", "Validation Tile mIoU %", "Tile mIoU %",
        "Tile mIoU 95 % interval", "Validation Accuracy", "Accuracy",
    ]  # fmt: skip
    results = [read_result(runs / f"baseline-{seed}" / "result.json") for seed in (0, 1)]
    values = [100 * result["student"]["metrics"]["miou"] for result in results]
    (place,) = [i for i, name in enumerate(column(overview, "Condition")) if "Baseline" in name]
    shown = f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"
    assert column(overview, "mIoU %")[place] == shown
    low, high = map(float, column(overview, "Tile mIoU 95 % interval")[place].split(" to "))
    assert low < float(column(overview, "Tile mIoU %")[place].split()[0]) < high
    water = tables["by-class-iou"]
    values = [100 * result["student"]["by_class"]["iou"]["water"] for result in results]
    assert water.columns == ("Condition", *CLASSES)
    assert f"{np.mean(values):.1f}" in column(water, "water")[place]
    gains = tables["gain-baseline"]
    assert "Δ Tile mIoU" in gains.columns
    assert "–" not in column(gains, "95 % interval over images")
    panels = [panel.title for figure in ours.figures for panel in figure.panels]
    assert {"Validation mean IoU", "Validation pixel accuracy"} <= set(panels)
    assert not [name for table in ours.tables for name in table.columns if "OA" in name]
    assert not [name for table in scenes.tables for name in table.columns if "IoU" in name]
    last = {table.name: table for table in report.sections[-1].tables}
    assert "mIoU %" in last["runs-land_cover"].columns
    assert "OA %" in last["runs-scene"].columns
    assert "Tile mIoU" in to_html(report)


def test_a_sweep_ranks_and_names_by_its_metric(runs: Path, capsys: Any) -> None:
    lines = [
        Line.of([f"method={path.parent.name}"], path.parent, "finished")
        for path in sorted(runs.glob("[bo]*/result.json"))
    ]
    values = [read_result(line.folder / "result.json") for line in lines]
    chosen = [result["student"]["validation"]["miou"] for result in values]
    assert [score(result) for result in values] == chosen
    assert best_line(lines) is lines[int(np.argmax(chosen))]
    print_table(lines, "sweep", Console(width=240, force_terminal=True))
    said = capsys.readouterr().out
    assert "validation mean IoU %" in said
    assert "test pixel accuracy" in said
    assert "OA" not in said
