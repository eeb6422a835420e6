"""Augmentations of the user's own: drawn alike by a run that goes on, and part of what a run is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ackd.config.schema.identity import identity
from tests.stages import toy
from tests.stages.toy import run

FLIP = "torchvision.transforms.v2.RandomHorizontalFlip"
NOISE = "tests.modules.test_augmentation.Noise"
RGB = (f"+data.augmentation.rgb._target_={FLIP}",)
MS = (f"+data.augmentation.ms._target_={NOISE}", "+data.augmentation.ms.scale=0.2")
LIVE = ("student.augment_ms=true", "student.teacher=live")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def student(folder: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(folder / "student.pt")["state_dict"]
    return weights


@pytest.mark.slow
def test_a_run_that_goes_on_draws_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("matching=random", "data.augment=true", *RGB, *MS, *LIVE)
    ours, whole = toy.crashed_and_whole(monkeypatch, tmp_path, *words)
    assert toy.rows(ours / "metrics.csv") == toy.rows(whole / "metrics.csv")
    assert all(torch.equal(student(ours)[key], one) for key, one in student(whole).items())


@pytest.mark.slow
def test_each_side_is_part_of_the_stages_that_see_it(tmp_path: Path) -> None:
    short = ("student.max_epochs=1", "teacher.max_epochs=1")
    run(tmp_path, "plain", *short)
    names = ("teacher", "matcher", "store")
    assert run(tmp_path, "rgb", *short, *RGB)["reused"] == [*names]
    ms = run(tmp_path, "ms", *short, *MS)
    assert ms["reused"] == []
    assert run(tmp_path, "less", *short, *MS[:1])["reused"] == []
    assert run(tmp_path, "again", *short, *MS, *RGB)["reused"] == [*names]
    plain, rgb = (student(tmp_path / "outputs" / name) for name in ("plain", "rgb"))
    assert not all(torch.equal(plain[key], rgb[key]) for key in plain)
    # What the stored teacher says is said of the images as they are.
    again = run(tmp_path, "live", *short, *MS, "student.teacher=live")
    assert again["student"]["metrics"] == ms["student"]["metrics"]


def test_none_leaves_a_run_what_it_was(tmp_path: Path) -> None:
    assert "augmentation" not in identity(toy.config(tmp_path))["data"]
    node = identity(toy.config(tmp_path, *RGB))["data"]["augmentation"]
    assert node == {"rgb": {"_target_": FLIP}}
