"""A stage that stops early is finished, says so, and goes on like one that never stopped."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from ackd.callbacks import Finite
from ackd.config.schema.identity import identity
from ackd.errors import ConfigError
from ackd.modules.supervised import SupervisedModule
from tests.runs.test_going_on import assert_same, killed
from tests.slow import slow
from tests.stages import toy
from tests.stages.toy import run

# The student's overall accuracy on validation images is what SCORES says.
BASE = ("method=baseline", "name=n", "student.max_epochs=8")
STOPS = (*BASE, "student.early_stopping.patience=2")
SCORES = (0.3, 0.5, 0.4, 0.5, 0.6, 0.7, 0.1, 0.2)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)
    look = Finite.on_train_epoch_end

    def scripted(self: Finite, trainer: Any, pl_module: Any) -> None:
        if self.stage == "student":
            trainer.callback_metrics["val/oa"].fill_(SCORES[trainer.current_epoch])
        look(self, trainer, pl_module)

    monkeypatch.setattr(Finite, "on_train_epoch_end", scripted)


def epochs(folder: Path) -> int:
    return len([row for row in toy.rows(folder / "metrics.csv") if "train/loss" in row])


def test_a_student_stops_early_and_is_that_of_its_best_epoch(
    tmp_path: Path, said: list[logging.LogRecord]
) -> None:
    result = run(tmp_path, "early", *STOPS)
    assert result["student"]["stopped_early"] == {
        "epochs": 4, "max_epochs": 8, "reason": "val/oa has not improved for 2 epochs",
    }  # fmt: skip
    assert result["student"]["best_epoch"] == 1
    assert epochs(tmp_path / "outputs" / "early") == 4
    assert [r for r in said if "student stopped early, after 4 of 8 epochs" in r.getMessage()]
    # With patience enough nothing is different from a run without.
    whole, patient = run(tmp_path, "whole", *BASE), run(tmp_path, "patient", *BASE,
                         "student.early_stopping.patience=3")  # fmt: skip
    assert whole["student"] == patient["student"]
    assert whole["student"]["stopped_early"] is None


def test_teacher_and_matcher_stop_by_the_value_that_is_named(tmp_path: Path) -> None:
    words = ("teacher.max_epochs=6", "matcher.max_epochs=4", "student.max_epochs=1")
    # No change is large enough.
    stops = [f"{stage}.early_stopping.{word}" for stage in ("teacher", "matcher")
             for word in ("patience=1", "min_delta=100")]  # fmt: skip
    result = run(tmp_path, "run", *words, *stops, "teacher.early_stopping.monitor=val/loss")
    assert result["teacher"]["stopped_early"]["reason"].startswith("val/loss has not")
    assert result["teacher"]["stopped_early"]["epochs"] == 2
    (path,) = (tmp_path / "artifacts" / "matcher").glob("*/metrics.json")
    assert json.loads(path.read_text())["stopped_early"]["epochs"] == 2
    again = run(tmp_path, "again", *words, *stops, "teacher.early_stopping.monitor=val/loss")
    assert again["reused"] == ["teacher", "matcher", "store"]
    assert again["teacher"] == result["teacher"] | {"artifact": again["teacher"]["artifact"]}


@pytest.mark.parametrize("epoch", [slow(3), "result"])
def test_an_interrupted_run_stops_where_it_would_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: int | str
) -> None:
    """Killed in its last epoch, or after it and before there is a result."""
    run(tmp_path, "whole", *STOPS)
    if epoch == "result":
        with monkeypatch.context() as patch:
            patch.setattr(SupervisedModule, "test_step", toy.power_cut)
            with pytest.raises(RuntimeError, match="power cut"):
                run(tmp_path, "ours", *STOPS)
    else:
        killed(tmp_path, monkeypatch, "ours", 3, *STOPS)
    run(tmp_path, "unused", *STOPS, "ckpt_path=auto")
    ours, whole = (tmp_path / "outputs" / name for name in ("ours", "whole"))
    _same(ours, whole, "ckpt_path: auto")


@pytest.mark.parametrize("patience", ["3", slow("null")])
def test_more_patience_goes_on_like_a_run_that_never_stopped(tmp_path: Path, patience: str) -> None:
    longer = (*BASE, f"student.early_stopping.patience={patience}")
    run(tmp_path, "ours", *STOPS)
    ours, whole = (tmp_path / "outputs" / name for name in ("ours", "whole"))
    run(tmp_path, "unused", *longer, f"ckpt_path={ours}")
    assert not (tmp_path / "outputs" / "unused").exists()
    run(tmp_path, "whole", *longer)
    assert epochs(ours) == 8
    _same(ours, whole, f"ckpt_path: {ours}")


@pytest.mark.slow
def test_a_run_that_would_end_at_once_is_not_trained_longer(tmp_path: Path) -> None:
    run(tmp_path, "ours", *STOPS)
    ours = tmp_path / "outputs" / "ours"
    with pytest.raises(ConfigError, match=r"after 4 epochs, 2 of them.*patience=N with N > 2, or"):
        run(tmp_path, "x", *STOPS, "student.max_epochs=20", f"ckpt_path={ours}")
    with pytest.raises(ConfigError, match=r"finished.*student\.early_stopping\.patience=N with N"):
        run(tmp_path, "x", *STOPS, f"ckpt_path={ours}")
    run(tmp_path, "plain", *BASE)
    for words, folder in (
        ((*BASE, "student.early_stopping.patience=1"), "ours"),
        (STOPS, "plain"),
        ((*STOPS, "student.early_stopping.min_delta=0.1"), "ours"),
    ):
        with pytest.raises(ConfigError, match="run with other options"):
            run(tmp_path, "x", *words, f"ckpt_path={tmp_path}/outputs/{folder}")


def test_what_is_watched_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Did you mean student\.early_stopping\.monitor=val/oa"):
        run(tmp_path, "x", *STOPS, "student.early_stopping.monitor=val/ao")
    with pytest.raises(ConfigError, match=r"min_delta=0\.1 has no effect.*patience=VALUE"):
        toy.config(tmp_path, "student.early_stopping.min_delta=0.1")
    plain = identity(toy.config(tmp_path))
    assert not [stage for stage in ("teacher", "matcher", "student")
                if "early_stopping" in plain[stage]]  # fmt: skip


def _same(ours: Path, whole: Path, asked: str) -> None:
    text = (ours / "config.yaml").read_text()
    (ours / "config.yaml").write_text(text.replace(asked, "ckpt_path: null"))
    assert_same(ours, whole)
    assert toy.rows(ours / "metrics.csv") == toy.rows(whole / "metrics.csv")
