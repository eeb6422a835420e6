"""What is validated, chosen and kept is the average of the weights, and no teacher is averaged."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ackd.config.schema.identity import identity
from ackd.modules import DistillModule
from ackd.modules.teacher_outputs import LiveTeacher, StoredTeacher
from tests.slow import slow
from tests.stages import toy
from tests.stages.toy import run

DECAY = 0.6
BASE = ("method=baseline", "name=n", f"student.ema.decay={DECAY}")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def checkpoint(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)
    return found


@pytest.mark.parametrize("warmup", [False, True])
def test_the_average_of_every_step_is_validated_and_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warmup: bool
) -> None:
    steps: list[dict[str, Tensor]] = []
    seen: list[Tensor] = []
    validate = DistillModule.validation_step

    def noted(self: DistillModule, *_: Any) -> None:
        steps.append({k: v.clone() for k, v in self.backbone.state_dict().items()})

    def looking(self: DistillModule, batch: Any, batch_idx: int) -> None:
        seen.append(self.backbone.head.weight.detach().clone())
        validate(self, batch, batch_idx)

    monkeypatch.setattr(DistillModule, "on_train_batch_end", noted)
    monkeypatch.setattr(DistillModule, "validation_step", looking)
    result = run(tmp_path, "run", *BASE, f"student.ema.warmup={warmup}", "student.max_epochs=3")
    folder = tmp_path / "outputs" / "run"
    assert len(steps) == 9
    average, after = dict(steps[0]), []
    for n, weights in enumerate(steps[1:], start=1):
        decay = min(DECAY, (1 + n) / (10 + n)) if warmup else DECAY
        average = {
            k: decay * average[k] + (1 - decay) * w if w.is_floating_point() else w
            for k, w in weights.items()
        }
        if n % 3 == 2:
            after.append(average)
    last, best = checkpoint(folder, "last"), checkpoint(folder, "best")
    for name, value in after[-1].items():
        torch.testing.assert_close(last["state_dict"][f"backbone.{name}"], value)
        assert torch.equal(last["current_model_state"][f"backbone.{name}"], steps[-1][name])
    epoch = result["student"]["best_epoch"]
    exported = torch.load(folder / "student.pt", weights_only=True)["state_dict"]
    for name, value in after[epoch].items():
        torch.testing.assert_close(exported[name], value)
        assert torch.equal(exported[name], best["state_dict"][f"backbone.{name}"])
    assert not torch.equal(exported["head.weight"], steps[3 * epoch + 2]["head.weight"])
    # Two batches of validation images in each epoch, and two more of the chosen one.
    for batch, expected in enumerate([*after, after[epoch]]):
        torch.testing.assert_close(seen[2 * batch], expected["head.weight"])
    assert len(seen) == 8
    row = next(r for r in toy.rows(folder / "metrics.csv") if r.get("val/oa") and
               int(r["epoch"]) == epoch)  # fmt: skip
    assert float(row["val/oa"]) == pytest.approx(result["student"]["validation"]["oa"])


@pytest.mark.parametrize("teacher", [slow("stored"), slow("live")])
def test_a_run_that_goes_on_has_the_same_average_and_no_teacher_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, teacher: str
) -> None:
    def copied(self: object, memo: object) -> None:
        raise AssertionError("the teacher was copied")

    for kind in (LiveTeacher, StoredTeacher):
        monkeypatch.setattr(kind, "__deepcopy__", copied, raising=False)
    words = (f"student.ema.decay={DECAY}", f"student.teacher={teacher}")
    ours, whole = toy.crashed_and_whole(monkeypatch, tmp_path, *words)
    a, b = (checkpoint(folder, "last") for folder in (ours, whole))
    for part in ("state_dict", "current_model_state", "averaging_state"):
        assert a[part].keys() == b[part].keys()
        assert all(torch.equal(a[part][key], b[part][key]) for key in b[part])
    assert any(name.startswith("objective.") for name in b["state_dict"])
    assert toy.rows(ours / "metrics.csv") == toy.rows(whole / "metrics.csv")


@pytest.mark.slow
def test_teacher_and_matcher_keep_their_average_under_a_name_of_its_own(tmp_path: Path) -> None:
    short = ("student.max_epochs=1", "matcher.max_epochs=2")
    plain = run(tmp_path, "plain", *short)
    averaged = (f"teacher.ema.decay={DECAY}", f"matcher.ema.decay={DECAY}")
    other = run(tmp_path, "other", *short, *averaged)
    for stage in ("teacher", "matcher"):
        kept, ours = (tmp_path / "outputs" / name / result["artifacts"][stage]
                      for name, result in (("plain", plain), ("other", other)))  # fmt: skip
        assert kept != ours
        best = checkpoint(ours, "best")
        prefix = "backbone." if stage == "teacher" else "matcher."
        weights = torch.load(ours / "weights.pt", weights_only=True)
        assert all(torch.equal(w, best["state_dict"][prefix + k]) for k, w in weights.items())
        assert not all(
            torch.equal(w, best["current_model_state"][prefix + k]) for k, w in weights.items()
        )
    assert run(tmp_path, "again", *short)["reused"] == ["teacher", "matcher", "store"]
    assert "ema" not in identity(toy.config(tmp_path))["teacher"]


def test_a_training_too_short_for_its_average_says_so(
    tmp_path: Path, said: list[logging.LogRecord]
) -> None:
    short = ("method=baseline", "student.max_epochs=1", "student.ema.decay=0.999")
    run(tmp_path, "run", *short)
    (line,) = [r.getMessage() for r in said if "ema" in r.getMessage()]
    assert "student.ema.decay=0.999 is much for 3 steps: the last average is still 100 %" in line
    said.clear()
    run(tmp_path, "warm", *short, "student.ema.warmup=true")
    assert not [r for r in said if "ema" in r.getMessage()]
