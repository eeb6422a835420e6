"""Numbers that are not finite end a run with a sentence, and none of them is kept."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ackd.backbones import Outputs
from ackd.callbacks import not_finite
from ackd.errors import AckdError, DataError, DivergedError
from ackd.modules import DistillModule, MatcherModule, TeacherModule
from ackd.modules.teacher_store import write_store
from ackd.runs.folder import RESULT
from tests.stages import toy
from tests.stages.toy import run

MODULES = {"teacher": TeacherModule, "matcher": MatcherModule, "student": DistillModule}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def put_nan(tensor: Tensor) -> None:
    tensor[(0,) * tensor.ndim] = math.nan


def break_weights(monkeypatch: pytest.MonkeyPatch, module: type, epoch: int) -> None:
    """Let one weight become NaN after the last step of an epoch, behind a loss that is finite."""
    validation = module.on_validation_epoch_start  # type: ignore[attr-defined]

    def broken(self: Any) -> None:
        if self.current_epoch == epoch:
            put_nan(next(p.data for p in self.parameters() if p.requires_grad))
        validation(self)

    monkeypatch.setattr(module, "on_validation_epoch_start", broken, raising=False)


@pytest.mark.parametrize("stage", MODULES)
@pytest.mark.parametrize("epoch", [0, 1])
def test_a_weight_of_nan_ends_its_stage_and_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, epoch: int
) -> None:
    """Predictions of NaN have a class, so OA and F1 stay finite."""
    break_weights(monkeypatch, MODULES[stage], epoch)
    options = (f"{stage}.max_epochs=2",)
    with pytest.raises(DivergedError) as caught:
        run(tmp_path, "run", *options)
    said = str(caught.value)
    assert f"The training of the {stage} has diverged in epoch {epoch + 1} of 2" in said
    assert f"{stage}.optimizer.lr=" in said
    assert not list(tmp_path.rglob(RESULT))
    assert not list(tmp_path.rglob("student.pt"))
    assert not list((tmp_path / "artifacts" / stage).glob("*/stage.json"))
    for path in tmp_path.rglob("*.ckpt"):
        state = torch.load(path, weights_only=True)["state_dict"]
        assert not not_finite(state), path


def test_the_losses_that_broke_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = DistillModule.training_step

    def broken(self: Any, batch: dict[str, Tensor], batch_idx: int) -> dict[str, Tensor]:
        found = step(self, batch, batch_idx)
        self.log("loss/mine", math.inf, on_step=False, on_epoch=True, batch_size=8)
        return found

    monkeypatch.setattr(DistillModule, "training_step", broken)
    with pytest.raises(
        DivergedError, match=r"student .* epoch 1 of 5 \(loss/mine is inf\).*optimizer\.lr=0\.001 "
    ):
        run(tmp_path, "run", "method=baseline")


def test_only_an_epoch_with_a_finite_validation_loss_is_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first epoch predicts NaN for a moment, and has the best OA by chance."""
    step = DistillModule.validation_step

    def lucky(self: Any, batch: dict[str, Tensor], batch_idx: int) -> None:
        if self.current_epoch == 0:
            with monkeypatch.context() as patch:
                patch.setattr(type(self), "task_loss", lambda *_: torch.tensor(math.nan))
                step(self, batch, batch_idx)
        else:
            step(self, batch, batch_idx)

    monkeypatch.setattr(DistillModule, "validation_step", lucky)
    result = run(tmp_path, "run", "method=baseline", "student.optimizer.lr=1e-9")
    assert result["student"]["best_epoch"] == 1


def test_no_epoch_with_a_finite_validation_loss_is_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = DistillModule.forward

    def broken(self: Any, images: Tensor) -> Tensor:
        return forward(self, images) * math.inf

    monkeypatch.setattr(DistillModule, "forward", broken)
    with pytest.raises(DivergedError, match="without one epoch whose val/oa and validation loss"):
        run(tmp_path, "run", "method=baseline")
    assert not list(tmp_path.rglob("best.ckpt"))
    assert not list(tmp_path.rglob(RESULT))


@pytest.mark.parametrize("stage", ["teacher", "student"])
def test_test_images_without_a_finite_prediction_are_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    module = MODULES[stage]
    forward = module.forward  # type: ignore[attr-defined]

    def broken(self: Any, images: Tensor) -> Tensor:
        logits = forward(self, images).clone()
        if self.trainer.testing:
            logits[0] = math.nan
        return logits

    monkeypatch.setattr(module, "forward", broken)
    with pytest.raises(DivergedError, match=rf"The {stage} predicts .* of \d test images, first"):
        run(tmp_path, "run")
    assert not list((tmp_path / "artifacts" / stage).glob("*/stage.json"))
    assert not list(tmp_path.rglob("student.pt"))


def test_a_test_that_left_images_out_is_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = DistillModule.test_step

    def skipping(self: Any, batch: dict[str, Tensor], batch_idx: int) -> None:
        if batch_idx == 0:
            step(self, batch, batch_idx)

    monkeypatch.setattr(DistillModule, "test_step", skipping)
    with pytest.raises(RuntimeError, match="8 of 9 test images were tested"):
        run(tmp_path, "run", "method=baseline")


def test_a_training_that_was_cut_short_is_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = TeacherModule.training_step

    def stopping(self: Any, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        self.trainer.should_stop = True
        return step(self, batch, batch_idx)

    monkeypatch.setattr(TeacherModule, "training_step", stopping)
    with pytest.raises(
        AckdError, match=r"teacher ended after 1 of 9 epochs.*teacher\.max_epochs=1"
    ):
        run(tmp_path, "run", "teacher.max_epochs=9")
    assert not list((tmp_path / "artifacts" / "teacher").glob("*/stage.json"))


@pytest.mark.parametrize("stage", ["teacher", "matcher"])
def test_a_stored_artifact_of_nan_is_trained_again(
    tmp_path: Path, said: list[logging.LogRecord], stage: str
) -> None:
    first = run(tmp_path, "first", "student.max_epochs=1")
    (path,) = (tmp_path / "artifacts" / stage).glob("*/weights.pt")
    weights = torch.load(path, weights_only=True)
    put_nan(next(iter(weights.values())))
    torch.save(weights, path)
    said.clear()
    second = run(tmp_path, "second", "student.max_epochs=1")
    assert not not_finite(torch.load(path, weights_only=True))
    assert second["student"]["metrics"] == first["student"]["metrics"]
    (line,) = [text for r in said if "not finite" in (text := r.getMessage())]
    assert line.startswith(f"training {stage} {path.parent.name} again: The stored {stage} has")
    assert str(path) in line


@pytest.mark.parametrize("part", ["z", "zbar", "logits"])
def test_stored_outputs_of_nan_are_computed_again(
    tmp_path: Path, said: list[logging.LogRecord], part: str
) -> None:
    """As a damaged disk or an older version may leave them; the last number of all is broken."""
    run(tmp_path, "first", "student.max_epochs=1")
    (path,) = (tmp_path / "artifacts" / "store").glob(f"*/{part}.npy")
    whole = np.load(path)
    broken = whole.copy()
    broken[(-1,) * broken.ndim] = math.nan
    np.save(path, broken)
    said.clear()
    run(tmp_path, "second", "student.max_epochs=1")
    assert np.array_equal(np.load(path), whole)
    (line,) = [text for r in said if "not finite" in (text := r.getMessage())]
    assert line.startswith("training store ")
    assert f"({part}.npy)" in line


@pytest.mark.parametrize("part", ["z", "zbar", "logits"])
def test_a_store_takes_no_outputs_of_nan(tmp_path: Path, part: str) -> None:
    parts = {"z": torch.ones(3, 4, 2), "zbar": torch.ones(3, 2), "logits": torch.ones(3, 5)}
    put_nan(parts[part][1])
    rows = torch.tensor([4, 7, 9]).numpy()
    with pytest.raises(DataError, match=rf"teacher's {part} of 1 MS .* row 7"):
        write_store(tmp_path, rows, [Outputs(**parts, grid=(2, 2))])
    assert not (tmp_path / "store.json").exists()


@pytest.mark.parametrize("side", ["embed_ms", "embed_rgb"])
def test_embeddings_of_nan_are_not_paired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    from ackd.matching.matcher import Matcher

    embed = getattr(Matcher, side)
    monkeypatch.setattr(Matcher, side, lambda self, images: embed(self, images) * math.nan)
    with pytest.raises(DataError, match=r"ssm embeddings of .* is not finite.*matcher"):
        run(tmp_path, "run", "student.max_epochs=1")


def test_names_of_what_is_not_finite() -> None:
    tensors = {
        "a": torch.ones(2), "b": torch.tensor([1.0, math.inf]), "count": torch.tensor(3),
        "c": torch.tensor(math.nan, dtype=torch.bfloat16),
    }  # fmt: skip
    assert not_finite(tensors) == ["b", "c"]
    assert not_finite({}) == []
