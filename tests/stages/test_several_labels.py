"""``loss.teacher_logits``: where the reading of a multi-label teacher's logits reaches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ackd.backbones import Outputs
from ackd.callbacks import DynM
from ackd.data.benchmark import Benchmark
from ackd.errors import ConfigError
from ackd.losses import drawn_label_logits, kd_divergence
from ackd.stages.context import open_context
from ackd.stages.objective import make_objective
from ackd.train import train
from tests.stages import toy
from tests.stages.toy import ToyBackbone

DRAWN = "loss.teacher_logits=drawn_label"


@pytest.fixture(autouse=True)
def _no_run_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACKD_RUN_FOLDER", "")


def several_labels() -> Benchmark:
    bench = toy.benchmark()
    rng = np.random.default_rng(0)
    labels = np.eye(3, dtype=bool)[bench.ms.labels] | (rng.random((30, 3)) < 0.3)
    return replace(bench, ms=replace(bench.ms, labels=labels))


def test_the_losses_read_it_and_nothing_else_of_the_teacher_changes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    student, teacher = (
        Outputs(torch.randn(8, 4, 8), torch.randn(8, 8), 3 * torch.randn(8, 3), (2, 2))
        for _ in range(2)
    )
    widths: Any = ToyBackbone(4, 3)
    target = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    found = {}
    for reading in ("raw", "drawn_label"):
        config = toy.config(tmp_path, f"loss.teacher_logits={reading}")
        torch.manual_seed(1)
        objective = make_objective(config, widths, widths)
        found[reading] = objective(student.z.sum(), student, teacher, target, 0).raw
    raw, drawn = found["raw"], found["drawn_label"]
    assert torch.equal(raw["vanilla"], kd_divergence(student.logits, teacher.logits, 3.0))
    expected = kd_divergence(student.logits, drawn_label_logits(teacher.logits), 3.0)
    assert torch.equal(drawn["vanilla"], expected)
    assert not torch.allclose(raw["vanilla"], drawn["vanilla"])
    for name in ("task", "ot1", "ot2"):
        assert torch.equal(raw[name], drawn[name])


def test_a_whole_run_matches_and_distils_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.small(monkeypatch, several_labels())
    galleries = []
    original = DynM.__init__

    def watched(self: DynM, gallery: Any, *args: Any, **options: Any) -> None:
        galleries.append(gallery)
        original(self, gallery, *args, **options)

    monkeypatch.setattr(DynM, "__init__", watched)
    for reading in ("raw", "drawn_label"):
        overrides = (f"loss.teacher_logits={reading}", "student.max_epochs=2")
        result = train(toy.composed(tmp_path, *overrides), tmp_path / reading)
        assert 0 <= result["student"]["metrics"]["oa"] <= 1
        assert all(np.isfinite(result["student"]["transport"]["logits"]))
    raw, drawn = (gallery.logits for gallery in galleries)  # of one teacher, trained once
    assert torch.equal(drawn, drawn_label_logits(raw))
    states = [
        torch.load(tmp_path / r / "student.pt", weights_only=True)["state_dict"]["head.weight"]
        for r in ("raw", "drawn_label")
    ]
    assert not torch.equal(*states)


def test_a_teacher_of_one_label_is_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.small(monkeypatch)
    with pytest.raises(ConfigError, match=r"drawn_label.*toy bear one label each.*=raw"):
        open_context(toy.config(tmp_path, DRAWN))
    toy.small(monkeypatch, several_labels())
    open_context(toy.config(tmp_path, DRAWN))


def test_it_needs_a_teacher_and_a_known_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"drawn_label.*method=baseline has no teacher"):
        toy.config(tmp_path, DRAWN, "method=baseline")
    with pytest.raises(ConfigError, match=r"loss.teacher_logits=.*'drawn'.*'drawn_label'"):
        toy.config(tmp_path, "loss.teacher_logits=drawn")
