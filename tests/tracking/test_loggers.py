"""Loggers: continued rows, and no W&B run left open."""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd.tracking.loggers import ContinuedCSVLogger, run_loggers
from ackd.train import train
from tests.slow import slow
from tests.stages import toy


def write(logger: ContinuedCSVLogger, epoch: int, **values: float) -> None:
    logger.log_metrics({"epoch": epoch, **values}, step=10 * epoch)


def test_rows_after_the_checkpoint_are_dropped_and_written_again(tmp_path: Path) -> None:
    first = ContinuedCSVLogger(tmp_path)
    for epoch in range(4):
        write(first, epoch, loss=epoch / 2)
    write(first, 3, late=1.0)
    second = ContinuedCSVLogger(tmp_path, keep_until_epoch=1)
    write(second, 2, loss=9.0, new=5.0)
    found = toy.rows(tmp_path / "metrics.csv")
    assert [row["epoch"] for row in found] == ["0", "1", "2"]
    assert [row["loss"] for row in found] == ["0.0", "0.5", "9.0"]
    assert found[-1]["new"] == "5.0"


def test_a_fresh_start_forgets_an_earlier_file(tmp_path: Path) -> None:
    write(ContinuedCSVLogger(tmp_path), 0, loss=1.0)
    write(ContinuedCSVLogger(tmp_path), 0, loss=2.0)
    assert [row["loss"] for row in toy.rows(tmp_path / "metrics.csv")] == ["2.0"]


def test_ranks_other_than_the_first_leave_the_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(ContinuedCSVLogger(tmp_path), 0, loss=1.0)
    monkeypatch.setattr("ackd.tracking.metrics_csv.first_rank", lambda: False)
    ContinuedCSVLogger(tmp_path)
    assert [row["loss"] for row in toy.rows(tmp_path / "metrics.csv")] == ["1.0"]


@pytest.mark.parametrize("fails", [slow(False), True])
def test_a_wandb_run_is_closed_whatever_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    import wandb

    codes: list[int | None] = []
    finish = wandb.finish

    def spy(exit_code: int | None = None) -> None:
        codes.append(exit_code)
        finish(exit_code=exit_code)

    monkeypatch.setattr(wandb, "finish", spy)
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))  # no account
    options = toy.config(tmp_path, "logger=wandb")

    def work() -> None:
        with run_loggers(options, "student", tmp_path / "run") as loggers:
            assert [type(logger).__name__ for logger in loggers] == [
                "ContinuedCSVLogger",
                "LenientWandbLogger",
            ]
            loggers[1].log_metrics({"loss": 1.0}, step=0)
            assert wandb.run is not None
            assert wandb.run.settings.mode == "offline"
            if fails:
                raise RuntimeError("diverged")

    if fails:
        with pytest.raises(RuntimeError, match="diverged"):
            work()
    else:
        work()
    assert codes == [1 if fails else 0]
    assert wandb.run is None
    assert list((tmp_path / "outputs" / "wandb").glob("offline-run-*"))


def test_a_tensorboard_folder_that_cannot_be_written_costs_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard")
    toy.small(monkeypatch)
    run = tmp_path / "run"
    run.mkdir()
    (run / "tensorboard").touch()  # a file in its place
    options = ("logger=tensorboard", "method=baseline", "student.max_epochs=2")
    result = train(toy.composed(tmp_path, *options), run)
    assert result["student"]["metrics"]["oa"] is not None
    assert (run / "train.log").read_text().count("TensorBoard could not take something") == 1
    assert len(toy.rows(run / "metrics.csv")) >= 2
