"""A path is taken to the letter, whatever is in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from ackd.config.check import save_resolved
from ackd.config.command_line import quoted, readable
from ackd.config.messages.overrides import hint
from ackd.config.programs import TRAIN
from ackd.config.schema import Config
from ackd.config.schema.data import Mark
from ackd.config.schema.options import marked_options, option_paths
from ackd.demo.scenes import STUDENTS
from ackd.errors import ConfigError
from ackd.search import _compose
from tests.config.composing import compose_config

NAMES = [
    "plain/folder", "with space", "a=b", "a,b", "a (1)", "a [1]", "{a}", "l'été", 'a "quoted" one',
    "cost$", "$HOME", "é", "e\u0301", "日本", "a#b", "a;b&c!", "~/data", "a%b@c:d*?<>|", "tab\tin",
    "2024", "1e3", "nan", "ends in \\", "\\'", "a\\b", "epoch=3.ckpt", "a/epoch=3.ckpt",
    "choice(a,b)", "-dash", "'", '"', "[", ",", "=",
]  # fmt: skip
PATHS = ["outputs", "artifacts", "ckpt_path"]


def parsed(*words: str) -> list[object]:
    """The values that Hydra reads, without the seconds of composing."""
    return [override.value() for override in OverridesParser.create().parse_overrides(list(words))]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("plus", ["", "++"])
def test_any_name_is_a_path(name: str, plus: str) -> None:
    words = readable([f"{plus}{option}={name}" for option in PATHS])
    assert parsed(*words) == [name] * len(PATHS)


@pytest.mark.parametrize("name", ["a (1), b=2 [c] 'd' #é$", "epoch=3.ckpt", "2024"])
def test_a_path_survives_config_yaml(tmp_path: Path, name: str) -> None:
    words = readable([f"outputs={name}"])
    assert hint(words) is None
    save_resolved(compose_config(*words), tmp_path / "config.yaml")
    assert OmegaConf.load(tmp_path / "config.yaml").outputs == name


def test_every_option_of_the_schema_that_names_a_place_is_marked() -> None:
    marked = set(marked_options(Config, Mark.PATH))
    assert {"outputs", "artifacts", "ckpt_path", "data.root", "data.ms", "data.packs"} <= marked
    ends = ("root", "packs", "path", "dir", "file", "folder", "outputs", "artifacts", "pretrained",
            "class_map")  # fmt: skip
    named = {option for option in option_paths(Config) if option.endswith(ends)}
    assert named <= marked


@pytest.mark.parametrize(
    "word",
    [
        "outputs='a b'", 'outputs="a b"', "outputs='it\\'s'", "ckpt_path=null", "ckpt_path=auto",
        "data.bands=[B02,B03]", "seed=0", "~data.augment", "name='a b'", "outputs=", "foo",
        "student.backbone.pretrained=true",
        "+experiment=s2s_eu_rr", "backbone@student.backbone=tiny",
    ],
)  # fmt: skip
def test_what_hydra_reads_rightly_stays_as_it_is(word: str) -> None:
    assert readable([word]) == [word]


def test_interpolations_work_within_odd_names() -> None:
    words = readable(["outputs=a (1)/${name}", "artifacts=literal \\${name}", "name=mine"])
    cfg = compose_config(*words)
    assert cfg.outputs == "a (1)/mine"
    assert cfg.artifacts == "literal ${name}"


def test_a_literal_interpolation_survives_config_yaml(tmp_path: Path) -> None:
    cfg = compose_config(*readable(["outputs=literal \\${name}"]))
    save_resolved(cfg, tmp_path / "config.yaml")
    assert OmegaConf.load(tmp_path / "config.yaml").outputs == "literal ${name}"


def test_a_comma_separates_choices_in_a_sweep_and_nowhere_else() -> None:
    def jobs(*words: str) -> list[list[str]]:
        _, *overrides = readable(words)
        parsed = OverridesParser.create().parse_overrides(overrides)
        return [list(job) for job in BasicSweeper.split_arguments(parsed, None)[0]]

    swept = jobs("-m", "outputs=a (1), b=2,'c,d',plain")
    assert [parsed(*job) for job in swept] == [["a (1)"], ["b=2"], ["c,d"], ["plain"]]
    # What a launcher hands to the process of a job is read there as a command line again.
    assert [readable(job) for job in swept] == swept
    assert len(jobs("-m", "outputs=choice(a,b)")) == 2
    assert len(jobs("--multirun", "outputs=x,y", "seed=0,1")) == 4
    assert parsed(*readable(["outputs=a,b"])) == ["a,b"]
    assert readable(["hydra.mode=MULTIRUN", "outputs=a,b"])[1] == "outputs=a,b"


@pytest.mark.parametrize("option", ["hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir"])
def test_folders_of_hydra_as_well(option: str) -> None:
    (word,) = readable([f"{option}=${{outputs}}/a (1),b"])
    assert word == f"{option}='${{outputs}}/a (1),b'"


@pytest.mark.parametrize("name", [*NAMES, "a${b}", "${name}"])
def test_a_known_path_is_written_for_hydra(name: str) -> None:
    assert OmegaConf.create({"outputs": parsed(f"outputs={quoted(name)}")[0]}).outputs == name


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("name=a=b", "\"name='a=b'\""),
        ("name=a(b", "\"name='a(b'\""),
        ("+logger.wandb.name=it's", "'"),
        ("foo", "key=value"),
        ("name=[a", "data.bands=[B02,B08]"),
    ],
)
def test_other_options_are_told_how_to_be_written(word: str, advice: str) -> None:
    said = hint([word])
    assert said is not None
    assert advice in said


def test_the_demo_and_the_search_read_paths_alike() -> None:
    assert STUDENTS
    assert _compose(TRAIN, readable(["outputs=a (1)"])).outputs == "a (1)"


@pytest.mark.parametrize("word", ["--data.ms=DIR", "--seed=3", "--kd@loss.kd=dkd"])
def test_options_with_dashes_are_told_to_have_none(word: str) -> None:
    with pytest.raises(ConfigError, match=f"written without dashes: {word[2:]} for {word}"):
        readable(["method=kd", word])


def test_flags_of_hydra_have_dashes() -> None:
    flags = ["--cfg=job", "--package=student", "--config-dir=DIR", "--help=data"]
    assert readable([*flags, "seed=1"]) == [*flags, "seed=1"]
