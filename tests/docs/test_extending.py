"""What docs/extending.md shows works as it is written there."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from ackd.config.command_line import readable
from ackd.report.conditions import kd_titles
from ackd.train import train
from tests.config.composing import options_of
from tests.stages import toy

DOC = Path(__file__).parents[2] / "docs" / "extending.md"
TEXT = DOC.read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = re.findall(r"```bash\npython -m ackd\.train (.*?)\n```", TEXT, re.DOTALL)


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of the document, importable as from the current folder."""
    for code in PYTHON:
        name = re.match(r"# (\w+)\.py\n", code)
        if name:
            (tmp_path / f"{name[1]}.py").write_text(code, encoding="utf-8")
            monkeypatch.delitem(sys.modules, name[1], raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("ACKD_RUN_FOLDER", "")
    monkeypatch.setattr("ackd.stages.context.build_benchmark", lambda *_: toy.benchmark())


def run(tmp_path: Path, command: str) -> dict[str, Any]:
    short = ("student.max_epochs=1", "teacher.max_epochs=1", "dynm.reference_epochs=1",
             "dynm.count=1", "dynm.delta=1", "student.optimizer.lr=0.001")  # fmt: skip
    words = readable([*short, *shlex.split(command)])
    return train(toy.composed(tmp_path, *words), tmp_path / "run")


def test_there_is_a_command_for_each_kind() -> None:
    kinds = ["student.backbone._target_", "loss.kd.cosine", "warmup_cosine", "ExponentialLR",
             "class_weights", "early_stopping", "ema", "callbacks",
             "data.augmentation"]  # fmt: skip
    assert [kind in c for kind, c in zip(kinds, COMMANDS, strict=True)] == [True] * len(kinds)
    assert len(PYTHON) == 5


def test_a_network_of_ones_own_trains_and_is_built_from_its_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(tmp_path, COMMANDS[0])
    assert result["student"]["backbone"] == "mynetworks.PatchNet"
    monkeypatch.chdir(tmp_path / "run")
    names: dict[str, Any] = {}
    exec(PYTHON[1], names)
    student = names["student"].network
    assert (student.z_dim, student.bands, student.classes) == (24, 3, 3)
    saved = torch.load("student.pt", weights_only=True)
    assert torch.equal(student.net.patches.weight, saved["state_dict"]["net.patches.weight"])


def test_a_loss_of_ones_own_trains(tmp_path: Path) -> None:
    run(tmp_path, COMMANDS[1])
    (header, *_) = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert "loss/cosine_cosine" in header.split(",")


@pytest.mark.parametrize("command", COMMANDS[2:4])
def test_a_schedule_changes_the_learning_rate(tmp_path: Path, command: str) -> None:
    run(tmp_path, f"{command} method=baseline student.max_epochs=2 teacher.scheduler=none")
    rows = toy.rows(tmp_path / "run" / "metrics.csv")
    rates = [float(row["train/lr"]) for row in rows if "train/lr" in row]
    assert len(rates) == len(set(rates)) == 2


def test_weights_and_smoothing_train(tmp_path: Path) -> None:
    run(tmp_path, f"{COMMANDS[4]} method=kd")
    assert (tmp_path / "run" / "result.json").is_file()


def test_a_student_stops_early(tmp_path: Path) -> None:
    result = run(tmp_path, f"{COMMANDS[5]} method=baseline")
    assert result["student"]["stopped_early"]["epochs"] == 3


def test_an_average_of_the_weights_is_exported(tmp_path: Path) -> None:
    run(tmp_path, f"{COMMANDS[6]} method=kd")
    best, student = (
        torch.load(tmp_path / "run" / name, weights_only=True)
        for name in ("checkpoints/best.ckpt", "student.pt")
    )
    name, exported = next(iter(student["state_dict"].items()))
    assert torch.equal(best["state_dict"][f"backbone.{name}"], exported)
    assert not torch.equal(best["current_model_state"][f"backbone.{name}"], exported)


def test_a_callback_of_ones_own_joins_the_student(tmp_path: Path) -> None:
    run(tmp_path, f"{COMMANDS[7]} method=kd")
    rows = toy.rows(tmp_path / "run" / "metrics.csv")
    assert [row for row in rows if float(row.get("weight_norm", 0)) > 0]
    (teacher,) = (tmp_path / "artifacts" / "teacher").glob("*/metrics.csv")
    assert "weight_norm" not in teacher.read_text()


def test_augmentations_of_ones_own_change_what_is_trained(tmp_path: Path) -> None:
    results = [
        run(tmp_path / name, f"{command} method=kd matching=random")
        for name, command in (("plain", ""), ("augmented", COMMANDS[8]))
    ]
    prints = {result["teacher"]["fingerprint"] for result in results}
    assert len(prints) == 2
    losses = [
        next(row["train/loss"] for row in toy.rows(tmp_path / name / "run" / "metrics.csv")
             if "train/loss" in row)
        for name in ("plain", "augmented")
    ]  # fmt: skip
    assert losses[0] != losses[1]


def test_every_loss_of_the_project_has_a_title() -> None:
    titles = kd_titles()
    assert set(titles) == {name for name in options_of("kd") if name != "none"}
    assert titles["vanilla"] == "Vanilla KD"
    assert len(set(titles.values())) == len(titles)
