"""What a task says of itself, and where it is read: results, tables, sweeps, searches."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ackd.errors import ConfigError
from ackd.modules import TeacherModule
from ackd.report.build import build
from ackd.report.collect import collect
from ackd.report.comparisons import comparisons
from ackd.report.conditions import data_sets
from ackd.report.tables import overview
from ackd.runs.result import score
from ackd.sweeps.space import SearchOptions, read_search
from ackd.sweeps.table import Line, best_line
from ackd.tasks import (
    Answers,
    Metric,
    MultiLabelClassification,
    SceneClassification,
    TaskDescription,
    mode_of,
    task_of_result,
)
from tests.report.folders import config, make_run
from tests.stages import toy
from tests.tasks.segmentation import CLASSES, LandCover, Mistakes

TASKS = (SceneClassification, MultiLabelClassification, LandCover, Mistakes)


@pytest.mark.parametrize("task", TASKS)
def test_a_description_survives_json_and_what_a_later_version_adds(task: Any) -> None:
    said = task.description()
    content = json.loads(json.dumps(said.to_json()))
    assert TaskDescription.from_json(content) == said
    content["metrics"][0]["color"] = content["later"] = "red"
    assert TaskDescription.from_json(content) == said
    assert task_of_result({"task": content}) == said


@pytest.mark.parametrize(
    "damage", [{"metrics": [{"title": "A"}]}, {"metrics": 3}, {"selected_by": "x"}]
)
def test_a_damaged_description_is_read_like_none(damage: dict[str, Any]) -> None:
    content = SceneClassification.description().to_json() | damage
    with pytest.raises(ValueError, match="task"):
        TaskDescription.from_json(content)
    side = {"task": content, "metrics": {"oa": 0.5, "f1": 0.5}}
    assert task_of_result(side) == SceneClassification.description()


@pytest.mark.parametrize(
    ("side", "task"),
    [
        ({"metrics": {"oa": 0.5, "f1": 0.4}}, SceneClassification),
        ({"metrics": {"oa": None, "f1": 0.4}}, MultiLabelClassification),
        ({"validation": {"f1": 0.4}, "best_epoch": 3}, MultiLabelClassification),
        ({"metrics": None}, SceneClassification),
        (None, SceneClassification),
    ],
)
def test_results_of_earlier_versions_are_known_by_their_metrics(side: Any, task: Any) -> None:
    assert task_of_result(side) == task.description()


def test_names_that_cannot_be_are_refused() -> None:
    metrics = SceneClassification.description().metrics
    with pytest.raises(ValueError, match="two metrics of the same name"):
        TaskDescription("a", "a", (*metrics, metrics[0]), "oa")
    with pytest.raises(ValueError, match=r"selected_by of the task a is 'matthews'.*oa, f1"):
        TaskDescription("a", "a", metrics, "matthews")
    with pytest.raises(ValueError, match=r"label_smoothing=0\.1 is not defined for multi-label"):
        MultiLabelClassification(CLASSES, label_smoothing=0.1)
    with pytest.raises(ValueError, match="2 values, but there are 3 classes"):
        SceneClassification(CLASSES, class_weights=torch.ones(2))


def test_the_direction_of_a_column() -> None:
    task = Mistakes.description()
    assert (task.monitor, task.mode) == ("val/error", "min")
    directions = {"val/error": "min", "val/miou": "max", "val/loss": "min", "train/other": "max"}
    assert {column: mode_of(column, task) for column in directions} == directions
    assert mode_of("val/loss") == "min"


def test_numbers_are_shown_in_the_units_of_their_metric() -> None:
    scene, cover = SceneClassification.description(), LandCover.description()
    assert scene["f1"].shown(0.8767, (0.8, 0.912)) == "macro F1 87.7 % [80.0, 91.2]"
    assert cover["accuracy"].shown(0.8767) == "pixel accuracy 0.877"
    assert cover["accuracy"].bare(0.1, more=1, sign="+") == "+0.1000"
    assert scene.texts({"oa": None, "f1": 0.5, "other": 1}) == ["macro F1 50.0 %"]


def test_the_module_takes_any_network_that_says_its_classes() -> None:
    optimizer: Any = torch.optim.Adam
    plain = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    with pytest.raises(TypeError, match="Sequential does not say how many classes"):
        TeacherModule(plain, optimizer)
    module = TeacherModule(plain, optimizer, task=SceneClassification(CLASSES))
    images, target = torch.randn(2, 1, 2, 2), torch.tensor([0, 2])
    logits = module(images)
    assert torch.equal(
        module.task_loss(logits, target), nn.functional.cross_entropy(logits, target)
    )
    assert TeacherModule(toy.ToyBackbone(4, 3), optimizer).task.classes == ("0", "1", "2")


def test_the_answers_of_a_task_with_intervals_and_pictures() -> None:
    outputs = torch.eye(3)[torch.tensor([0, 1, 2, 2])]
    answers = Answers(torch.arange(4), outputs, torch.tensor([0, 1, 2, 0]))
    task = SceneClassification(CLASSES)
    found = task.intervals({"oa": 0.75, "f1": 0.7}, answers)
    assert found["oa"] == pytest.approx([0.3006, 0.9544], abs=1e-4)
    (chart,) = task.pictures(answers, None)
    assert chart.counts.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]
    several = MultiLabelClassification(CLASSES)
    labels = answers._replace(targets=torch.eye(3)[answers.targets].bool())
    intervals = several.intervals({"oa": None, "f1": 0.7}, labels)
    assert intervals["oa"] is None
    assert intervals["f1"] is not None
    assert several.pictures(answers, None) == ()


# -- readers -----------------------------------------------------------------------------------


def erring(root: Path, errors: dict[str, float]) -> None:
    """Runs of a task of which less is better, also of the score of each image."""
    task = replace(Mistakes.description(), image_metric="error")
    for step, (method, error) in enumerate(errors.items(), 3):
        values = {"error": error, "miou": 1 - error, "tile_iou": 0.5, "accuracy": 1 - error}
        student = {"task": task.to_json(), "metrics": values, "validation": values,
                   "best_epoch": 1, "backbone": "net"}  # fmt: skip
        folder = make_run(root / method, config(method), result={"student": student})
        # The same mean for any step that has no factor in common with the number of tiles.
        lines = [f"{tile},{error + (step * tile % 11 - 5) / 100}" for tile in range(11)]
        (folder / "predictions.csv").write_text("\n".join(["file,error", *lines]) + "\n")


def test_where_less_is_better_the_least_is_best(tmp_path: Path) -> None:
    errors = {"baseline": 0.3, "kd": 0.1, "sembridge": 0.2}
    erring(tmp_path, errors)
    (data,) = data_sets(collect(tmp_path))
    table = overview(data)
    place = table.columns.index("Error %")
    cells = {row.cells[0].text: row.cells[place] for row in table.rows}
    assert [name for name, cell in cells.items() if cell.best] == ["Vanilla KD"]
    lines = [Line.of([f"method={name}"], tmp_path / name, "finished") for name in errors]
    assert best_line(lines) is lines[1]
    assert [score(dict(line.result)) for line in lines] == list(errors.values())


def test_a_difference_is_read_in_the_direction_of_its_metric(tmp_path: Path) -> None:
    erring(tmp_path, {"baseline": 0.2, "kd": 0.3, "sembridge": 0.1})
    table = comparisons(data_sets(collect(tmp_path))[0])[0]
    gain, reading = (table.columns.index(name) for name in ("Δ Error", "Reading"))
    found = {row.cells[gain].text: row.cells[reading].text for row in table.rows}
    assert found == {"+10.0": "worse", "-10.0": "better"}


def test_runs_of_before_and_after_a_metric_are_in_one_table(tmp_path: Path) -> None:
    """The older run has no value for it; its other numbers are compared."""

    class WithMatthews(SceneClassification):
        metrics = (*SceneClassification.metrics, Metric("matthews", "Matthews", percent=False))

    task = WithMatthews.description().to_json()
    student = {
        "task": task,
        "best_epoch": 1,
        "backbone": "resnet34",
        "metrics": {"oa": 0.9, "f1": 0.8, "matthews": 0.7},
        "validation": {"oa": 0.9, "f1": 0.8, "matthews": 0.75},
    }
    make_run(tmp_path / "new", config("kd"), result={"student": student})
    make_run(tmp_path / "old", config("baseline"))
    (data,) = data_sets(collect(tmp_path))
    table = overview(data)
    place = table.columns.index("Matthews")
    cells = {row.cells[0].text: row.cells[place].text for row in table.rows}
    assert cells == {"Baseline": "–", "Vanilla KD": "0.700"}
    (runs,) = [t for t in build(collect(tmp_path), "both").sections[-1].tables if t.name == "runs"]
    assert "Validation Matthews" in runs.columns


@pytest.mark.parametrize(
    ("given", "metric", "direction"),
    [
        ({}, "val/oa", "maximize"),
        ({"metric": "val/loss"}, "val/loss", "minimize"),
        ({"metric": "val/f1"}, "val/f1", "maximize"),
        ({"metric": "val/f1", "direction": "minimize"}, "val/f1", "minimize"),
    ],
)
def test_a_search_looks_at_what_chooses_the_epoch(
    given: dict[str, Any], metric: str, direction: str
) -> None:
    options = SearchOptions(space={"a": [1, 2]}, **given).settled()
    assert (options.metric, options.direction) == (metric, direction)
    assert options.settled() == options
    with pytest.raises(ConfigError, match=r"val/oa, val/f1.* or val/loss"):
        read_search(["search.space={a: [1]}", "search.metric=test/f1"])
