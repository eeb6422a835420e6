"""Signals: USR1 is TERM, and only the chosen weights are tested and exported."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ackd.modules import DistillModule, TeacherModule
from ackd.runs.folder import RESULT
from ackd.runs.interrupts import interruptible, left_to_lightning
from tests.slow import slow
from tests.stages import toy
from tests.stages.toy import run

# An allocation of one task, as sbatch --ntasks=1 gives it to srun.
SLURM = {
    "SLURM_JOB_ID": "7", "SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0", "SLURM_NTASKS_PER_NODE": "1", "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "1", "SLURM_JOB_NAME": "train",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def at(monkeypatch: pytest.MonkeyPatch, module: type, name: str, do: Callable[[Any], None]) -> None:
    """Do something before a step."""
    step = getattr(module, name)

    def doing(self: Any, batch: dict[str, Tensor], batch_idx: int) -> Any:
        do(self)
        return step(self, batch, batch_idx)

    monkeypatch.setattr(module, name, doing)


def sends(number: signal.Signals, epoch: int | None = None) -> Callable[[Any], None]:
    def send(module: Any) -> None:
        if epoch is None or module.current_epoch == epoch:
            os.kill(os.getpid(), number)

    return send


@pytest.mark.parametrize("slurm", [False, True])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGUSR1, 138), (signal.SIGTERM, 143)])
def test_a_signal_in_training_ends_the_run_and_leads_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int, slurm: bool
) -> None:
    if slurm:
        for name, value in SLURM.items():
            monkeypatch.setenv(name, value)
    with monkeypatch.context() as patch:
        at(patch, DistillModule, "training_step", sends(number, epoch=2))
        assert toy.in_child(run, tmp_path, "run", "method=kd") == code
    folder = tmp_path / "outputs" / "run"
    log = (folder / "train.log").read_text()
    assert "The student was interrupted in epoch 3; the same command with ckpt_path=auto" in log
    assert not list(tmp_path.rglob("hpc_ckpt*"))
    assert not (folder / RESULT).exists()


def test_a_signal_after_the_last_step_is_not_in_an_epoch_that_there_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DistillModule, "on_train_end", sends(signal.SIGUSR1), raising=False)
    assert toy.in_child(run, tmp_path, "run", "method=baseline") == 138
    log = (tmp_path / "outputs" / "run" / "train.log").read_text()
    assert "The student was interrupted after its last epoch; the same command with" in log


@pytest.mark.parametrize(("number", "code"), [(signal.SIGUSR1, 138), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("module", [TeacherModule, DistillModule])
def test_a_signal_in_the_test_ends_the_run_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: type, number: signal.Signals, code: int
) -> None:
    """Lightning forgets a SIGTERM that comes in the last batch, and the run would go on."""
    with monkeypatch.context() as patch:
        at(patch, module, "test_step", sends(number))
        assert toy.in_child(run, tmp_path, "run", "method=kd") == code
    log = (tmp_path / "outputs" / "run" / "train.log").read_text()
    assert f"interrupted by {number.name}; the same command with ckpt_path=auto" in log
    assert not list(tmp_path.rglob(RESULT))


def test_a_signal_between_stages_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "ackd.stages.pairing.make_pairing", lambda *_: os.kill(os.getpid(), signal.SIGUSR1)
    )
    assert toy.in_child(run, tmp_path, "run", "method=kd") == 138
    log = (tmp_path / "outputs" / "run" / "train.log").read_text()
    assert "interrupted by SIGUSR1" in log


@pytest.mark.parametrize("resumed", [slow(False), True])
def test_checkpoints_of_lightnings_requeue_are_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resumed: bool
) -> None:
    """An older version left hpc_ckpt_1.ckpt; Lightning prefers it for training and for the test."""
    whole = run(tmp_path, "whole")
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "outputs" / "mine"
    if resumed:
        with monkeypatch.context() as patch:
            at(patch, DistillModule, "training_step", sends(signal.SIGUSR1, epoch=3))
            assert toy.in_child(run, tmp_path, "mine", "name=n") == 138
    stale = torch.load(tmp_path / "outputs" / "whole" / "checkpoints" / "last.ckpt")
    stale["state_dict"] = {k: torch.zeros_like(v) for k, v in stale["state_dict"].items()}
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(stale, folder / "hpc_ckpt_1.ckpt")
    found = run(tmp_path, "mine", "name=n", *(["ckpt_path=auto"] if resumed else []))
    assert found["student"]["metrics"] == whole["student"]["metrics"]
    for name in ("predictions.csv",):
        theirs = tmp_path / "outputs" / "whole" / name
        assert (folder / name).read_text() == theirs.read_text()
    ours, theirs = (
        torch.load(tmp_path / "outputs" / n / "student.pt", weights_only=True)["state_dict"]
        for n in ("mine", "whole")
    )
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_ctrl_c_in_the_test_is_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ctrl_c(_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        at(patch, DistillModule, "test_step", ctrl_c)
        assert toy.in_child(run, tmp_path, "run", "method=baseline") == 130


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)]
    with interruptible():
        inside = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)]
        with left_to_lightning():
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1)] == inside
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1)] == before


def test_a_forked_worker_does_not_answer_for_the_run() -> None:
    with interruptible():
        assert toy.in_child(os.kill, os.getpid(), 0) == 0
        assert toy.in_child(_signal_itself) == 0


def _signal_itself() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)
