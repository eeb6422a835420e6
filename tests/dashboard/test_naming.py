"""What a run is called: swept options alone in a sweep, and the shortest names that stay clear."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from ackd.config.run_names import swept_options, varied
from tests.config.composing import value

OPTIONS = (
    "name", "seed", "loss.lambda1", "planner.heads", "dynm.gamma", "dynm.enabled", "ska.enabled",
    "student.optimizer.lr", "teacher.optimizer.lr", "student.backbone.name", "data.root",
)  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["loss.lambda1=0.2", "planner.heads=4", "seed=1"], "lambda1=0.2 heads=4 seed=1"),
        (["student.optimizer.lr=0.01"], "student.lr=0.01"),
        (["dynm.enabled=false"], "dynm.enabled=false"),
        (["+experiment=s2s_eu_rr", "method=kd"], "s2s_eu_rr method=kd"),
        (["backbone@student.backbone=mobilenetv2"], "student.backbone=mobilenetv2"),
        (
            ["data.root=/home/me", "outputs=/x", "logger=wandb", "name=mine", "trainer.devices=2"],
            "",
        ),
        (["logger.wandb.tags=[a,b]", "loader.num_workers=4"], ""),
        (["~loss.kd.vanilla", "+loss.kd.mse.weight=0.5"], "~vanilla weight=0.5"),
        ([], ""),
    ],
)
def test_what_was_chosen(words: list[str], said: str) -> None:
    assert varied(words, (), OPTIONS) == said


def test_a_sweep_is_told_by_what_it_varies() -> None:
    words = ["+experiment=s2s_eu_rr", "loss.lambda1=0.2", "dynm.gamma=3"]
    assert varied(words, ["loss.lambda1"], OPTIONS) == "lambda1=0.2"


def test_long_values_and_names_are_cut() -> None:
    long = varied([f"data.sources={'x' * 90}"], (), OPTIONS)
    assert len(long) == len("sources=") + 40
    many = varied([f"+a{i}.b{i}=1234567890" for i in range(30)], (), OPTIONS)
    assert len(many) == 120
    assert many.endswith("…")


def test_swept_options_of_a_sweep_folder(tmp_path: Path) -> None:
    assert swept_options(tmp_path) == []
    record = {
        "hydra": {
            "overrides": {"task": ["method=kd", "loss.lambda1=0.2,0.4", "kd=choice(dkd,rkd)"]},
            "sweeper": {"params": {"seed": "range(0,3)", "dynm.gamma": 3}},
        },
        "outputs": "${oc.env:NOT_SET_ANYWHERE}",
    }
    OmegaConf.save(OmegaConf.create(record), tmp_path / "multirun.yaml")
    assert swept_options(tmp_path) == ["loss.lambda1", "kd", "seed"]


def test_composed_outside_of_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    assert value("logger.wandb.group", "logger=wandb", "name=mine") == "mine"
    assert value("logger.wandb.name", "logger=wandb") is None
