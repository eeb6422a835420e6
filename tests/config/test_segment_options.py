"""The options of `python -m ackd.segment`: all compose, say what they are, and check themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ackd.config.check import parse
from ackd.config.groups import SHARED, Groups
from ackd.config.help import comments_of, help_text
from ackd.config.messages.options import ON_DEMAND
from ackd.config.messages.overrides import hint
from ackd.config.programs import SEGMENT
from ackd.config.schema.identity import identity
from ackd.config.schema.options import option_paths
from ackd.config.schema.segmentation import SegmentConfig
from ackd.errors import ConfigError
from ackd.segment import check
from ackd.utils.values import leaves
from tests.config.composing import compose_config
from tests.config.test_every_option import WRONG, assert_sentences, changed
from tests.config.test_every_option import leaves as options_in
from tests.stages.segmentation import toy

NEEDS = {("data", "pairs"): ["data.optical=o", "data.sar=s"]}
CHOICES = [
    (group, choice)
    for group, choices in Groups(SEGMENT).choices().items()
    if group not in ON_DEMAND
    for choice in choices
]


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_of_every_group_checks(group: str, choice: str) -> None:
    config = check(plain(f"{group}={choice}", *NEEDS.get((group, choice), ())))
    assert isinstance(config, SegmentConfig)


def plain(*words: str) -> DictConfig:
    return compose_config(*words, program=SEGMENT)


@pytest.mark.parametrize("experiment", Groups(SEGMENT).of("experiment"))
@pytest.mark.parametrize("recipe", Groups(SEGMENT).of("recipe"))
def test_every_experiment_with_every_recipe(experiment: str, recipe: str) -> None:
    config = check(plain(f"+experiment={experiment}", f"recipe={recipe}"))
    assert (config.name, config.recipe) == (experiment, recipe)


def test_the_recipe_of_the_paper() -> None:
    config = check(plain("recipe=paper", "row=mid_fin_d"))
    assert isinstance(config, SegmentConfig)
    lengths = [options.max_epochs for options in config.trainings.values()]
    assert lengths == [300, 150, 150, 30]
    for options in config.trainings.values():
        assert options.batch_size == 32
        assert not options.scheduler.is_on
        assert options.optimizer == {
            "_target_": "torch.optim.SGD", "lr": 0.1, "momentum": 0.9
        }  # fmt: skip
    assert (config.data.split, config.data.mirror) == ("random", False)
    sar = check(plain("recipe=paper", "row=sar"))
    assert sar.student.max_epochs == 300
    long = check(plain("recipe=paper", "row=control180"))
    assert (long.student.max_epochs, long.method) == (180, "control180")


def test_groups_of_the_other_program_are_not_there() -> None:
    """A run may be called as one likes, although `method` is a group of `python -m ackd.train`."""
    assert check(plain("method=mine")).method == "mine"
    for word in ("data=s2s_eu", "+experiment=s2s_eu_rr", "recipe=official"):
        with pytest.raises(HydraException, match=word.lstrip("+").partition("=")[0]):
            plain(word)
    with pytest.raises(ConfigError, match="There is no option 'kd'"):
        check(plain("+kd=vanilla"))
    with pytest.raises(HydraException, match="mine"):
        compose_config("method=mine")
    assert plain("logger=wandb", "callbacks=none").logger.wandb.project == "ackd"


def test_comments_name_choices_that_exist() -> None:
    text = Groups(SEGMENT).primary.read_text(encoding="utf-8")
    named = re.findall(r"^  - (row|finetune): \S+ +#[^:]*: (.*)$", text, re.MULTILINE)
    assert [group for group, _ in named] == ["finetune", "row"]
    for group, names in named:
        assert set(re.findall(r"\w+", names)) <= set(Groups(SEGMENT).of(group))


@pytest.mark.parametrize("data", Groups(SEGMENT).of("data"))
def test_every_option_has_a_comment(data: str) -> None:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(SEGMENT.config_dir), version_base="1.3"):
        words = [f"data={data}", *NEEDS.get(("data", data), ())]
        cfg = compose(SEGMENT.primary, overrides=words, return_hydra_config=True)
    comments = comments_of(cfg, Groups(SEGMENT))
    tree = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(tree, dict)
    del tree["hydra"]
    options = [option for option in leaves(tree) if option not in {"recipe", "logger"}]
    assert len(options) > 100
    assert not [option for option in options if len(comments.get(option, "")) < 3]


def test_help_shows_its_own_groups_and_those_of_all() -> None:
    text = help_text(["--help"], SEGMENT)
    assert text is not None
    groups = text.partition("== Groups")[2].partition("== All options")[0]
    shown = {line.partition(":")[0] for line in groups.splitlines() if ": " in line}
    assert shown >= {"data", "network", "reconstruction", "finetune", "row", "recipe", "labels"}
    assert shown >= set(SHARED) - {"hydra"}
    assert not shown & {"kd", "matching", "backbone", "planner", "segment"}
    assert "python -m ackd.segment" in text
    scenes = help_text(["--help"])
    assert scenes is not None
    assert "segment: " not in scenes.partition("== All options")[0]
    told = help_text(["--help", "row"], SEGMENT)
    assert told is not None
    assert "mid_fin_d" in told


@pytest.mark.parametrize("data", Groups(SEGMENT).of("data"))
def test_every_option_of_the_schema_answers_wrong_values(data: str) -> None:
    words = [f"data={data}", *NEEDS.get(("data", data), ()), "logger=[wandb,tensorboard]"]
    tree = OmegaConf.to_container(plain(*words), resolve=True)
    assert isinstance(tree, dict)
    known = set(option_paths(SegmentConfig))
    tried = [option for option in options_in(tree) if option in known - {"task"}]
    assert len(tried) > 100
    if data != "synthetic":  # all other options are the same for all data
        tried = [option for option in tried if option.partition(".")[0] == "data"]
    for option in tried:
        refused = 0
        for value in WRONG:
            try:
                parse(changed(tree, option, value))
            except ConfigError as error:
                refused += 1
                if not option.startswith("data."):
                    assert_sentences(str(error), option)
        assert refused, f"{option} takes anything"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("reconstruction=none", "student.start=reconstruction"), "needs layers to reconstruct"),
        (("row=control30", "until=reconstruction"), "until=reconstruction asks for a stage"),
        (("row=mid", "until=reconstruction2"), "choose reconstruction=mid_fin"),
        (("reconstruction.layers=[mdi]",), "reconstruction.layers: There is no layer 'mdi'"),
        (("reconstruction.layers=[int,d3]",), "'int' is a set of layers and stands alone; beside"),
        (("until=matcher",), "expected 'teacher', 'reconstruction', 'reconstruction2' or"),
        (("force=[student]",), "Did you mean|expected 'teacher'"),
        (("network.name=tinny",), "There is no network 'tinny'"),
        (("data.crop=36",), "data.crop=36 is not divisible by 8"),
        (("labels.fraction=0",), "labels.fraction=0 is not valid"),
        (("data=pairs", "data.optical=o"), "expected a folder with an image per tile; give"),
        (("+network.bands=4",), "network.bands is filled in by ackd itself: a network has the"),
        (("+network.weights=imagenet",), "filled in by ackd itself: teacher.start=imagenet or"),
        (("+network.imagenet=true",), "network.imagenet is filled in by ackd"),
        (("row=sar", "finetune=none"), "student.start=random with student.finetune=none is a"),
        (("row=mid", "reconstruction.start=random"), "those behind mid, the deepest of"),
        (
            ("reconstruction.layers=[d1]", "finetune=none", "reconstruction.start=random"),
            "behind d1",
        ),
        (("teacher.start=imagenet",), "teacher.start=imagenet: No library has"),
        (("reconstruction.start=imagenet",), "reconstruction.start=imagenet: No library"),
    ],
)
def test_options_that_cannot_be(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        check(toy.composed(tmp_path, *words))
    assert any(one in str(raised.value) for one in said.split("|")), str(raised.value)


def test_a_student_whose_layers_all_learn_may_start_from_random_weights(tmp_path: Path) -> None:
    for words in (["row=mid_d"], ["row=fin"], ["row=int"], ["row=mid_fin"]):
        check(toy.composed(tmp_path, *words, "reconstruction.start=random"))
    check(toy.composed(tmp_path, "row=mid", "reconstruction.start=random", "until=reconstruction"))


def test_an_encoder_without_imagenet_weights_is_refused_at_once() -> None:
    words = ("network=smp", "network.encoder=dpn68b", "student.start=imagenet")
    with pytest.raises(
        ConfigError, match=r"^student\.start=imagenet: The encoder .* choose another"
    ):
        check(plain(*words))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("kd=vanilla", "There is no option 'kd'"),
        ("row=mid_x", "There is no 'mid_x' in row"),
        ("row=null", "row=null is not a choice: leave row out"),
        ("sweep=sar_rows", "A sweep is added with a plus: +sweep=sar_rows"),
        ("reconstruction.layer=[mid]", "Did you mean 'reconstruction.layers'?"),
        ("trainer=defalt", "There is no 'defalt' in trainer"),
    ],
)
def test_a_wrong_word_is_answered_with_what_this_program_has(word: str, said: str) -> None:
    assert said in str(hint([word], SEGMENT))


def test_options_that_are_named_like_a_group_are_not_taken_for_a_choice() -> None:
    lengths = "epochs={teacher: 2, reconstruction: 2, finetune: 2}"
    assert hint([lengths], SEGMENT) is None
    assert "'network.width'" in str(hint([lengths, "network.widht=4"], SEGMENT))


def test_lengths_are_in_an_identity_once(tmp_path: Path) -> None:
    one = toy.config(tmp_path, "epochs.finetune=5", "epochs.teacher=2")
    other = toy.config(tmp_path, "student.max_epochs=5")
    assert identity(one) == identity(other)
