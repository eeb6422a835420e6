"""Every W&B run is closed with how it ended, also between stages and after signals."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import wandb

from ackd.dashboard import OfflineRun, find_runs, read_run
from ackd.errors import AckdError, DataError
from ackd.stages.wandb_run import failure_noted, run_name, tags_of, wandb_run
from ackd.train import train
from tests.stages import toy


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No account, and no folder of an earlier run."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ACKD_RUN_FOLDER", "")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("HOME", str(tmp_path))


def ended(folder: Path) -> list[OfflineRun]:
    """All runs, once wandb's own process has written how they ended."""
    for _ in range(300):
        try:
            runs = [read_run(found) for found in find_runs(folder)]
        except DataError:
            runs = []
        if runs and all(run.exit_code is not None for run in runs):
            return runs
        time.sleep(0.1)
    raise AssertionError(f"a run in {folder} was not closed")


@pytest.mark.parametrize(
    ("ends", "code"), [(SystemExit(143), 143), (KeyboardInterrupt(), 130), (SystemExit(0), 1)]
)
def test_interrupted_runs_are_not_finished_ones(
    tmp_path: Path, ends: BaseException, code: int
) -> None:
    options = toy.config(tmp_path, "logger=wandb")
    with pytest.raises(type(ends)), wandb_run(options, "student", tmp_path):
        raise ends
    assert wandb.run is None
    (run,) = ended(tmp_path)
    assert run.exit_code == code


def test_a_job_that_fails_between_stages_has_one_failed_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.small(monkeypatch)

    def fail(*_: object) -> None:
        raise MemoryError("too many pairs")

    monkeypatch.setattr("ackd.stages.pipeline.make_pairing", fail)
    with pytest.raises(MemoryError):
        train(toy.composed(tmp_path, "logger=wandb", "method=kd"), tmp_path / "run")
    found = sorted((run.job_type, run.exit_code) for run in ended(tmp_path))
    assert found == [("student", 1), ("teacher", 0)]


def test_a_failure_is_noted_once(tmp_path: Path) -> None:
    options = toy.config(tmp_path, "logger=wandb")
    with (
        pytest.raises(RuntimeError, match="diverged"),
        failure_noted(options, tmp_path),
        wandb_run(options, "student", tmp_path),
    ):
        raise RuntimeError("diverged")
    assert [run.exit_code for run in ended(tmp_path)] == [1]


def test_a_run_of_somebody_else_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb, "run", SimpleNamespace(name="mine"))
    options = toy.config(tmp_path, "logger=wandb")
    with (
        pytest.raises(AckdError, match="'mine' is already open"),
        wandb_run(options, "student", tmp_path),
    ):
        pytest.fail("it was opened")
    assert wandb.run.name == "mine"


def test_a_run_that_cannot_be_opened_says_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise wandb.errors.UsageError("No API key configured.")

    monkeypatch.setattr(wandb, "init", refuse)
    options = toy.config(tmp_path, "logger=wandb", "logger.wandb.mode=online")
    with (
        pytest.raises(AckdError, match=r"No API key .*logger\.wandb\.mode=offline"),
        wandb_run(options, "teacher", tmp_path),
    ):
        pytest.fail("it was opened")


def test_trouble_in_closing_costs_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = toy.config(tmp_path, "logger=wandb", "logger.wandb.mode=disabled")

    def stuck(exit_code: int | None = None) -> None:
        raise ConnectionError("gone")

    with wandb_run(options, "student", tmp_path):
        monkeypatch.setattr(wandb, "finish", stuck)
    monkeypatch.undo()
    wandb.finish()


def test_names_and_tags(tmp_path: Path) -> None:
    plain = toy.config(tmp_path, "logger=wandb", "name=mine", "seed=3", "teacher.seed=2")
    assert run_name(plain, "student") == "mine sembridge s3"
    assert run_name(plain, "teacher") == "teacher test_resnet s2"
    named = toy.config(tmp_path, "logger=wandb", "logger.wandb.name='heads=4'")
    assert run_name(named, "student") == "heads=4"
    assert tags_of(named, partial=True)[-1] == "partial"
    baseline = toy.config(tmp_path, "logger=wandb", "method=baseline")
    assert tags_of(baseline) == ["baseline", "paper", "synthetic"]
    twice = toy.config(tmp_path, "logger=wandb", "logger.wandb.tags=[paper,mine]")
    assert tags_of(twice).count("paper") == 1
    assert len(max(tags_of(twice), key=len)) <= 64
