"""The noise floor of L_ot1 beside the loss."""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd.train import train
from tests.stages import toy


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def rows(root: Path, *overrides: str) -> list[dict[str, str]]:
    train(toy.composed(root, "student.max_epochs=2", *overrides), root / "run")
    return [r for r in toy.rows(root / "run" / "metrics.csv") if "train/loss" in r]


@pytest.mark.parametrize("patches", ["flatten", "tokens", "pooled"])
@pytest.mark.parametrize("scaling", ["paper", "official"])
def test_every_epoch_has_one_beside_the_loss(tmp_path: Path, patches: str, scaling: str) -> None:
    found = rows(tmp_path, f"ska.patches={patches}", f"ska.coral={scaling}")
    assert len(found) == 2
    for row in found:
        # A student that is far from the teacher: the loss is noise and more.
        assert 0 < float(row["floor/ot1"]) < 3 * float(row["loss/ot1"])


@pytest.mark.parametrize("without", [("ska.ot1=false",), ("method=baseline",), ("method=kd",)])
def test_without_the_term_there_is_no_floor(tmp_path: Path, without: tuple[str, ...]) -> None:
    assert all("floor/ot1" not in row for row in rows(tmp_path, *without))


def test_a_batch_of_two_does_not_tell(tmp_path: Path) -> None:
    found = rows(tmp_path, "student.batch_size=2")
    assert all("floor/ot1" not in row and "loss/ot1" in row for row in found)
