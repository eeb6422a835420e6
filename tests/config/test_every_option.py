"""A wrong value of any option is answered with a sentence of ours that names the option."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from ackd import errors
from ackd.config.check import check_config, parse
from ackd.config.schema import Config
from ackd.config.schema.options import option_paths
from ackd.errors import ConfigError, counted, did_you_mean, nearest, nearest_path
from ackd.sweeps.options import PoolOptions, read_options
from ackd.sweeps.space import SearchOptions, read_search
from ackd.train import check
from tests.config.composing import compose_config

WRONG: list[Any] = [
    "zzz", "", "x" * 500, -1, 0, 1, 1.5, 10**30, math.nan, math.inf, None, True,
    [], [1], ["zzz"], [[]], [None], {}, {"zzz": 1}, {1: 2},
]  # fmt: skip
DATA = {
    "synthetic": (),
    "s2s_eu": ("data.root=x",),
    "folders": ("data.ms=x", "data.rgb=y"),
}
SENTENCE = re.compile(
    r"is not valid: expected |There is no option |is missing; give it as |is not a"
)
PYDANTIC = re.compile(r"Input should|validation error|pydantic|unable to|valid (string|int|dict)")


def tree_of(data: str) -> dict[str, Any]:
    words = (f"data={data}", *DATA[data], "logger=[wandb,tensorboard]")
    tree = OmegaConf.to_container(compose_config(*words), resolve=True)
    assert isinstance(tree, dict)
    return tree  # type: ignore[return-value]


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Every option, sections as well."""
    for key, value in tree.items():
        yield prefix + key
        if isinstance(value, Mapping) and not key.endswith(("optimizer", "loss", "trainer")):
            yield from leaves(value, f"{prefix}{key}.")


def changed(tree: dict[str, Any], option: str, value: Any) -> dict[str, Any]:
    new = copy.deepcopy(tree)
    *sections, name = option.split(".")
    node = new
    for section in sections:
        node = node[section]
    node[name] = value
    return new


def assert_sentences(text: str, option: str) -> None:
    for line in text.splitlines():
        assert SENTENCE.search(line), line
        assert not PYDANTIC.search(line), line
        assert line.endswith((".", "?", "'", '"', ")")), line
        assert "  " not in line.replace(repr("x" * 500), ""), line
    assert option in text


@pytest.mark.parametrize("data", DATA)
def test_every_option_of_the_schema_answers_wrong_values(data: str) -> None:
    tree = tree_of(data)
    parse(tree)
    known = set(option_paths(Config))
    tried = [option for option in leaves(tree) if option in known]
    assert len(tried) > 90
    if data != "synthetic":  # all other options are the same for all data
        tried = [option for option in tried if option.partition(".")[0] == "data"]
    for option in tried:
        refused = 0
        for value in WRONG:
            try:
                parse(changed(tree, option, value))
            except ConfigError as error:
                refused += 1
                assert_sentences(str(error), option)
        assert refused, f"{option} takes anything"


def test_a_value_that_fits_no_member_of_a_union_has_one_sentence() -> None:
    tree = changed(tree_of("synthetic"), "student.backbone.pretrained", 7)
    with pytest.raises(ConfigError) as raised:
        parse(tree)
    assert str(raised.value).startswith(
        "student.backbone.pretrained=7 is not valid: expected true or false or a text"
    )


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("logger.wandb.mode", "ofline", "Did you mean logger.wandb.mode=offline?"),
        ("name", 2024, "\"name='2024'\""),
        ("force", "teacher", "'force=[teacher]'"),
        ("logger.wandb.group", "x" * 129, "at most 128 characters"),
        ("logger.wandb.tags", ["x" * 65], "logger.wandb.tags[0]='xxx"),
    ],
)
def test_the_way_out_is_named(option: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(changed(tree_of("synthetic"), option, value))
    assert said in str(raised.value)


def test_a_mode_that_wandb_does_not_have_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_MODE", "ofline")
    with pytest.raises(ConfigError, match=r"WANDB_MODE=ofline .* WANDB_MODE=offline\?"):
        check_config(tree_of("synthetic"))


def test_options_of_the_pool_and_of_a_search_answer_alike() -> None:
    for name in PoolOptions.model_fields:
        said = 0
        for value in WRONG:
            try:
                read_options({name: value}, "hydra.launcher")
            except ConfigError as error:
                said += 1
                assert_sentences(str(error), f"hydra.launcher.{name}")
        assert said
    space = "search.space={planner.heads: [2, 4]}"
    for name in SearchOptions.model_fields:
        with pytest.raises(ConfigError) as raised:
            read_search([space, f"search.{name}=[[]]"])
        assert_sentences(str(raised.value), f"search.{name}")
    with pytest.raises(ConfigError, match=r"'search\.trails'.*'search\.trials'"):
        read_search([space, "search.trails=3"])


def test_did_you_mean_is_a_sentence_or_nothing() -> None:
    assert did_you_mean("lamda1", ["lambda1", "task"]) == " Did you mean 'lambda1'?"
    assert did_you_mean("s2seu", ["s2s_eu"], "data={}") == " Did you mean data=s2s_eu?"
    assert did_you_mean("zzz", ["lambda1"]) == ""
    assert nearest("class_map", ["classes"], 0.7) is None


def test_a_guess_at_a_path_compares_the_name_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "opt").mkdir()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "resnet.pt").touch()
    assert nearest_path(tmp_path / "x.pt") == f" {tmp_path} has no 'x.pt'."
    assert nearest_path(tmp_path / "weight" / "x.pt") == (
        f" {tmp_path} has no 'weight'. Did you mean '{tmp_path / 'weights'}'?"
    )
    assert nearest_path(tmp_path / "weights" / "resnet.pth").endswith(
        f"Did you mean '{tmp_path / 'weights' / 'resnet.pt'}'?"
    )
    assert nearest_path(tmp_path / "weights") == ""
    with pytest.raises(ConfigError) as caught:
        check(compose_config(f"ckpt_path={tmp_path / 'x.pt'}"), look=True)
    assert "there is no" in str(caught.value)
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [(0, "error", "0 errors"), (1, "error", "1 error"), (2, "class", "2 classes"),
     (1024, "pixel", "1,024 pixels")],
)  # fmt: skip
def test_a_number_agrees_with_its_noun(number: int, noun: str, said: str) -> None:
    assert counted(number, noun) == said


def test_nobody_else_says_did_you_mean() -> None:
    """One function asks; what is left has a path, or words of several, in its question."""
    package = Path(errors.__file__).parent
    asking = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "Did you mean" in path.read_text(encoding="utf-8")
    }
    assert asking <= {
        "errors.py", "config/messages/options.py", "data/own_folders/first_look.py",
        "data/sensors.py",
    }  # fmt: skip
