"""Everything that can be chosen composes and passes the checks, without any data."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from ackd.config.check import check_architecture
from ackd.config.command_line import quoted_paths
from ackd.config.groups import Groups
from ackd.config.location import config_dir
from ackd.config.programs import SEGMENT, TRAIN, Program
from ackd.errors import ConfigError
from tests.config.composing import checked, compose_config, options_of, write

GROUPS = Groups().names()
STAGES = ("teacher", "matcher", "student")
# What an option needs beside it.
NEEDS = {
    ("matching", "twins"): ["data=s2s_eu", "data.twins=paired"],
    ("kd", "none"): ["method=sembridge"],
    ("data", "folders"): ["data.ms=ms", "data.rgb=rgb"],
}
ON_DEMAND = ("experiment", "sweep", "compared")
DEFAULTS = {
    key.partition("@")[0]
    for entry in yaml.safe_load(Groups().primary.read_text(encoding="utf-8"))["defaults"]
    if isinstance(entry, dict)
    for key in entry
}
# Each two of an experiment, a method and a recipe meet; all three would take twice as long.
TOGETHER = [
    (experiment, method, recipe)
    for number, (experiment, method) in enumerate(
        product(options_of("experiment"), options_of("method"))
    )
    for place, recipe in enumerate(options_of("recipe"))
    if (number + place) % 2 == 0
]
CHOICES = [
    (group, option) for group in GROUPS if group not in ON_DEMAND for option in options_of(group)
]


@pytest.mark.parametrize(("experiment", "method", "recipe"), TOGETHER)
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
    # One that no entry of the defaults list chooses is added, as that of a stage on demand is.
    plus = "" if group in DEFAULTS else "+"
    wanted = [f"{plus}{group}={option}"]
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


PAIRS = {
    "rr": ("resnet34", "resnet34"),
    "mm": ("mobilenetv2", "mobilenetv2"),
    "ss": ("shufflenetv2_x0_5", "shufflenetv2_x0_5"),
    "rm": ("resnet34", "mobilenetv2"),
    "rs": ("resnet34", "shufflenetv2_x0_5"),
    "ms": ("mobilenetv2", "shufflenetv2_x0_5"),
}


def networks(*words: str, extra: Path | None = None) -> tuple[str, str]:
    cfg = compose_config(*words, extra=extra)
    return cfg.teacher.backbone.name, cfg.student.backbone.name


def test_the_pairs_are_all_there() -> None:
    assert options_of("architecture") == sorted(PAIRS)


@pytest.mark.parametrize("pair", PAIRS)
def test_one_experiment_has_every_pair_and_the_old_names_say_the_same(pair: str) -> None:
    old = compose_config(f"+experiment=s2s_eu_{pair}")
    new = compose_config("+experiment=s2s_eu", f"architecture={pair}", f"name=s2s_eu_{pair}")
    assert OmegaConf.to_container(old, resolve=True) == OmegaConf.to_container(new, resolve=True)
    assert (old.teacher.backbone.name, old.student.backbone.name) == PAIRS[pair]
    assert old.matcher.backbone.name == "resnet34"
    assert (old.teacher.max_epochs, old.matcher.max_epochs, old.student.max_epochs) == (
        200, 100, 200,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("architecture=rs +experiment=s2s_eu_mm", PAIRS["rs"]),  # the command line wins
        ("+experiment=s2s_eu_tiny architecture=mm", PAIRS["mm"]),
        ("+experiment=s2s_cn_rr architecture=ms", PAIRS["ms"]),
        ("architecture=mm backbone@student.backbone=tiny", ("mobilenetv2", "test_resnet")),
        ("+experiment=s2s_eu_mm backbone@student.backbone=tiny", ("mobilenetv2", "test_resnet")),
    ],
)
def test_the_networks_of_the_command_line_win(words: str, expected: tuple[str, str]) -> None:
    assert networks(*words.split()) == expected


def test_an_architecture_that_an_experiment_outdoes_is_refused(tmp_path: Path) -> None:
    own = write(
        tmp_path, "experiment/own", "defaults: [{override /backbone@student.backbone: resnet34}]"
    )
    words = ["+experiment=own", "architecture=mm"]
    assert networks(*words, extra=own) == ("mobilenetv2", "resnet34")
    said = r"architecture=mm has backbone@student\.backbone=mobilenetv2, but .* chooses resnet34"
    with pytest.raises(ConfigError, match=said):
        check_architecture(choices(*words, extra=own), words, [config_dir()])
    words.append("backbone@student.backbone=resnet34")
    check_architecture(choices(*words, extra=own), words, [config_dir()])
    words = ["+experiment=s2s_eu_mm", "architecture=rs"]
    check_architecture(choices(*words), words, [config_dir()])


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (TRAIN, "method=kd seed=3 kd=dkd +loss.kd.mine={weight: 1} student.max_epochs=2"),
        (
            TRAIN,
            "backbone@teacher.backbone=tiny ~logger loader={num_workers: 2} +trainer.min_steps=3",
        ),
        (SEGMENT, "row=mid logger=[wandb,tensorboard] epochs.teacher=2 hydra.job.name=x"),
        (SEGMENT, "epochs={teacher: 2, reconstruction: 2, finetune: 2} network=pspnet"),
    ],
)
def test_tests_compose_what_hydra_composes(program: Program, words: str) -> None:
    listed = re.split(r" (?=[^ ]+=|~)", words)
    quick = compose_config(*listed, program=program)
    assert quick == compose_config(*listed, program=program, whole=True)
    assert OmegaConf.is_struct(quick)


def choices(*words: str, extra: Path | None = None) -> dict[str, str]:
    folder = [] if extra is None else [f"hydra.searchpath=['{extra}']"]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        cfg = compose("train", overrides=[*words, *folder], return_hydra_config=True)
    return dict(cfg.hydra.runtime.choices)


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
