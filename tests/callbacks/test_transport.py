"""The transport cost: its curves, where they go, and that training does not notice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ackd.analysis import nearest_distance, wasserstein2
from ackd.callbacks import TransportCost
from ackd.data.benchmark import TRAIN
from ackd.data.pairs import Request
from ackd.modules import DistillModule, UnpairedDataModule
from tests.stages import toy
from tests.stages.toy import run


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


CURVES = {
    f"{kind}{space}" for kind in ("", "nearest_", "pairs_") for space in ("features", "logits")
}
SMALL = ("transport.sample=10", "transport.every=2")


def test_curves_in_result_and_loggers(tmp_path: Path) -> None:
    result = run(tmp_path, "run", *SMALL, "student.max_epochs=4")
    curves = result["student"]["transport"]
    assert set(curves) == CURVES | {"epoch"}
    assert curves["epoch"] == [0, 2, 3]  # every second one, and the last
    for space in ("features", "logits"):
        nearest, exact, pairs = (curves[f"{k}{space}"] for k in ("nearest_", "", "pairs_"))
        for low, middle, high in zip(nearest, exact, pairs, strict=True):
            assert 0 < low <= middle * (1 + 1e-9)
            assert middle <= high * (1 + 1e-9)
    written = json.loads((tmp_path / "outputs" / "run" / "result.json").read_text())
    assert written["student"]["transport"] == curves
    found = [
        row for row in toy.rows(tmp_path / "outputs" / "run" / "metrics.csv")
        if "transport/logits" in row
    ]  # fmt: skip
    assert [float(row["epoch"]) for row in found] == curves["epoch"]
    assert [float(row["transport/logits"]) for row in found] == pytest.approx(curves["logits"])


def test_training_does_not_notice(tmp_path: Path) -> None:
    """With dropout and augmentation, weights are the same with and without the measurement."""
    common = ("data.augment=true", "student.max_epochs=3")
    on = run(tmp_path, "on", *common, "transport.sample=10", "transport.every=1")
    off = run(tmp_path, "off", *common, "transport=off")
    assert off["student"]["transport"] is None
    assert on["student"]["metrics"] == off["student"]["metrics"]
    states = [
        torch.load(tmp_path / "outputs" / name / "student.pt", weights_only=True)["state_dict"]
        for name in ("on", "off")
    ]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    without = [
        {k: v for k, v in row.items() if not k.startswith("transport/")}
        for row in toy.rows(tmp_path / "outputs" / "on" / "metrics.csv")
        if "transport/logits" not in row
    ]
    assert without == toy.rows(tmp_path / "outputs" / "off" / "metrics.csv")


@pytest.mark.slow
def test_a_resumed_run_has_the_whole_curves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(tmp_path, "whole", *SMALL)
    toy.crashed(monkeypatch, tmp_path, "ours", *SMALL, "name=n")
    ours = run(tmp_path, "unused", *SMALL, "name=n", "ckpt_path=auto")
    assert ours["student"]["transport"] == whole["student"]["transport"]
    assert ours["student"]["transport"]["epoch"] == [0, 2, 4]


def test_a_student_without_a_teacher_has_none(tmp_path: Path) -> None:
    result = run(tmp_path, "run", "method=baseline", "student.max_epochs=1")
    assert result["student"]["transport"] is None


def test_costs_of_the_pairs_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured before DynM changes the pairs, on the images that the sample names."""
    checked = []
    measure = TransportCost.measure

    def watched(self: TransportCost, module: DistillModule, data: UnpairedDataModule) -> Any:
        epoch = module.current_epoch
        assert data.version == 1 + (epoch >= 2) + (epoch >= 4)
        found = measure(self, module, data)
        rows = data.rows(TRAIN)
        chosen = np.sort(np.random.default_rng(0).choice(len(rows), 10, replace=False))
        assert data.pairs is not None
        batch = data.load(Request(data.pairs.numpy()[chosen], rows[chosen]), module.device)
        training = module.training
        module.eval()
        with torch.no_grad():
            assert module.teacher is not None
            t = module.teacher(batch["ms_index"], batch.get("ms")).logits
            s = module(batch["rgb"])
        module.train(training)
        assert found["logits"] == pytest.approx(wasserstein2(s, t))
        assert found["nearest_logits"] == pytest.approx(nearest_distance(s, t))
        assert found["pairs_logits"] ** 2 == pytest.approx(
            float((s - t).square().sum(1).mean()), rel=1e-5
        )
        checked.append(epoch)
        return found

    monkeypatch.setattr(TransportCost, "measure", watched)
    run(tmp_path, "run", "transport.sample=10", "transport.every=1")
    assert checked == [0, 1, 2, 3, 4]


def test_outputs_that_are_no_numbers_are_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    measure = TransportCost.measure

    def broken(self: TransportCost, module: DistillModule, data: UnpairedDataModule) -> Any:
        bias = module.backbone.head.bias
        before = bias.detach().clone()
        with torch.no_grad():
            bias.fill_(float("nan"))
            found = measure(self, module, data)
            bias.copy_(before)
        seen.append(found)
        return found

    monkeypatch.setattr(TransportCost, "measure", broken)
    result = run(tmp_path, "run", "student.max_epochs=1", *SMALL)
    assert seen == [{}]
    assert result["student"]["transport"] == {}
    log = (tmp_path / "outputs" / "run" / "train.log").read_text()
    assert "no transport cost in epoch 0" in log
