"""``python -m ackd.export``: its words, what it prints, and what it leaves."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ackd.export import extra
from ackd.export.cli import main
from tests.cli.running import run
from tests.export.students import TRUST, small_file, write_scenes, write_tiles
from tests.students.files import scene_file, tile_file

WEIGHTS = ("--format", "safetensors")


@pytest.fixture(scope="module")
def of_scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scene_file(tmp_path_factory.mktemp("scenes") / "student.pt")


def test_weights_are_written_beside_the_student(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tile_file(tmp_path / "student.pt")
    sar, masks = write_tiles(tmp_path / "data")
    words = [*WEIGHTS, "--data", str(sar), "--masks", str(masks), "--images", "3"]
    assert main([str(path), *words]) == 0
    said = capsys.readouterr().out
    assert "student.safetensors" in said
    assert f"compared on 3 images of {sar}: the same class for 100.00 %" in said
    assert "student: IoU" in said
    assert "note:" not in said
    assert {one.name for one in tmp_path.iterdir()} == {
        "data", "student.pt", "student.safetensors", "student.safetensors.md",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--formta", "onnx"], 2, "Did you mean '--format'"),
        (["--format", "onx"], 2, "Did you mean 'onnx'"),
        (["--quantize", "int16"], 2, "Did you mean 'int8'"),
        ([*WEIGHTS, "--images", "0"], 2, "--images 0 leaves no image"),
        ([*WEIGHTS, "--masks", "m"], 2, "name both"),
        ([*WEIGHTS, "--data", "nowhere"], 1, "--data nowhere does not exist"),
        ([*WEIGHTS, "--data", "run"], 1, "There is no config.yaml beside"),
        ([*WEIGHTS, "--data", "data", "--unit", "db"], 2, "--unit is for students of segmentation"),
        ([*WEIGHTS, "--out", "a.pt2"], 2, "does not end with .safetensors"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_wrong_words_are_told(
    words: list[str], code: int, said: str, of_scenes: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    shutil.copy(of_scenes, tmp_path / "student.pt")
    write_scenes(tmp_path / "data", each=1)
    try:
        found = main(["student.pt", *words])
    except SystemExit as ended:
        found = ended.code
    assert found == code
    assert said in capsys.readouterr().err
    assert {one.name for one in tmp_path.iterdir()} == {"data", "student.pt"}


def test_messages_are_in_words_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = small_file(tmp_path / "student.pt")
    assert main([str(path), *WEIGHTS]) == 1
    assert f"--trust {TRUST}" in capsys.readouterr().err
    (tmp_path / "images").mkdir()
    np.save(tmp_path / "images" / "a.npy", np.ones((24, 24, 3), np.float32))
    words = [str(path), "--trust", TRUST, *WEIGHTS, "--data", str(tmp_path / "images")]
    assert main(words) == 1
    assert "--rgb-max N says which number is white" in capsys.readouterr().err
    assert main([*words, "--rgb-max", "1"]) == 0


def test_a_hostile_student_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.students.test_file import Hostile

    path, mark = tile_file(tmp_path / "student.pt"), tmp_path / "mark"
    torch.save({**torch.load(path), "data": Hostile(mark)}, path)
    assert main([str(path), *WEIGHTS]) == 1
    assert "can run code when they are opened" in capsys.readouterr().err
    assert not mark.exists()
    assert not list(tmp_path.glob("*.safetensors*"))


def test_help_needs_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys, ackd.export.cli, ackd.profile.cli\n"
        "assert not {'torch', 'onnx', 'rasterio'} & set(sys.modules)"
    )
    done = run("-c", program, cwd=tmp_path)
    assert done.code == 0, done.err


def test_without_the_extra_nothing_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda name: None)
    assert main([str(tmp_path / "nowhere.pt")]) == 2
    assert "pip install 'ackd[export]'" in capsys.readouterr().err
    shutil.rmtree(tmp_path)
