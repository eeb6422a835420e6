"""What a student costs: counted exactly, and measured in processes of their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import ackd
from ackd.errors import AckdError, ConfigError, DataError
from ackd.export import extra
from ackd.export.samples import drawn
from ackd.profile import measure
from ackd.profile.child import peak_memory
from ackd.profile.cli import main
from ackd.profile.count import count
from ackd.profile.measure import profile_student
from tests.export.students import TRUST, scenes, small_file, tiles, write_scenes, write_tiles
from tests.students.files import SIZE, tile_file

COUNTED = {"seconds": [0.004, 0.002, 0.003], "load_seconds": 0.1, "memory": 50, "peak": 80}


@pytest.fixture
def no_processes(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """What would have been run."""
    asked: list[dict[str, object]] = []

    def started(task: dict[str, object]) -> dict[str, object]:
        assert Path(str(task["path"])).is_file()
        assert np.load(str(task["image"])).ndim == 4
        asked.append(task)
        return COUNTED | {"how": "VmHWM"}

    monkeypatch.setattr(measure, "_started", started)
    monkeypatch.setattr(measure, "has_onnx", lambda: False)
    return asked


def test_multiply_adds_are_those_of_the_layers(tmp_path: Path) -> None:
    student = scenes(tmp_path / "student.pt")
    half = SIZE // 2
    first, second = 8 * half * half * 3 * 9, 8 * half * half * 8 * 9
    counts = count(student, (SIZE, SIZE))
    assert counts.multiply_adds == first + second + 8 * 3
    assert counts.parameters == 3 * 8 * 9 + 2 * 8 + (8 * 8 * 9 + 8) + (8 * 3 + 3)
    network = tiles(tmp_path / "tiles.pt")
    one, four = (count(network, (side, side)).multiply_adds for side in (32, 64))
    assert four == 4 * one


def test_the_peak_is_of_this_process() -> None:
    before, how = peak_memory()
    if before is None:
        pytest.skip(how)
    block = torch.ones(64 * 2**20 // 4 + before // 4)
    after, _ = peak_memory()
    assert after is not None
    assert after >= before + 60 * 2**20
    assert block.sum() > 0


def test_each_variant_is_held_against_the_student(
    tmp_path: Path, no_processes: list[dict[str, object]]
) -> None:
    student = tiles(tmp_path / "student.pt")
    found = profile_student(student, threads=3, warmup=2, runs=5, data=drawn(student, 2))
    assert [(one.runtime, one.weights) for one in found.variants] == [
        ("torch", "float32"), ("torch", "fp16"),
    ]  # fmt: skip
    whole, half = found.variants
    assert whole.agreement is None
    assert half.agreement is not None
    assert 0 < half.agreement.relative < 1e-2
    assert (whole.p50, whole.own_memory) == (0.003, 30)
    assert whole.p95 == pytest.approx(0.0039)
    assert whole.file_bytes == student.path.stat().st_size
    assert half.file_bytes < 0.6 * whole.file_bytes
    assert all(task["threads"] == 3 and task["runs"] == 5 for task in no_processes)
    assert [task["half"] for task in no_processes] == [False, True]
    assert any("pip install 'ackd[export]'" in sentence for sentence in found.missing)
    json.dumps(found.to_json(), allow_nan=False)


def test_a_variant_that_cannot_be_is_told(
    tmp_path: Path, no_processes: list[dict[str, object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(student: object) -> None:
        raise DataError("no operator for this")

    monkeypatch.setattr(measure, "has_onnx", lambda: True)
    monkeypatch.setattr(measure, "to_onnx", refused)
    monkeypatch.setattr(measure, "_versions", dict)
    student = tiles(tmp_path / "student.pt")
    found = profile_student(student, data=drawn(student, 1))
    assert len(found.variants) == len(no_processes) == 2
    assert "onnx float32: no operator for this" in found.missing


def test_options_that_cannot_be_are_told(tmp_path: Path) -> None:
    student = tiles(tmp_path / "student.pt")
    for options, said in (
        ({"runs": 0}, "--runs 0"), ({"warmup": -1}, "--warmup -1"), ({"threads": 0}, "--threads 0"),
        ({"size": (33, 32)}, "--size 33 32"),
    ):  # fmt: skip
        with pytest.raises(ConfigError, match=said):
            profile_student(student, **options)  # type: ignore[arg-type]


def test_the_command_prints_a_table_and_writes_json(
    tmp_path: Path, no_processes: list[dict[str, object]], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tile_file(tmp_path / "student.pt")
    sar, masks = write_tiles(tmp_path / "data")
    out = tmp_path / "budget.json"
    words = ["--data", str(sar), "--masks", str(masks), "--json", str(out), "--threads", "1"]
    assert main([str(path), *words, "--runs", "3", "--warmup", "1"]) == 0
    said = capsys.readouterr().out
    for text in ("30,505 parameters", "million multiply-adds", "3.00 ms", "IoU %", "1 thread",
                 "3 runs after 1", "VmHWM"):  # fmt: skip
        assert text in said, text
    content = json.loads(out.read_text())
    assert content["metrics"]["iou"] == pytest.approx(
        content["variants"][1]["agreement"]["before"]["iou"]
    )
    assert content["variants"][0]["p50"] == 0.003
    assert no_processes


def test_wrong_words_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tile_file(tmp_path / "student.pt")
    with pytest.raises(SystemExit) as ended:
        main([str(path), "--thread", "2"])
    assert ended.value.code == 2
    assert "Did you mean '--threads'" in capsys.readouterr().err
    assert main([str(path), "--runs", "0"]) == 2
    assert main([str(path), "--data", str(tmp_path / "nowhere")]) == 1
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.slow
def test_torch_and_onnx_are_run_in_processes_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small_file(tmp_path / "student.pt")
    images = write_scenes(tmp_path / "images")
    out = tmp_path / "budget.json"
    words = ["--trust", TRUST, "--data", str(images), "--calibrate", str(images)]
    few = ["--runs", "3", "--warmup", "1", "--threads", "1", "--json", str(out)]
    assert main([str(path), *words, *few]) == 0
    content = json.loads(out.read_text())
    names = [(one["runtime"], one["weights"]) for one in content["variants"]]
    expected = [("torch", "float32"), ("torch", "fp16")]
    if extra.has_onnx():
        expected += [("onnx", "float32"), ("onnx", "fp16"), ("onnx", "int8")]
    assert names == expected
    for one in content["variants"]:
        assert 0 < one["p50"] <= one["p95"]
        assert one["peak_memory"] is None or one["peak_memory"] > one["own_memory"] >= 0
    if extra.has_onnx() and content["variants"][0]["peak_memory"] is not None:
        # The process of ONNX has no torch.
        assert content["variants"][2]["peak_memory"] < 0.7 * content["variants"][0]["peak_memory"]
    assert "OA %" in capsys.readouterr().out


@pytest.mark.slow
def test_a_process_that_fails_is_told(tmp_path: Path) -> None:
    student = ackd.load_student(small_file(tmp_path / "student.pt"), trust=TRUST)
    with pytest.raises(AckdError, match=r"ended with 1: .*trust"):
        profile_student(student, data=drawn(student, 1))  # not said to the processes
