"""A stage follows its schedule, also in a run that goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ackd.errors import ConfigError
from ackd.runs.lengths import length_notes
from tests.slow import slow
from tests.stages import toy
from tests.stages.toy import run

CLASSES = "torch.optim.lr_scheduler"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def rates(folder: Path) -> list[float]:
    return [float(row["train/lr"]) for row in toy.rows(folder / "metrics.csv") if "train/lr" in row]


@pytest.mark.parametrize(
    "schedule",
    [
        slow(("student.scheduler.name=warmup_cosine", "student.scheduler.warmup_epochs=1.5")),
        slow((f"student.scheduler._target_={CLASSES}.ExponentialLR",
              "student.scheduler.gamma=0.5")),
        (f"student.scheduler._target_={CLASSES}.ReduceLROnPlateau",
         "+student.scheduler.patience=0", "+student.scheduler.threshold=10"),
        slow((f"student.scheduler._target_={CLASSES}.OneCycleLR",
              "+student.scheduler.max_lr=0.1")),
    ],
)  # fmt: skip
def test_a_run_that_goes_on_has_the_same_rates_and_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, schedule: tuple[str, ...]
) -> None:
    crashed, whole = toy.crashed_and_whole(monkeypatch, tmp_path, "method=baseline", *schedule)
    assert toy.rows(crashed / "metrics.csv") == toy.rows(whole / "metrics.csv")
    found = rates(whole)
    assert len(found) == 5
    assert len(set(found)) >= 4
    a, b = (
        torch.load(f / "checkpoints" / "last.ckpt", weights_only=True) for f in (whole, crashed)
    )
    assert all(torch.equal(a["state_dict"][key], b["state_dict"][key]) for key in a["state_dict"])
    assert a["lr_schedulers"] == b["lr_schedulers"]


def test_a_longer_run_says_what_its_schedule_does(tmp_path: Path) -> None:
    def notes(*words: str) -> list[str]:
        config = toy.config(tmp_path, "student.max_epochs=9", "method=baseline", *words)
        return length_notes(config, {"student": {"max_epochs": 5}}, 5)

    step = "student.scheduler.name=step"
    assert notes() == notes(step, "student.scheduler.step_size=2") == []
    for word in ("student.scheduler.name=cosine", step):
        (said,) = notes(word)
        assert "that of 5 epochs and goes on as that of 9" in said
    with pytest.raises(ConfigError, match="ends with them"):
        notes(f"student.scheduler._target_={CLASSES}.OneCycleLR", "+student.scheduler.max_lr=0.1")


@pytest.mark.slow
def test_every_stage_has_one_and_it_is_part_of_its_fingerprint(tmp_path: Path) -> None:
    short = ("student.max_epochs=1", "matcher.max_epochs=2")
    plain = run(tmp_path, "plain", *short)
    steps = ("teacher.scheduler.name=step", "matcher.scheduler=cosine")
    other = run(tmp_path, "other", *short, *steps)
    assert plain["artifacts"]["teacher"] != other["artifacts"]["teacher"]
    for stage, expected in (("teacher", [0.001, 0.0001]), ("matcher", [0.001, 0.0005])):
        found = [
            rates(path.parent) for path in (tmp_path / "artifacts" / stage).glob("*/metrics.csv")
        ]
        assert sorted(map(len, found)) == [0, 2]
        assert max(found, key=len) == pytest.approx(expected)
    assert run(tmp_path, "again", *short)["reused"] == ["teacher", "matcher", "store"]
