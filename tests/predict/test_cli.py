"""``python -m ackd.predict``, typed as users type it."""

from __future__ import annotations

import csv
import multiprocessing
import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ackd.predict.cli import main
from ackd.predict.geotiffs import MapWriter
from tests.predict.rasters import read, smooth, town, write
from tests.predict.test_images import photographs
from tests.students.files import scene_file, tile_file


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def files(folder: Path) -> list[str]:
    """All, with drafts."""
    return sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())


def test_photographs_and_rasters_of_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene_file(tmp_path / "student.pt")
    photographs(tmp_path / "in", 3)
    write(tmp_path / "in" / "sub" / "scene.tif", np.full((3, 30, 60), 90, np.uint8))
    write(tmp_path / "in" / "chip.tif", np.full((3, 24, 24), 90, np.uint8))
    assert main(["student.pt", "in", "--device", "cpu"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "predictions/predictions.csv: 4 images"
    assert files(tmp_path / "predictions") == [
        "predictions.csv", "sub/scene_classes.tif", "sub/scene_windows.geojson",
    ]  # fmt: skip
    assert set(shown[1:]) == {
        "predictions/sub/scene_windows.geojson", "predictions/sub/scene_classes.tif",
    }  # fmt: skip
    assert main(["student.pt", "in/chip.tif", "--window", "12", "--out", "w"]) == 0
    assert files(tmp_path / "w") == ["chip_classes.tif", "chip_windows.geojson"]
    assert main(["student.pt", "in/sub/scene.tif", "--whole", "--out", "v"]) == 0
    assert files(tmp_path / "v") == ["predictions.csv"]


def test_one_bad_image_of_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene_file(tmp_path / "student.pt")
    photographs(tmp_path / "in", 3)
    deep = np.full((24, 24), 4000, np.uint16)
    Image.fromarray(deep).save(tmp_path / "in" / "deep.png")
    assert main(["student.pt", "in"]) == 1
    said = capsys.readouterr()
    assert "ackd: in/deep.png holds uint16" in said.err
    assert "Give --rgb-max 65535" in said.err
    assert "4 images, 1 image without an answer" in said.out
    with (tmp_path / "predictions" / "predictions.csv").open() as file:
        assert ["--rgb-max" in row["error"] for row in csv.DictReader(file)].count(True) == 1
    assert main(["student.pt", "in/deep.png", "--out", "none"]) == 1
    assert "None of 1 image has an answer" in capsys.readouterr().err
    assert files(tmp_path / "none") == []


def test_segmentation_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tile_file(tmp_path / "student.pt")
    write(tmp_path / "in" / "a.tif", smooth(40, 50))
    write(tmp_path / "in" / "b.tif", np.float32(10) ** (smooth(40, 50) / 10))
    assert main(["student.pt", "in", "--write", "mask,polygons", "--min-area", "0"]) == 1
    said = capsys.readouterr()
    assert said.out.split() == ["predictions/a_mask.tif", "predictions/a_polygons.geojson"]
    assert "b.tif holds linear intensities" in said.err
    assert "--unit linear converts" in said.err
    assert files(tmp_path / "predictions") == ["a_mask.tif", "a_polygons.geojson"]
    assert main(["student.pt", "in/b.tif", "--unit", "linear"]) == 0
    np.testing.assert_array_equal(
        read(tmp_path / "predictions" / "a_mask.tif"), read(tmp_path / "predictions" / "b_mask.tif")
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["student.pt", "in", "--windw", "3"], 2, "Did you mean '--window'?"),
        (["student.pt", "in", "--unit", "dB"], 2, "Did you mean 'db'?"),
        (["student.pt", "in", "--window", "x"], 2, "invalid int value: 'x'"),
        (["student.pt"], 2, "required: PATH"),
        (["student.pt", "im"], 1, "There is no image or folder im. "),
        (["studnt.pt", "in"], 1, "Did you mean '"),
        (["student.pt", "in", "--rgb-max", "3"], 2, "--rgb-max 3 is for students of RGB scenes"),
        (["student.pt", "in", "--invalid", "zero"], 2, "--invalid and --whole are for students"),
        (["student.pt", "in", "--device", "nowhere"], 2, "--device nowhere cannot be used here"),
        (["student.pt", "in", "--overlap", "600"], 2, "--overlap 600 leaves nothing of windows of"),
        (["student.pt", "in", "--bands", "0,9"], 2, "--bands 0,9 does not fit in/a.tif"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    words: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tile_file(tmp_path / "student.pt")
    write(tmp_path / "in" / "a.tif", smooth(30, 30))
    try:
        found = main(words)
    except SystemExit as end:
        found = int(end.code or 0)
    assert found == code
    err = capsys.readouterr().err
    assert said in err
    assert err.startswith("ackd: ")
    assert not (tmp_path / "predictions").exists()


def test_no_result_replaces_another_or_an_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tile_file(tmp_path / "student.pt")
    write(tmp_path / "in" / "a.tif", smooth(30, 30))
    before = write(tmp_path / "in" / "a_mask.tif", smooth(30, 30)).read_bytes()
    assert main(["student.pt", "in", "--out", "in"]) == 1
    said = "The result of in/a.tif would replace the image in/a_mask.tif. Give another"
    assert said in capsys.readouterr().err
    assert (tmp_path / "in" / "a_mask.tif").read_bytes() == before
    write(tmp_path / "in" / "a.tiff", smooth(30, 30))
    assert main(["student.pt", "in"]) == 1
    assert "in/a.tif and in/a.tiff differ in their endings alone" in capsys.readouterr().err
    assert not (tmp_path / "predictions").exists()


def test_options_that_photographs_do_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene_file(tmp_path / "student.pt")
    photographs(tmp_path / "in", 1)
    for words, said in ((["--nodata", "3"], "--invalid zero makes"), (["--unit", "db"], "SAR")):
        assert main(["student.pt", "in", *words]) == 2
        assert said in capsys.readouterr().err


def killed(*words: str) -> int | None:
    """Run the command in a fork of this process, which is killed amidst of writing."""

    def run() -> None:
        before, left = MapWriter.write, [5]

        def write(self: MapWriter, rows: Any, cols: slice) -> None:
            before(self, rows, cols)
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

        MapWriter.write = write  # type: ignore[method-assign]
        main(words)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(60)
    return process.exitcode


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_killed_run_leaves_no_result_and_the_next_one_all(tmp_path: Path) -> None:
    tile_file(tmp_path / "student.pt")
    write(tmp_path / "scene.tif", smooth(200, 40))
    assert killed("student.pt", "scene.tif", "--window", "32") == -signal.SIGKILL
    left = files(tmp_path / "predictions")
    assert left
    assert all(name.startswith(".scene_") and name.endswith(".part") for name in left)
    assert main(["student.pt", "scene.tif", "--window", "32"]) == 0
    assert [name for name in files(tmp_path / "predictions") if not name.startswith(".")] == [
        "scene_mask.tif", "scene_polygons.geojson", "scene_probability.tif",
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_killed_run_leaves_an_earlier_result_as_it_was(tmp_path: Path) -> None:
    tile_file(tmp_path / "student.pt")
    write(tmp_path / "scene.tif", smooth(200, 40))
    assert main(["student.pt", "scene.tif"]) == 0
    before = {name: (tmp_path / "predictions" / name).read_bytes()
              for name in files(tmp_path / "predictions")}  # fmt: skip
    assert killed("student.pt", "scene.tif", "--window", "32") == -signal.SIGKILL
    for name, content in before.items():
        assert (tmp_path / "predictions" / name).read_bytes() == content


def test_the_module_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tile_file(tmp_path / "student.pt")
    write(tmp_path / "a.tif", town(40, 40, []))
    for words, shown in ((["--help"], "--min-area"), (["student.pt", "a.tif"], "a_mask.tif")):
        monkeypatch.setattr(sys, "argv", ["predict", *words])
        with pytest.raises(SystemExit) as end:
            runpy.run_module("ackd.predict", run_name="__main__", alter_sys=True)
        assert end.value.code == 0
        told = capsys.readouterr()
        assert shown in told.out
        assert told.err == ""
