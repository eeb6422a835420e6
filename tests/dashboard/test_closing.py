"""Every W&B run is closed with how it ended, also between stages and after signals."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wandb

from ackd.callbacks import lenient as lenient_module
from ackd.errors import AckdError
from ackd.tracking.wandb_run import failure_noted, own_folders, run_name, tags_of, wandb_run
from ackd.train import train
from tests.dashboard.offline import OfflineRun, find_runs, read_run
from tests.slow import slow
from tests.stages import toy


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No account, and no folder of an earlier run."""
    monkeypatch.setattr(logging.getLogger("ackd"), "propagate", True)
    lenient_module._told.clear()
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ACKD_RUN_FOLDER", "")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("HOME", str(tmp_path))


def ended(folder: Path) -> list[OfflineRun]:
    """All runs, once wandb's own process has written how they ended."""
    for _ in range(300):
        runs = [read_run(found) for found in find_runs(folder)]
        closed = [run for run in runs if run is not None and run.exit_code is not None]
        if closed and len(closed) == len(runs):
            return closed
        time.sleep(0.1)
    raise AssertionError(f"a run in {folder} was not closed")


@pytest.mark.parametrize(
    ("ends", "code"),
    [(SystemExit(143), 143), slow(KeyboardInterrupt(), 130), slow(SystemExit(0), 1)],
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

    monkeypatch.setattr("ackd.stages.pairing.make_pairing", fail)
    with pytest.raises(AckdError, match="pairing ran out of memory"):
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wandb, "run", SimpleNamespace(name="mine"))
    options = toy.config(tmp_path, "logger=wandb")
    with wandb_run(options, "student", tmp_path) as logger:
        assert logger is None
    assert wandb.run.name == "mine"
    assert "'mine' is already open" in caplog.text


def test_a_run_that_cannot_be_sent_stays_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    init = wandb.init

    def refuse(**options: Any) -> Any:
        if options["mode"] == "online":
            raise wandb.errors.CommError("the server does not answer")
        return init(**options)

    monkeypatch.setattr(wandb, "init", refuse)
    options = toy.config(tmp_path, "logger=wandb", "logger.wandb.mode=online")
    with wandb_run(options, "teacher", tmp_path) as logger:
        assert logger is not None
        assert wandb.run is not None
        assert wandb.run.settings.mode == "offline"
    assert "does not answer" in caplog.text
    assert "wandb-sync" in caplog.text
    assert [run.exit_code for run in ended(tmp_path)] == [0]


def test_a_run_that_cannot_be_opened_at_all_costs_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    toy.small(monkeypatch)

    def refuse(**_: object) -> None:
        raise OSError("read-only file system")

    monkeypatch.setattr(wandb, "init", refuse)
    result = train(toy.composed(tmp_path, "logger=wandb", "method=baseline"), tmp_path / "run")
    assert result["student"]["metrics"]["oa"] is not None
    assert "read-only file system" in (tmp_path / "run" / "train.log").read_text()


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("log", "W&B could not take something (PermissionError: Unable to write staging"),
        ("define_metric", "W&B could not open a run for the student (Unable to write staging"),
        ("finish", "the W&B run could not be closed"),
    ],
)
def test_a_run_that_breaks_in_the_middle_costs_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, said: str
) -> None:
    """As with a HOME that cannot be written to, or a service that has died."""
    toy.small(monkeypatch)

    def broken(*_: object, **__: object) -> None:
        raise PermissionError("Unable to write staging files")

    with monkeypatch.context() as patch:
        patch.setattr(wandb.wandb_run.Run, method, broken)
        options = ("logger=wandb", "method=baseline", "student.max_epochs=2")
        result = train(toy.composed(tmp_path, *options), tmp_path / "run")
    wandb.finish()
    assert result["student"]["metrics"]["oa"] is not None
    log = (tmp_path / "run" / "train.log").read_text()
    assert log.count(said) == 1, "told, and only once"


def test_a_home_that_cannot_be_written_to_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the training nor what W&B keeps in a home: tables, and the log of its server."""
    toy.small(monkeypatch)
    (tmp_path / "file").touch()
    own = ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR")
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", *own):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
    options = ("logger=wandb", "method=kd", "student.max_epochs=2")
    result = train(toy.composed(tmp_path, *options), tmp_path / "run")
    assert result["student"]["metrics"]["oa"] is not None
    assert {run.exit_code for run in ended(tmp_path)} == {0}
    assert "could not take" not in (tmp_path / "run" / "train.log").read_text()
    for name in own:
        assert os.environ[name].startswith(str(tmp_path / "outputs" / "wandb"))


def test_wandb_keeps_its_own_files_where_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = tmp_path / "outputs"
    own = ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR")
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", *own):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert own_folders(outputs) == {}
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
    assert own_folders(outputs) == dict.fromkeys(own, str(outputs / "wandb" / "home"))
    monkeypatch.setenv("WANDB_CACHE_DIR", "mine")
    assert "WANDB_CACHE_DIR" not in own_folders(outputs)


def test_what_a_run_prints_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """W&B alone prints the history of every number at the end, once for each stage."""
    toy.small(monkeypatch)
    monkeypatch.delenv("WANDB_SILENT")
    train(toy.composed(tmp_path, "logger=wandb", "method=baseline"), tmp_path / "run")
    ended(tmp_path)
    said = capfd.readouterr()
    assert "Run history" not in said.out + said.err
    lines = [ln for ln in (said.out + said.err).splitlines() if "wandb" in ln or "W&B" in ln]
    assert len([line for line in lines if "W&B: " in line]) == 1
    assert len(lines) == 1, lines


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
