"""Everything that can be chosen composes and passes the checks, without any data."""

from __future__ import annotations

import pytest

from ackd.config.command_line import quoted_paths
from ackd.config.location import config_dir
from tests.config.composing import checked, compose_config, options_of

GROUPS = sorted(path.name for path in config_dir().iterdir() if path.is_dir())
STAGES = ("teacher", "matcher", "student")
# What an option needs beside it.
NEEDS = {
    ("matching", "twins"): ["data=s2s_eu", "data.twins=paired"],
    ("kd", "none"): ["method=sembridge"],
    ("data", "folders"): ["data.ms=ms", "data.rgb=rgb"],
}
ON_DEMAND = ("experiment", "sweep", "architecture", "compared")
CHOICES = [
    (group, option) for group in GROUPS if group not in ON_DEMAND for option in options_of(group)
]


@pytest.mark.parametrize("recipe", options_of("recipe"))
@pytest.mark.parametrize("method", options_of("method"))
@pytest.mark.parametrize("experiment", options_of("experiment"))
def test_every_experiment_with_every_method_and_recipe(
    experiment: str, method: str, recipe: str
) -> None:
    config = checked(f"+experiment={experiment}", f"method={method}", f"recipe={recipe}")
    assert (config.name, config.method, config.recipe) == (experiment, method, recipe)
    assert config.distils is (method != "baseline")
    assert config.needs_matcher is (method == "sembridge")
    assert config.aligns is (method == "sembridge")


@pytest.mark.parametrize(("group", "option"), CHOICES)
def test_every_option_of_every_group(group: str, option: str) -> None:
    wanted = [f"{group}={option}"]
    if group == "backbone":
        wanted = [f"backbone@{stage}.backbone={option}" for stage in STAGES]
    checked(*wanted, *NEEDS.get((group, option), []))


def test_experiments_and_groups_are_found_at_all() -> None:
    assert "s2s_eu_rr" in options_of("experiment")
    assert {"data", "backbone", "kd", "matching", "method", "recipe", "logger"} <= set(GROUPS)
    assert len(CHOICES) > 20


def test_two_loggers_at_once() -> None:
    config = checked("logger=[wandb,tensorboard]")
    assert config.logger.wandb is not None
    assert config.logger.tensorboard is not None


def test_a_second_distillation_loss_beside_the_first() -> None:
    config = checked("+loss.kd.mse.loss._target_=ackd.losses.LogitMSE", "+loss.kd.mse.weight=0.5")
    assert set(config.loss.kd) == {"vanilla", "mse"}
    assert config.loss.kd["mse"].weight == 0.5


@pytest.mark.parametrize("experiment", options_of("experiment"))
def test_an_experiment_says_its_own_name_and_reads_real_images(experiment: str) -> None:
    cfg = compose_config(f"+experiment={experiment}")
    assert cfg.name == experiment
    assert cfg.data.name != "synthetic"


def test_the_paper_schedule_of_the_experiments_is_the_authors() -> None:
    from ackd.matching import rematch_epochs

    dynm = checked("+experiment=s2s_eu_rr").dynm
    assert rematch_epochs(dynm.e0, dynm.delta, dynm.mu, dynm.count) == [30, 60, 95, 135]


def test_the_check_leaves_torch_as_it_was() -> None:
    import torch

    state = torch.random.get_rng_state()
    deterministic = torch.are_deterministic_algorithms_enabled()
    checked("student.backbone.name=resnet18")
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.are_deterministic_algorithms_enabled() is deterministic


def test_pretrained_is_a_switch_or_a_file_with_any_name() -> None:
    words = ["student.backbone.pretrained=weights/a b,(1)=2.pt", "teacher.backbone.pretrained=true"]
    config = checked(*quoted_paths(words))
    assert config.student.backbone.pretrained == "weights/a b,(1)=2.pt"
    assert config.teacher.backbone.pretrained is True
    assert config.matcher.backbone.pretrained is False
