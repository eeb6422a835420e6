"""Callbacks of the user's own join their stages, are part of what a run is, and go on with it."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch

from ackd.config.schema.identity import identity
from ackd.errors import ConfigError
from ackd.modules.supervised import SupervisedModule
from tests.stages import toy
from tests.stages.toy import run

HERE = "tests.stages.test_callbacks"
LIGHTNING = "lightning.pytorch.callbacks"
COUNT = (f"+callbacks.mine._target_={HERE}.Counting",)
STUDENT = (*COUNT, "+callbacks.mine._stages_=[student]")


class Counting(pl.Callback):
    """Logs in two ways, draws random numbers, remembers, and moves the weights a little."""

    def __init__(self, amount: float = 0.01) -> None:
        self.amount = amount
        self.steps = 0

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        self.steps += 1
        trainer.logger.log_metrics({"mine/steps": self.steps}, step=trainer.global_step)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        pl_module.log("mine/epoch", float(self.steps))
        with torch.no_grad():
            parameter = next(pl_module.parameters())
            parameter.add_(self.amount * torch.rand_like(parameter))

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.steps = state_dict["steps"]


class StopsAfter(pl.Callback):
    """Asks for an end, as callbacks of Lightning do."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        trainer.should_stop = trainer.current_epoch + 1 == self.epochs


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)
    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])


def test_they_join_the_stages_that_are_named_and_name_their_artifacts(tmp_path: Path) -> None:
    short = ("student.max_epochs=2", "teacher.max_epochs=1")
    run(tmp_path, "plain", *short)
    assert run(tmp_path, "student", *short, *STUDENT)["reused"] == ["teacher", "matcher", "store"]
    every = run(tmp_path, "all", *short, *COUNT)
    assert every["reused"] == []
    assert run(tmp_path, "other", *short, *COUNT, "+callbacks.mine.amount=0.02")["reused"] == []
    for name, seen in (("plain", False), ("student", True), ("all", True)):
        rows = toy.rows(tmp_path / "outputs" / name / "metrics.csv")
        assert any("mine/epoch" in row for row in rows) is seen
    for stage in ("teacher", "matcher"):
        folder = tmp_path / "outputs" / "all" / every["artifacts"][stage]
        assert "mine/steps" in (folder / "metrics.csv").read_text()


@pytest.mark.slow
def test_a_run_that_goes_on_has_their_state_and_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[logging.LogRecord]
) -> None:
    ours, whole = toy.crashed_and_whole(monkeypatch, tmp_path, "method=baseline", *STUDENT)
    rows = toy.rows(ours / "metrics.csv")
    assert rows == toy.rows(whole / "metrics.csv")
    assert [int(float(row["mine/steps"])) for row in rows if "mine/steps" in row] == [*range(1, 16)]
    assert [row["epoch"] for row in rows if "mine/steps" in row] == [*"000111222333444"]
    a, b = (torch.load(f / "student.pt", weights_only=True)["state_dict"] for f in (ours, whole))
    assert all(torch.equal(a[key], b[key]) for key in b)
    assert not [r for r in said if "left out" in r.getMessage()]


@pytest.mark.parametrize("by", ["own", "lightning"])
def test_one_that_asks_for_an_end_ends_the_stage_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    stop = {
        "own": (f"+callbacks.stop._target_={HERE}.StopsAfter", "+callbacks.stop.epochs=2"),
        "lightning": (f"+callbacks.stop._target_={LIGHTNING}.EarlyStopping",
                      "+callbacks.stop.monitor=train/loss", "+callbacks.stop.patience=1",
                      "+callbacks.stop.min_delta=100"),
    }[by]  # fmt: skip
    words = ("method=baseline", "name=n", *stop)

    with monkeypatch.context() as patch:
        patch.setattr(SupervisedModule, "test_step", toy.power_cut)
        with pytest.raises(RuntimeError, match="power cut"):
            run(tmp_path, "ours", *words)
    result = run(tmp_path, "unused", *words, "ckpt_path=auto")
    reason = {"own": "a callback has asked for it", "lightning": "train/loss has not improved"}[by]
    assert result["student"]["stopped_early"]["reason"].startswith(reason)
    assert result["student"]["stopped_early"]["epochs"] == 2
    ours = tmp_path / "outputs" / "ours"
    assert json.loads((ours / "result.json").read_text()) == result
    with pytest.raises(ConfigError, match=r"after 2 epochs, because a callback of yours"):
        run(tmp_path, "x", *words, "student.max_epochs=9", f"ckpt_path={ours}")


def test_those_of_the_lightning_hydra_template_work(tmp_path: Path) -> None:
    """As its configs/callbacks/default.yaml has them, without save_last."""
    tree = {
        "model_checkpoint": ("ModelCheckpoint", "monitor=val/loss", "filename='epoch_{epoch:03d}'",
                             "auto_insert_metric_name=false"),
        "early_stopping": ("EarlyStopping", "monitor=val/loss", "patience=100", "mode=min"),
        "model_summary": ("RichModelSummary", "max_depth=-1"),
        "rich_progress_bar": ("RichProgressBar",),
        "lr": ("LearningRateMonitor",),
    }  # fmt: skip
    words = [f"+callbacks.{name}._target_={LIGHTNING}.{kind}" for name, (kind, *_) in tree.items()]
    words += [f"+callbacks.{n}.{word}" for n, (_, *more) in tree.items() for word in more]
    words = [*words, "method=baseline", "student.max_epochs=2", "~trainer.enable_progress_bar"]
    run(tmp_path, "run", *words)
    checkpoints = {path.name for path in (tmp_path / "outputs/run/checkpoints").iterdir()}
    assert {"epoch_001.ckpt", "best.ckpt", "last.ckpt"} <= checkpoints
    with pytest.raises(ConfigError, match=r"callbacks\.bar is a progress bar, but"):
        toy.config(tmp_path, f"+callbacks.bar._target_={LIGHTNING}.RichProgressBar")


def test_one_that_is_switched_off_leaves_a_run_what_it_was(tmp_path: Path) -> None:
    plain = identity(toy.config(tmp_path))
    assert "callbacks" not in plain
    assert identity(toy.config(tmp_path, "+callbacks.mine=null")) == plain
    assert identity(toy.config(tmp_path, *STUDENT))["callbacks"] == {
        "mine": {"_target_": f"{HERE}.Counting", "_stages_": ["student"]}
    }
