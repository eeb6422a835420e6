"""What was measured of the chosen epoch: validation beside test, everywhere a run is told of."""

from __future__ import annotations

import copy
import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from ackd.callbacks import BestEpoch
from ackd.runs.result import read_result, score, validation_of_epoch
from ackd.tasks import SceneClassification
from ackd.train import train
from tests.stages import toy

METRICS = tuple(metric.name for metric in SceneClassification.metrics)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    _small(monkeypatch)


def _small(patch: pytest.MonkeyPatch) -> None:
    for name in ("LOCAL_RANK", "ACKD_RUN_FOLDER"):
        patch.delenv(name, raising=False)
    toy.small(patch, toy.benchmark(ms=20, rgb=60))


def finished_run(root: Path) -> tuple[Path, dict[str, Any]]:
    folder = root / "outputs" / "run"
    return folder, train(toy.composed(root, "method=kd", "logger=tensorboard"), folder)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        _small(patch)
        return finished_run(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def finished(kept: tuple[Path, dict[str, Any]]) -> tuple[Path, dict[str, Any]]:
    """A run whose files tests look at and leave as they are, and its result."""
    folder, result = kept
    return folder, copy.deepcopy(result)


def epochs(path: Path) -> dict[int, dict[str, float]]:
    """What was logged of the validation images, by epoch."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["val/f1"]]
    return {int(row["epoch"]): {key: float(row[f"val/{key}"]) for key in METRICS} for row in rows}


def test_validation_is_that_of_the_chosen_epoch(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, result = finished
    for side, path in (
        ("student", folder / "metrics.csv"),
        ("teacher", folder / result["teacher"]["artifact"] / "metrics.csv"),
    ):
        told = result[side]
        logged = epochs(path)
        assert len(logged) == (5 if side == "student" else 2), "the last validation is no epoch"
        assert told["validation"] == pytest.approx(logged[told["best_epoch"]])
        assert told["validation"]["oa"] == max(values["oa"] for values in logged.values())
        assert tuple(told["metrics"]) == METRICS
        assert {"oa", "f1"} <= {key for key, ends in told["interval"].items() if ends}
        for key, ends in told["interval"].items():
            assert ends is None or ends[0] <= told["metrics"][key] <= ends[1]
    assert json.loads((folder / "result.json").read_text()) == result


@pytest.mark.parametrize("stage", ["teacher", "student"])
def test_what_is_tested_and_exported_has_the_weights_of_the_chosen_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Here that is the second of four, whatever the numbers."""
    candidates = BestEpoch._monitor_candidates

    def second(self: Any, trainer: Any) -> Any:
        found = candidates(self, trainer)
        oa = torch.tensor([0.5, 0.9, 0.4, 0.3][trainer.current_epoch])
        return {**found, "val/oa": oa} if "val/oa" in found else found

    monkeypatch.setattr(BestEpoch, "_monitor_candidates", second)
    cfg = toy.composed(tmp_path, "method=kd", "teacher.max_epochs=4", "student.max_epochs=4")
    folder = tmp_path / "run"
    result = train(cfg, folder)
    told = result[stage]
    assert told["best_epoch"] == 1
    home = folder if stage == "student" else folder / told["artifact"]
    parts = {
        name: torch.load(home / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]
        for name in ("best", "last")
    }
    kept: Any = torch.load(
        home / ("student.pt" if stage == "student" else "weights.pt"), weights_only=True
    )
    kept = kept["state_dict"] if stage == "student" else kept
    for name, tensor in kept.items():
        assert torch.equal(tensor, parts["best"][f"backbone.{name}"]), name
    assert any(not torch.equal(kept[n], parts["last"][f"backbone.{n}"]) for n in kept)


def test_a_sweeper_is_told_of_validation_images(finished: tuple[Path, dict[str, Any]]) -> None:
    _, result = finished
    student = result["student"]
    student["metrics"]["oa"] = 0.123
    assert score(result) == student["validation"]["oa"]
    student["validation"]["oa"] = None
    assert score(result) == student["validation"]["f1"]
    assert score(result | {"student": None}) == result["teacher"]["validation"]["oa"]
    assert score(result | {"student": None, "teacher": None}) is None


@pytest.mark.slow
def test_an_old_result_gets_its_validation_from_its_epochs(tmp_path: Path) -> None:
    folder, result = finished_run(tmp_path)
    expected = result["student"].pop("validation")
    (folder / "result.json").write_text(json.dumps(result))
    found = read_result(folder / "result.json")
    assert found["student"]["validation"] == pytest.approx(expected)
    (folder / "metrics.csv").unlink()
    assert score(read_result(folder / "result.json")) is None, "a test number is no stand-in"
    # and so does a teacher that an earlier version has trained
    report = folder / result["teacher"]["artifact"] / "metrics.json"
    old = json.loads(report.read_text())
    expected = old.pop("validation")
    report.write_text(json.dumps(old))
    again = train(toy.composed(tmp_path, "method=kd", "seed=1"), tmp_path / "outputs" / "again")
    assert again["reused"][:1] == ["teacher"]
    assert again["teacher"]["validation"] == pytest.approx(expected)


@pytest.mark.parametrize(
    "content", ["", "epoch,train/loss\n1,0.5\n", "epoch,val/f1,val/oa\n1,nan,\n2,0.5,\n"]
)
def test_what_epochs_do_not_know_is_not_made_up(tmp_path: Path, content: str) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text(content)
    assert validation_of_epoch(path, 1) is None
    if "2,0.5" in content:
        assert validation_of_epoch(path, 2) == {"oa": None, "f1": 0.5}


def test_the_student_says_what_it_is(finished: tuple[Path, dict[str, Any]]) -> None:
    folder, result = finished
    saved = torch.load(folder / "student.pt", weights_only=True)
    student = result["student"]
    assert saved["validation"] == student["validation"]
    assert saved["test"] == student["metrics"]
    assert saved["epoch"] == student["best_epoch"]
    assert saved["task"] == "scene classification"
    assert (saved["method"], saved["kd"], saved["data"]) == ("kd", ["vanilla"], "toy")
    assert saved["commit"] == result["git"]
    assert saved["ackd"] == result["versions"]["ackd"]
    assert saved["classes"] == list(toy.CLASSES)
    assert saved["size"] == 8
    assert saved["resize"]["height"] == saved["resize"]["width"] == 8
    assert saved["resize"]["interpolation"] == "bilinear"
    assert saved["resize"]["antialias"] is True
    assert saved["value_range"] == [0, 255]
    assert saved["normalization"] == "training statistics"


def test_tensorboard_has_a_folder_for_each_stage_and_the_options_of_the_run(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    folder, result = finished
    stages = {path.name for path in (folder / "tensorboard").iterdir()}
    assert stages == {"teacher", "student"}
    teacher = EventAccumulator(str(folder / "tensorboard" / "teacher")).Reload()
    assert "val/oa" in teacher.Tags()["scalars"]
    events = EventAccumulator(str(folder / "tensorboard" / "student")).Reload()

    def last(tag: str) -> float:
        return events.Scalars(tag)[-1].value

    student = result["student"]
    assert last("hparams/validation_oa") == pytest.approx(student["validation"]["oa"])
    assert last("hparams/test_f1") == pytest.approx(student["metrics"]["f1"])
    assert last("best/val_oa") == pytest.approx(student["validation"]["oa"])
    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    options = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert options["loss/lambda1"].number_value == 0.4
    assert options["method"].string_value == "kd"
    assert not {"outputs", "artifacts"} & set(options)
    assert yaml.safe_load((folder / "tensorboard/student/hparams.yaml").read_text())["seed"] == 0


@pytest.mark.parametrize("terminal", [True, False])
def test_the_log_has_a_line_for_each_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    terminal: bool,
) -> None:  # fmt: skip
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    words = ("method=baseline", "transport=off", "~trainer.enable_progress_bar")
    train(toy.composed(tmp_path, *words), tmp_path / "run")
    lines = [
        line.partition("student epoch ")[2].split()[0]
        for line in (tmp_path / "run" / "train.log").read_text().splitlines()
        if "student epoch " in line
    ]
    assert lines == [f"{epoch}/5" for epoch in range(1, 6)]
    shown = capsys.readouterr().out
    assert ("student epoch 1/5  " in shown) is not terminal, "the bar stands in its place"


def test_a_summary_line_has_validation_and_an_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = train(toy.composed(tmp_path, "method=baseline", "transport=off"), tmp_path / "run")
    lines = capsys.readouterr().out.splitlines()
    (line,) = (line for line in lines if line.startswith("student test_resnet:"))
    student = result["student"]
    low, high = (100 * value for value in student["interval"]["oa"])
    assert f"validation OA {100 * student['validation']['oa']:.1f} %" in line
    assert f"test OA {100 * student['metrics']['oa']:.1f} % [{low:.1f}, {high:.1f}]" in line
    assert "95 %" in line


def test_a_bar_counts_epochs_from_one() -> None:
    from types import SimpleNamespace

    from ackd.callbacks.progress import StageBar

    bar = StageBar("teacher")
    bar._trainer = SimpleNamespace(max_epochs=200)  # type: ignore[assignment]
    assert bar._get_train_description(0).strip() == "teacher epoch 1/200"
    assert bar._get_train_description(199).strip() == "teacher epoch 200/200"
