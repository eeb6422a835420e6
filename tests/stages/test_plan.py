"""The plan of a run: which stages it has, found by name, and what comes out of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import pytest

from ackd.artifacts.usage import Usage
from ackd.backbones import Backbone
from ackd.config.schema import Config
from ackd.errors import ConfigError
from ackd.runs.result import read_result
from ackd.stages import pipeline
from ackd.stages.context import SceneContext, open_context
from ackd.stages.pipeline import run_pipeline
from ackd.stages.plan import plan, stage_class
from ackd.stages.stage import Done, KeptStage, Stage, StageResult, Workplace
from ackd.stages.teacher import TeacherStage
from tests.stages import toy

TAUGHT = ["teacher", "store", "pairing", "student"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ["teacher", "matcher", "store", "pairing", "student"]),
        (("method=baseline",), ["student"]),
        (("method=kd",), TAUGHT),
        (("matching=random",), TAUGHT),
        (("method=kd", "student.teacher=live"), ["teacher", "pairing", "student"]),
        (("until=teacher",), ["teacher"]),
        (("until=matcher",), ["teacher", "matcher"]),
        (("method=baseline", "until=teacher"), ["teacher"]),
        (("method=baseline", "until=matcher"), ["matcher"]),
        (("method=kd", "until=matcher"), ["teacher", "matcher"]),
    ],
)
def test_a_run_has_the_stages_that_it_needs(
    words: tuple[str, ...], names: list[str], tmp_path: Path
) -> None:
    config = toy.config(tmp_path, *words)
    assert [stage.name for stage in plan(config)] == names
    assert config.stages == [name for name in names if name in Config.trained()]


def test_each_planned_stage_has_a_file_of_its_name() -> None:
    earlier: list[str] = []
    for planned in Config.PLAN:
        found = stage_class("ackd.stages", planned.name)
        assert found.__module__ == f"ackd.stages.{planned.name}"
        assert issubclass(found, KeptStage) == planned.kept
        # What it uses comes before it.
        assert set(found.requires) <= set(earlier)
        earlier.append(planned.name)


def test_a_file_without_its_stage_is_told_apart() -> None:
    with pytest.raises(LookupError, match=r"ackd\.stages\.fitting has 0 stages named 'fitting'"):
        stage_class("ackd.stages", "fitting")


@pytest.mark.parametrize(
    ("word", "known"), [("until=students", Config.trained()), ("force=[teachers]", Config.kept())]
)
def test_options_take_the_names_of_the_plan(
    word: str, known: dict[str, object], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        toy.config(tmp_path, word)
    assert all(name in str(caught.value) for name in known)


class Size(KeptStage[int]):
    """A stage from outside: how many weights the teacher has."""

    name = "size"
    requires = ("teacher",)

    def __init__(self, teacher: Backbone, fingerprint: str) -> None:
        self.teacher = teacher
        self.fingerprint = fingerprint

    @classmethod
    def of(cls, context: SceneContext, done: Done) -> Self:
        assert set(done.results) == {"teacher"}  # and not all that came before
        teacher = done.result(TeacherStage)
        assert teacher is not None
        return cls(teacher.product, teacher.fingerprint)

    def shaped_by(self) -> dict[str, Any]:
        return {"teacher": self.fingerprint}

    def train(self, folder: Path, *, resume: bool) -> None:
        size = sum(p.numel() for p in self.teacher.parameters())
        (folder / "size").write_text(str(size))
        (folder / "metrics.json").write_text(json.dumps({"seconds": 2.5, "metrics": {"n": size}}))

    def load(self, folder: Path) -> int:
        return int((folder / "size").read_text())


class Last(Stage[str]):
    name = "last"
    requires = ("size", "matcher")

    def __init__(self, size: int | None) -> None:
        self.size = size

    @classmethod
    def of(cls, context: SceneContext, done: Done) -> Self:
        assert set(done.results) == {"size"}  # this run has no matcher
        return cls(done.product(Size))

    def run(self, work: Workplace) -> StageResult[str]:
        (work.folder / "size").write_text(str(self.size))
        return StageResult("done", {"last": 1.5})


def test_a_stage_from_outside_is_run_reused_timed_and_held_like_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.small(monkeypatch)
    monkeypatch.setattr(pipeline, "plan", lambda _: [TeacherStage, Size, Last])
    context = open_context(toy.config(tmp_path, "until=teacher"))
    results = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        results.append(run_pipeline(context, folder, resume=False))
        assert read_result(folder / "result.json")["seconds"] == results[-1]["seconds"]
    first, second = results
    network = TeacherStage.of(context, Done()).training.network()
    expected = str(sum(p.numel() for p in network.parameters()))
    assert (tmp_path / "first" / "size").read_text() == expected
    assert (first["reused"], second["reused"]) == ([], ["teacher", "size"])
    assert set(first["seconds"]) == {*Config.timed(), "size", "last"}
    assert (second["seconds"]["size"], second["seconds"]["last"]) == (2.5, 1.5)
    assert second["seconds"]["teacher"] == first["seconds"]["teacher"] > 0
    assert set(first["artifacts"]) == {"teacher", "size"}
    assert first["teacher"]["best_epoch"] == second["teacher"]["best_epoch"]
    assert first["student"] is None


def test_a_forced_stage_is_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)
    context = open_context(toy.config(tmp_path, "until=teacher"))
    reused = []
    for force in ((), ("teacher",), ()):
        stage = TeacherStage.of(context, Done())
        with Usage(tmp_path) as usage:
            work = Workplace(tmp_path, context.artifacts, False, force, usage)
            reused.append(stage.run(work).reused)
    assert reused == [False, False, True]
