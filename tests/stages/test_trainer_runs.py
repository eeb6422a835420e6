"""Arguments of the Trainer that are let through do what they say, and no other number changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from ackd.train import train
from tests.stages import toy

PLAIN = ("method=baseline", "student.max_epochs=3")
# Where, how loudly or how safely: not a bit of the student changes.
SAME = [
    "+trainer.reload_dataloaders_every_n_epochs=1", "+trainer.num_sanity_val_steps=2",
    "+trainer.num_sanity_val_steps=-1", "+trainer.detect_anomaly=true",
    "+trainer.inference_mode=false", "+trainer.log_every_n_steps=50", "+trainer.strategy=ddp",
    "+trainer.enable_model_summary=true", "+trainer.sync_batchnorm=true",
    "+trainer.profiler=simple", "+trainer.limit_val_batches=1.0", "trainer.deterministic=true",
    "+trainer.accumulate_grad_batches=1", "+trainer.limit_train_batches=1.0",
]  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        toy.small(patch)
        run(root)
    return root / "outputs" / "run"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def run(root: Path, *overrides: str) -> dict[str, Any]:
    return train(toy.composed(root, *PLAIN, *overrides), root / "outputs" / "run")


def student(folder: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(folder / "student.pt")["state_dict"]
    return weights


@pytest.mark.slow
@pytest.mark.parametrize("option", SAME)
def test_what_is_neutral_changes_nothing(
    tmp_path: Path, whole: Path, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK", "NODE_RANK", "WORLD_SIZE"):
        monkeypatch.setenv(name, "")  # so that what Lightning's launcher sets is taken back
        monkeypatch.delenv(name)
    run(tmp_path, option)
    ours, theirs = student(tmp_path / "outputs" / "run"), student(whole)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    rows = toy.rows(tmp_path / "outputs" / "run" / "metrics.csv")
    assert rows == toy.rows(whole / "metrics.csv")


@pytest.mark.parametrize(
    ("option", "steps"),
    [("+trainer.accumulate_grad_batches=2", 6), ("+trainer.limit_train_batches=1", 3)],
)
def test_steps_are_counted(tmp_path: Path, whole: Path, option: str, steps: int) -> None:
    """27 images in batches of 8, three epochs: nine steps."""
    assert last(whole)["global_step"] == 9
    run(tmp_path, option)
    assert last(tmp_path / "outputs" / "run")["global_step"] == steps


def last(folder: Path) -> dict[str, Any]:
    checkpoint: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt")
    return checkpoint


@pytest.mark.parametrize(
    "option",
    ["+trainer.gradient_clip_val=0.01", "trainer.precision=bf16-mixed",
     "+trainer.gradient_clip_val=0.01 "
     "+trainer.gradient_clip_algorithm=value"],
)  # fmt: skip
def test_what_changes_the_training_runs_through(tmp_path: Path, whole: Path, option: str) -> None:
    result = run(tmp_path, *option.split())
    assert result["student"]["metrics"]["oa"] is not None
    ours, theirs = student(tmp_path / "outputs" / "run"), student(whole)
    assert not all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert all(ours[key].dtype == theirs[key].dtype for key in theirs)


def test_a_run_in_an_allocation_is_a_run_alone(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a notebook that salloc started: Lightning alone asks for SLURM_LOCALID."""
    monkeypatch.setenv("SLURM_NTASKS", "4")
    monkeypatch.setenv("SLURM_JOB_ID", "3")
    run(tmp_path)
    ours, theirs = student(tmp_path / "outputs" / "run"), student(whole)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
