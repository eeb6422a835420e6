"""Command line > experiment > method > recipe > defaults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from tests.config.composing import checked, compose_config, options_of, value, write

# A value that every level may set, and what each level sets it to.
LEVELS = {"recipe": 2.0, "method": 3.0, "experiment": 4.0}


@pytest.fixture
def levels(tmp_path: Path) -> Path:
    for group, gamma in LEVELS.items():
        write(tmp_path, f"{group}/mine", f"dynm: {{gamma: {gamma}}}")
    # These choose a group option as well, each one another.
    write(tmp_path, "recipe/choosing", "defaults:", "  - override /kd: logits")
    write(tmp_path, "method/choosing", "defaults:", "  - override /kd: rkd")
    write(tmp_path, "experiment/choosing", "defaults:", "  - override /kd: dkd")
    return tmp_path


def test_the_defaults_differ_from_what_the_levels_set() -> None:
    assert value("dynm.gamma") == 3.0
    assert value("dynm.gamma", "dynm=default") not in (LEVELS["recipe"], LEVELS["experiment"])


def test_recipe_over_defaults(levels: Path) -> None:
    assert value("dynm.gamma", "recipe=mine", extra=levels) == LEVELS["recipe"]
    # The group that holds the default, chosen by name, does not outdo the recipe.
    assert value("dynm.gamma", "recipe=mine", "dynm=default", extra=levels) == LEVELS["recipe"]
    assert value("student.batch_size") == 128
    assert value("student.batch_size", "recipe=official") == 256


def test_method_over_recipe(levels: Path) -> None:
    for order in (["recipe=mine", "method=mine"], ["method=mine", "recipe=mine"]):
        assert value("dynm.gamma", *order, extra=levels) == LEVELS["method"]


def test_experiment_over_method(levels: Path) -> None:
    for order in (["+experiment=mine", "method=mine"], ["method=mine", "+experiment=mine"]):
        assert value("dynm.gamma", *order, extra=levels) == LEVELS["experiment"]


def test_experiment_over_recipe(levels: Path) -> None:
    chosen = ["recipe=mine", "+experiment=mine"]
    assert value("dynm.gamma", *chosen, extra=levels) == LEVELS["experiment"]


def test_command_line_over_experiment(levels: Path) -> None:
    for order in (["dynm.gamma=9", "+experiment=mine"], ["+experiment=mine", "dynm.gamma=9"]):
        assert value("dynm.gamma", *order, extra=levels) == 9


def test_command_line_over_each_level_alone(levels: Path) -> None:
    for chosen in ("recipe=mine", "method=mine", "+experiment=mine"):
        assert value("dynm.gamma", chosen, "dynm.gamma=9", extra=levels) == 9


@pytest.mark.parametrize(
    ("chosen", "entry"),
    [
        ([], "vanilla"),
        (["recipe=choosing"], "logits"),
        (["recipe=choosing", "method=choosing"], "rkd"),
        (["method=choosing", "+experiment=choosing"], "dkd"),
        (["recipe=choosing", "method=choosing", "+experiment=choosing"], "dkd"),
        (["recipe=choosing", "method=choosing", "+experiment=choosing", "kd=vpr"], "vpr"),
    ],
)
def test_group_choices_follow_the_same_order(levels: Path, chosen: list[str], entry: str) -> None:
    assert list(value("loss.kd", *chosen, extra=levels)) == [entry]


def test_matching_on_the_command_line_outdoes_the_method() -> None:
    assert value("matching.initial", "method=kd") == "random"
    assert value("matching.initial", "method=kd", "matching=ssm") == "ssm"
    assert value("matching.initial", "matching=ssm", "method=kd") == "ssm"


def test_an_experiment_outdoes_the_matching_of_the_method_it_chooses(tmp_path: Path) -> None:
    write(
        tmp_path, "experiment/both", "defaults:", "  - override /method: kd",
        "  - override /matching: ssm", "dynm: {enabled: true}",
    )  # fmt: skip
    config = checked("+experiment=both", extra=tmp_path)
    assert (config.method, config.matching.initial, config.dynm.enabled) == ("kd", "ssm", True)
    config = checked("+experiment=both", "method=sembridge", extra=tmp_path)
    assert (config.method, config.ska.ot1) == ("sembridge", True)


@pytest.mark.slow
def test_an_experiment_keeps_its_length_under_every_method_and_recipe() -> None:
    for method in options_of("method"):
        for recipe in options_of("recipe"):
            chosen = [f"method={method}", f"recipe={recipe}", "+experiment=s2s_eu_rr"]
            assert value("student.max_epochs", *chosen) == 200
            assert value("student.max_epochs", *chosen, "student.max_epochs=3") == 3


@pytest.mark.parametrize("kd", [name for name in options_of("kd") if name != "none"])
def test_kd_fills_one_entry(kd: str) -> None:
    assert list(value("loss.kd", f"kd={kd}")) == [kd]
    assert list(value("loss.kd", "method=kd", f"kd={kd}")) == [kd]


def test_the_recipe_decides_the_arguments_of_the_loss_and_the_command_line_decides_last() -> None:
    scale = "loss.kd.vanilla.loss.scale_by_t2"
    assert value(scale, "recipe=paper") is True
    assert value(scale, "recipe=official") is False
    assert value(scale, "recipe=official", f"{scale}=true") is True


@pytest.mark.slow
def test_every_loss_has_the_values_that_it_had_under_both_recipes() -> None:
    """Recorded before the arguments moved from the recipes into the files of the losses."""
    recorded = json.loads((Path(__file__).parent / "kd_values.json").read_text(encoding="utf-8"))
    for chosen, expected in recorded.items():
        kd, recipe = chosen.split()
        found = resolved("loss.kd", f"kd={kd}", f"recipe={recipe}")
        for entry in found.values():
            assert entry.pop("title")
        assert found == expected, chosen
    # A loss that is added later needs no record.
    assert {chosen.split()[1] for chosen in recorded} == {"paper", "official"}


def test_a_recipe_of_ones_own_has_the_papers_values(tmp_path: Path) -> None:
    write(tmp_path, "recipe/mine", "recipe: mine", "loss: {lambda1: 0.7}")
    found = resolved("loss.kd", "kd=ctkd", "recipe=mine", extra=tmp_path)
    assert found == resolved("loss.kd", "kd=ctkd", "recipe=paper")


def resolved(option: str, *overrides: str, extra: Path | None = None) -> Any:
    found = OmegaConf.select(compose_config(*overrides, extra=extra), option)
    return OmegaConf.to_container(found, resolve=True)


def test_baseline_never_distils_whatever_lambda1_says() -> None:
    config = checked("method=baseline", "loss.lambda1=0.4")
    assert not config.distils
    assert not config.needs_matcher


def test_later_values_of_the_command_line_win() -> None:
    assert value("seed", "seed=1", "seed=2") == 2
