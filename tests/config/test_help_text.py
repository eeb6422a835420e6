"""``--help`` shows what the YAML files say, and every option says something."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from ackd.config.groups import Groups
from ackd.config.help import comments_of, help_text
from ackd.config.location import config_dir
from ackd.errors import ConfigError
from ackd.utils.values import leaves
from tests.config.composing import options_of, write

CHOICES = [
    *(f"data={name}" for name in options_of("data")),
    *(f"kd={name}" for name in options_of("kd")),
    *(f"matching={name}" for name in options_of("matching")),
    *(f"planner={name}" for name in options_of("planner")),
    *(f"backbone@student.backbone={name}" for name in options_of("backbone")),
    "transport=off", "logger=[wandb,tensorboard]",
]  # fmt: skip


def told(*words: str) -> str:
    text = help_text(["--help", *words])
    assert text is not None
    return text


@pytest.mark.parametrize("choice", CHOICES)
def test_every_option_of_every_choice_has_a_comment(choice: str) -> None:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        cfg = compose("train", overrides=[choice], return_hydra_config=True)
    comments = comments_of(cfg, Groups())
    tree = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(tree, dict)
    del tree["hydra"]
    # What identifies a recipe or a method is a choice of a group, not an option.
    silent = {"recipe", "method", "logger", "loss.kd"}
    options = [option for option in leaves(tree) if option not in silent]
    assert len(options) > 80
    assert not [option for option in options if len(comments.get(option, "")) < 3]


@pytest.mark.parametrize("group", [g for g in Groups().choices() if g != "ablation"])
def test_every_choice_says_what_it_is(group: str) -> None:
    heads = told(group).split("\n\n")[1].splitlines()
    names = [line.split()[0] for line in heads]
    assert names == options_of(group)
    # Groups with one choice are described in the defaults list.
    assert len(names) == 1 or all(len(line.split()) > 2 for line in heads)


def test_a_topic_shows_values_with_their_comments() -> None:
    text = told("data=s2s_eu")
    assert "data=s2s_eu: S2S-EU: Sentinel-2 scenes of EuroSAT" in text
    (layout,) = [line for line in text.splitlines() if line.startswith("layout: ")]
    assert layout.split("  # ")[0].rstrip() == "layout: publishers"
    assert "released: the authors'" in layout
    assert "lambda1: 0.4" in told("loss.lambda1")
    assert told("student.optimizer", "+experiment=s2s_eu_rr").startswith("== student.optimizer")
    assert "override /matching: random" in told("method=kd")
    assert "name: resnet34" in told("backbone@student.backbone=resnet34")
    assert "+experiment=NAME" in told("experiment")
    assert "backbone@PLACE=NAME for teacher.backbone, matcher.backbone" in told("backbone")
    both = told("logger=[wandb,tensorboard]")
    assert "project: ackd" in both
    assert "tensorboard:" in both


def test_options_beside_a_topic_are_taken_into_account() -> None:
    assert "batch_size: 7" in told("student", "student.batch_size=7")
    assert "name: s2s_eu" in told("data", "data=s2s_eu")


def test_the_whole_help_has_groups_comments_and_examples() -> None:
    text = told()
    for word in (
        "== Groups", "which images, bands, splits", "# null: 1 - lambda1", "== Where to start ==",
        "Runs go to outputs", "--help data=s2s_eu",
    ):  # fmt: skip
        assert word in text
    assert "outputs: ${ackd.env:ACKD_OUTPUTS,outputs}  # run folders" in text


@pytest.mark.parametrize(
    ("topic", "words"),
    [
        ("studnt", "'student'"),
        ("data=s2s_ue", "data=s2s_eu"),
        ("loss.lamda1", "'loss.lambda1'"),
        ("logger=[wandb,tensorbord]", "logger=tensorboard"),
    ],
)
def test_a_topic_that_is_not_there_gets_the_nearest(topic: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        help_text(["--help", topic])


def test_files_of_the_users_own_are_shown(tmp_path: Path) -> None:
    write(tmp_path, "method/mine", "# Mine, for a trial.", "method: mine")
    text = told("method", "--config-dir", str(tmp_path))
    assert "mine                   Mine, for a trial." in text


def test_nobody_asked() -> None:
    assert help_text(["seed=1"]) is None
