"""One table of programs: which configuration, which stages and which groups belong together."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from ackd.config.check import parse
from ackd.config.groups import SHARED, Groups
from ackd.config.location import config_dir
from ackd.config.programs import PROGRAMS, TRAIN, Program, program_for, stages_of_all
from ackd.config.schema import Config
from ackd.config.schema.data import Mark
from ackd.config.schema.identity import identity, marked
from ackd.errors import ConfigError
from ackd.runs.result import read_result
from ackd.stages.pipeline import run_pipeline
from ackd.stages.plan import open_context, stage_class
from ackd.stages.stage import KeptStage
from ackd.sweeps.jobs import make_job
from tests.config.composing import checked
from tests.stages.toy_program.context import ToyConfig

TRAINING = {"max_epochs": 1, "batch_size": 2, "optimizer": {"_target_": "torch.optim.Adam"}}


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Program]:
    folder = tmp_path / "conf"
    folder.mkdir()
    program = Program(
        module="tests.toy", task="toy", primary="toy", folder=str(folder),
        schema="tests.stages.toy_program.context:ToyConfig", checks="", labels="",
    )  # fmt: skip
    PROGRAMS.append(program)
    yield program
    PROGRAMS.remove(program)


def tree(folder: Path, **options: Any) -> dict[str, Any]:
    return {
        "task": "toy", "name": "toy", "method": "sum", "recipe": "none", "seed": 3,
        "until": "student", "force": [], "ckpt_path": None, "outputs": f"{folder}/outputs",
        "artifacts": f"{folder}/artifacts", "base": TRAINING, "student": TRAINING, "data": {},
        "loader": {}, "trainer": {"accelerator": "cpu"}, "logger": {}, **options,
    }  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.module)
def test_what_the_table_names_is_there(program: Program) -> None:
    config = program.config
    assert program.task == config.TASK
    assert Groups(program).primary.is_file()
    assert {"cli", "main"} <= set(vars(import_module(program.module)))
    assert callable(import_module(program.report).section)
    for check in ("check_options", "look", "check_buildable"):
        assert callable(getattr(import_module(program.checks), check))
    assert program.scores.monitor.startswith("val/")
    assert callable(import_module(f"{config.STAGES}.context").open_context)
    earlier: list[str] = []
    for planned in config.PLAN:
        found = stage_class(config.STAGES, planned.name)
        assert issubclass(found, KeptStage) == planned.kept
        assert set(found.requires) <= set(earlier)
        earlier.append(planned.name)
    assert list(config.trained())[-1] == "student"


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.module)
def test_a_program_has_its_own_groups_and_those_of_all(program: Program) -> None:
    names = set(Groups(program).names())
    assert set(SHARED) <= names
    assert not names & {other.folder for other in PROGRAMS}
    own = {path.name for path in program.config_dir.iterdir() if path.is_dir()}
    assert names == (own | set(SHARED)) - {other.folder for other in PROGRAMS}
    assert Groups(program).file("logger", "wandb") == config_dir() / "logger" / "wandb.yaml"
    with pytest.raises(FileNotFoundError, match="has no data=nowhere"):
        Groups(program).file("data", "nowhere")


def test_a_task_that_does_not_exist_names_those_that_do(toy: Program, tmp_path: Path) -> None:
    assert program_for(None) is TRAIN
    assert program_for("toy") is toy
    assert isinstance(parse(tree(tmp_path)), ToyConfig)
    assert isinstance(checked(), Config)
    with pytest.raises(ConfigError, match=r"no task 'toi' \(task=toi\).*'toy'\?.*scene classif"):
        parse(tree(tmp_path, task="toi"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"until": "store"}, "until='store' is not valid: expected 'base' or 'student'."),
        ({"force": ["base", "student"]}, "force[1]='student' is not valid: expected 'base'."),
        (
            {"callbacks": {"mine": {"_target_": "x.Y", "_stages_": ["bas"]}}},
            "callbacks.mine._stages_[0]='bas' is not valid: expected 'base' or 'student'. "
            "Did you mean callbacks.mine._stages_=[base]?",
        ),
        ({"data": {"name": "numbers", "fil": "x"}}, "no option 'data.fil'. Did you mean"),
        ({"teacher": {}}, "There is no option 'teacher'."),
    ],
)
def test_options_are_held_against_the_program_s_own_plan(
    toy: Program, tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(tree(tmp_path, **options))
    assert said in str(raised.value)


def test_lists_without_a_configuration_have_the_names_of_all(toy: Program) -> None:
    assert {"data.file", "data.root", "artifacts"} <= set(marked(Mark.PATH))
    assert {*Config.kept(), "base"} <= set(stages_of_all("kept"))


def test_a_run_of_another_program_goes_through_the_same_pipeline(
    toy: Program, tmp_path: Path
) -> None:
    config = parse(tree(tmp_path, extra=4))
    folder = tmp_path / "run"
    folder.mkdir()
    results = [run_pipeline(open_context(config), folder, resume=False) for _ in range(2)]
    first, second = results
    assert read_result(folder / "result.json") == second
    assert (first["task"], first["student"]["sum"]) == ("toy", 7)
    assert first["base"]["backbone"] == "adder of the base"
    assert (first["reused"], second["reused"]) == ([], ["base"])
    assert first["seconds"] == second["seconds"] == {"base": 1.0, "student": 0.5}
    alone = run_pipeline(open_context(parse(tree(tmp_path))), folder, resume=False)
    assert (alone["base"], alone["student"]["sum"]) == (None, 3)
    job = make_job(0, ["seed=1"], ["seed"], tmp_path, config)
    assert job.command()[1:4] == ["-m", "tests.toy", "seed=1"]


def test_a_section_that_is_null_is_in_no_identity(toy: Program, tmp_path: Path) -> None:
    assert "extra" not in identity(parse(tree(tmp_path)))
    assert identity(parse(tree(tmp_path, extra=4)))["extra"] == 4
