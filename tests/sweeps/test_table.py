"""The table at the end of a sweep: it ranks by validation images and says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ackd.sweeps.table import Line, best_line, print_table
from ackd.tasks import SegmentationTask


def line(root: Path, words: str, val: float | None, test: float, **changed: Any) -> Line:
    folder = root / words.replace(" ", ",")
    folder.mkdir(parents=True)
    student = {
        "metrics": {"oa": test, "f1": test - 0.1}, "interval": {"oa": [0.1, 0.9], "f1": None},
        "validation": None if val is None else {"oa": val, "f1": val - 0.1}, "best_epoch": 0,
    }  # fmt: skip
    content = {"student": student, "teacher": None, "protocol": "strict"} | changed
    (folder / "result.json").write_text(json.dumps(content))
    return Line.of(words.split(), folder, "finished", seconds=70.0)


def shown(lines: list[Line], capsys: pytest.CaptureFixture[str]) -> str:
    print_table(lines, "jobs")
    return capsys.readouterr().out


def row(text: str, *words: str) -> str:
    (found,) = (r for r in text.splitlines() if "│" in r and all(w in r.split() for w in words))
    return found


def test_the_best_is_that_of_validation_not_of_test(tmp_path: Path, capsys: Any) -> None:
    lines = [
        line(tmp_path, "loss.lambda1=0.2 planner.heads=4", 0.80, 0.70),
        line(tmp_path, "loss.lambda1=0.4 planner.heads=4", 0.75, 0.90),
        Line.of(["+loss.lambda1=0.6"], tmp_path, "failed", error="The lamp is out."),
    ]
    assert best_line(lines) is lines[0]
    text = shown(lines, capsys)
    for head in ("loss.lambda1", "planner.heads", "validation OA %", "test OA %", "test macro F1"):
        assert head in text
    assert "70.0 [10.0, 90.0]" in row(text, "0.2", "80.0")
    assert "1:10" in row(text, "0.2")
    assert "The lamp is out." in row(text, "0.6", "failed")
    assert "Best by validation: loss.lambda1=0.2 planner.heads=4" in text
    assert str(lines[0].folder) in text
    assert "protocol=paper" not in text


def test_seeds_have_a_mean_and_the_best_mean_wins(tmp_path: Path, capsys: Any) -> None:
    values = {("0.2", 0): 0.70, ("0.2", 1): 0.74, ("0.4", 0): 0.90, ("0.4", 1): 0.50}
    lines = [
        line(tmp_path, f"loss.lambda1={weight} seed={seed}", val, val - 0.05)
        for (weight, seed), val in values.items()
    ]
    text = shown(lines, capsys)
    means = text[text.index("Mean ± sample standard deviation over seeds") :]
    assert "72.0 ± 2.8" in row(means, "0.2", "2")
    assert "67.0 ± 2.8" in row(means, "0.2", "2")
    assert "70.0 ± 28.3" in row(means, "0.4", "2")
    assert "Best by validation, mean over seeds: loss.lambda1=0.2\n" in text
    only = shown(lines[:2], capsys)
    assert "72.0 ± 2.8" in only
    assert "mean over seeds:" not in only, "there is nothing to choose from"


def test_validation_that_is_test_is_told(tmp_path: Path, capsys: Any) -> None:
    text = shown([line(tmp_path, "a=1", 0.5, 0.5, protocol="paper")], capsys)
    assert "protocol=paper: the validation images are the test images" in " ".join(text.split())


def test_a_run_without_validation_is_not_ranked(tmp_path: Path, capsys: Any) -> None:
    lines = [line(tmp_path, "a=1", None, 0.99), line(tmp_path, "a=2", 0.4, 0.4)]
    assert best_line(lines) is lines[1]
    assert best_line(lines[:1]) is None
    assert "–" in row(shown(lines, capsys), "1", "finished")


def test_values_that_look_like_markup_are_shown(tmp_path: Path, capsys: Any) -> None:
    assert "[B02,B04]" in shown([line(tmp_path, "data.bands=[B02,B04]", 0.5, 0.5)], capsys)


def test_a_narrow_table_shows_what_the_task_names_and_the_trivial_answer(
    tmp_path: Path, capsys: Any
) -> None:
    task = SegmentationTask.description()
    values = {metric.name: 0.1 * (n + 1) for n, metric in enumerate(task.metrics)}
    lines = []
    for seed in (0, 1):
        side = {
            "task": task.to_json(), "validation": values, "best_epoch": 0,
            "metrics": values | {"iou": 0.6 + seed / 10},
            "interval": {key: [0.4, 0.8] for key in task.brief},
        }  # fmt: skip
        words = f"network=pspnet row=mid_fin_a labels.fraction=0.1 seed={seed}"
        lines.append(line(tmp_path, words, 0.5, 0.5, student=side, task="segmentation"))
    text = shown(lines, capsys)
    jobs = text[: text.index("Mean ± sample standard deviation over seeds")]
    flat = " ".join(jobs.replace("│", " ").replace("┃", " ").split())
    assert flat.count("validation") == 1
    for gone in ("prevalence", "share of the class", "mean IoU of a tile"):
        assert gone not in flat
    assert "60.0 [40.0, 80.0]" in row(jobs, "pspnet", "mid_fin_a", "0"), "on one line"
    assert "IoU of the class everywhere: 60.0 %" in flat
    # Results of an earlier version, which did not say what is to be shown, are shown alike.
    for each in lines:
        del each.result["student"]["task"]["brief"]
    assert shown(lines, capsys) == text


def test_a_teacher_is_not_the_best_of_students(tmp_path: Path, capsys: Any) -> None:
    side = {"metrics": {"oa": 0.9}, "validation": {"oa": 0.9}, "best_epoch": 0}
    lines = [
        line(tmp_path, "row=optical", 0.9, 0.9, student=None, teacher=side),
        line(tmp_path, "row=sar", 0.3, 0.3),
        line(tmp_path, "row=int", 0.5, 0.2),
    ]
    assert best_line(lines) is lines[2]
    assert "Best by validation: row=int" in shown(lines, capsys)
    assert best_line(lines[:1]) is lines[0]
    seeds = [
        line(tmp_path, f"row={row} seed={seed}", val, val, **changed)
        for seed in (0, 1)
        for row, val, changed in (
            ("sar", 0.3, {}), ("optical", 0.9, {"student": None, "teacher": side}),
        )
    ]  # fmt: skip
    assert "mean over seeds: row=sar\n" in shown(seeds, capsys)
