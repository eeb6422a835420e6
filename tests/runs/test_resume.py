"""An interrupted run that goes on ends like one that was never interrupted."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ackd.errors import AckdError, ConfigError
from ackd.modules import DistillModule, MatcherModule, TeacherModule
from ackd.runs.folder import RESULT
from tests.slow import slow
from tests.stages import toy
from tests.stages.toy import die_at, sigkill


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


OPTIONS = ("data.augment=true",)


def run(root: Path, name: str, *overrides: str) -> dict[str, Any]:
    return toy.run(root, name, *OPTIONS, *overrides)


def assert_same_run(ours: Path, whole: Path) -> None:
    """Weights, pairs, DynM's version, optimiser and every logged number."""
    ours_last, whole_last = (
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
        for folder in (ours, whole)
    )
    assert ours_last["epoch"] == whole_last["epoch"]
    for name, weight in whole_last["state_dict"].items():
        assert torch.equal(ours_last["state_dict"][name], weight), name
    data, expected = (c["UnpairedDataModule"] for c in (ours_last, whole_last))
    assert data["version"] == expected["version"] == 3
    assert torch.equal(data["pairs"], expected["pairs"])
    assert toy.rows(ours / "metrics.csv") == toy.rows(whole / "metrics.csv")
    for name in ("student.pt", "predictions.csv"):
        if name.endswith(".pt"):
            a, b = (torch.load(f / name, weights_only=True)["state_dict"] for f in (ours, whole))
            assert all(torch.equal(a[key], b[key]) for key in b)
        else:
            assert (ours / name).read_text() == (whole / name).read_text()


@pytest.mark.parametrize("epoch", [slow(0), slow(1), 3])
def test_a_killed_student_goes_on_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epoch: int
) -> None:
    whole = run(tmp_path, "whole")
    with monkeypatch.context() as patch:
        die_at(patch, DistillModule, epoch, sigkill)
        assert toy.in_child(run, tmp_path, "killed", "name=second") == -signal.SIGKILL
    killed = tmp_path / "outputs" / "killed"
    assert not (killed / RESULT).exists()
    ours = run(tmp_path, "unused", "name=second", "ckpt_path=auto")
    assert not (tmp_path / "outputs" / "unused").exists()
    assert_same_run(killed, tmp_path / "outputs" / "whole")
    assert ours["student"]["metrics"] == whole["student"]["metrics"]
    assert ours["reused"] == ["teacher", "matcher", "store"]


@pytest.mark.slow
def test_workers_that_read_ahead_go_on_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "whole")
    crashed = toy.crashed(monkeypatch, tmp_path, "crashed", *OPTIONS, "name=second", epoch=2)
    # Workers are free to differ between two attempts.
    run(tmp_path, "unused", "name=second", "ckpt_path=auto", "loader.num_workers=2")
    assert_same_run(crashed, tmp_path / "outputs" / "whole")


@pytest.mark.parametrize("module", [TeacherModule, slow(MatcherModule)])
def test_a_stage_goes_on_from_its_last_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: type
) -> None:
    name = "teacher" if module is TeacherModule else "matcher"
    longer = (f"{name}.max_epochs=3",)
    run(tmp_path, "whole", *longer)
    elsewhere = f"artifacts={tmp_path}/elsewhere"
    with monkeypatch.context() as patch:
        die_at(patch, module, 2, sigkill)
        assert toy.in_child(run, tmp_path, "killed", *longer, elsewhere, "name=n") == -9
    (draft,) = (tmp_path / "elsewhere" / name).glob("*.training")
    assert (draft / "checkpoints" / "last.ckpt").is_file()
    seen: list[int] = []
    step = module.training_step  # type: ignore[attr-defined]

    def watched(self: Any, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        seen.append(self.current_epoch)
        return step(self, batch, batch_idx)

    monkeypatch.setattr(module, "training_step", watched)
    run(tmp_path, "unused", *longer, elsewhere, "name=n", "ckpt_path=auto")
    assert set(seen) == {2}, "epochs that were finished were trained again"
    (ours,) = (tmp_path / "elsewhere" / name).glob("*/weights.pt")
    (expected,) = (tmp_path / "artifacts" / name).glob("*/weights.pt")
    a, b = (torch.load(path, weights_only=True) for path in (ours, expected))
    assert all(torch.equal(a[key], b[key]) for key in b)
    assert toy.rows(ours.parent / "metrics.csv") == toy.rows(expected.parent / "metrics.csv")
    assert_same_run(tmp_path / "outputs" / "killed", tmp_path / "outputs" / "whole")


def test_a_run_that_died_before_its_result_only_tests_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path, "run")
    folder = tmp_path / "outputs" / "run"
    before = toy.rows(folder / "metrics.csv")
    (folder / RESULT).unlink()
    die_at(monkeypatch, DistillModule, 4, sigkill)  # no epoch may be trained again
    again = run(tmp_path, "unused", "ckpt_path=auto")
    assert again["student"] == whole["student"]
    assert toy.rows(folder / "metrics.csv") == before
    # What the interrupted attempt took counts as well.
    assert again["seconds"]["dynm"] == whole["seconds"]["dynm"]
    assert again["seconds"]["planner"] == whole["seconds"]["planner"]
    assert again["seconds"]["distill"] > 0.5 * whole["seconds"]["distill"]


def test_one_batch_an_epoch_loses_and_doubles_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ("student.batch_size=27", "method=kd")
    run(tmp_path, "whole", *one)

    def boom(self: Any, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 3:
            raise RuntimeError("late")

    with monkeypatch.context() as patch:
        # After this epoch's validation is logged, before its checkpoint is written.
        patch.setattr("ackd.callbacks.EpochLines.on_train_epoch_end", boom)
        with pytest.raises(RuntimeError, match="late"):
            run(tmp_path, "ours", *one, "name=n")
    run(tmp_path, "unused", *one, "name=n", "ckpt_path=auto")
    ours, whole = (toy.rows(tmp_path / "outputs" / n / "metrics.csv") for n in ("ours", "whole"))
    assert ours == whole


def test_auto_starts_anew_where_no_run_has_these_options(tmp_path: Path) -> None:
    run(tmp_path, "first", "method=baseline", "student.max_epochs=1")
    (tmp_path / "outputs" / "first" / RESULT).unlink()
    run(tmp_path, "other", "method=baseline", "student.max_epochs=1", "seed=1", "ckpt_path=auto")
    assert (tmp_path / "outputs" / "other" / RESULT).is_file()
    assert not (tmp_path / "outputs" / "first" / RESULT).is_file()


def test_a_checkpoint_of_other_options_is_refused_with_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, "first", "method=baseline", "student.max_epochs=1")
    # As if it stood on the command line; one that follows the images is not compared.
    monkeypatch.setattr("ackd.command.chosen_options", lambda: ["student.batch_size"])
    last = tmp_path / "outputs" / "first" / "checkpoints" / "last.ckpt"
    other = ("method=baseline", "student.batch_size=9", f"ckpt_path={last}", "seed=3")
    with pytest.raises(ConfigError, match="other options") as caught:
        run(tmp_path, "second", *other)
    assert "student.batch_size was 8, now 9" in str(caught.value)
    assert "seed was 0, now 3" in str(caught.value)
    assert "lambda1" not in str(caught.value)


def ctrl_c() -> None:
    raise KeyboardInterrupt


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(("how", "code"), [(ctrl_c, 130), (terminate, 143)])
def test_an_interrupted_run_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: Callable[[], None], code: int
) -> None:
    with monkeypatch.context() as patch:
        die_at(patch, DistillModule, 2, how)
        # In a process of its own: Lightning ignores further signals from then on.
        assert toy.in_child(run, tmp_path, "run", "method=kd") == code
    log = (tmp_path / "outputs" / "run" / "train.log").read_text()
    assert "The student was interrupted in epoch 3; the same command with ckpt_path=auto" in log


def test_a_training_whose_loss_is_no_number_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AckdError, match=r"matcher has diverged in epoch 1 of 1 .*loss is nan"):
        run(tmp_path, "run", "matcher.optimizer.lr=1e30", "until=matcher")
    assert not list((tmp_path / "artifacts" / "matcher").glob("*/stage.json"))


def test_mixed_precision_runs_through(tmp_path: Path) -> None:
    result = run(tmp_path, "run", "trainer.precision=bf16-mixed", "student.max_epochs=2")
    assert result["student"]["metrics"]["oa"] is not None
