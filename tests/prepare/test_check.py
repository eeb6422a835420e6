"""``ackd.prepare check``: every kind of fault, with its severity, and the exit code."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ackd.data.sources.eurosat import EUROSAT_MS
from ackd.prepare.check import check
from ackd.train import train
from tests.data.layouts import ms_pixels, write_jpg, write_tif
from tests.data.patch_layouts import write_mat
from tests.data.small_archives import write_archives
from tests.prepare.running import Command, two_classes
from tests.slow import slow
from tests.stages import toy


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve tifs and 32 jpgs in order, of which each test spoils some."""
    two_classes(monkeypatch)
    root = write_archives(tmp_path / "raw")
    for label, start in (("Forest", 100), ("River", 200)):  # all different
        for number in range(1, 17):
            write_jpg(root / f"EuroSAT_RGB/{label}/{label}_{number}.jpg", start + number)
            if number < 7:
                write_tif(
                    root / f"EuroSAT_MS/{label}/{label}_{number}.tif", ms_pixels(start + number)
                )
    return root


def kinds(root: Path) -> dict[tuple[str, str], list[str]]:
    """(severity, kind) -> the files named, or the sentences where none are."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in check(root, "s2s_eu").findings:
        found.setdefault((one.severity, one.kind), []).extend(one.files or (one.text,))
    return found


def test_sound_images_are_no_error(raw: Path, prepare: Command) -> None:
    said = prepare("check", raw, "--benchmark", "s2s_eu")
    assert said.code == 0
    assert "eurosat_ms 12, eurosat 32" in said.out
    # no band of these images is dark, as in products that have 1000 added to every number
    assert "0 errors, 1 warning, 3 notes" in said.out
    assert set(kinds(raw)) == {
        ("note", "twins"), ("note", "classes without images"), ("warning", "value range"),
    }  # fmt: skip


def test_every_fault_of_a_file(raw: Path) -> None:
    ms, rgb = raw / "EuroSAT_MS/Forest", raw / "EuroSAT_RGB/Forest"
    whole = (ms / "Forest_1.tif").read_bytes()
    (ms / "Forest_1.tif").write_bytes(whole[: len(whole) // 2])
    write_tif(ms / "Forest_2.tif", ms_pixels(2)[:12])
    write_tif(ms / "Forest_3.tif", ms_pixels(3), nodata=float(ms_pixels(3)[4, 0, 0]))
    flat = ms_pixels(4)
    flat[EUROSAT_MS.file_bands.index("B09")] = 7
    write_tif(ms / "Forest_4.tif", flat)
    blank = ms_pixels(5)
    blank[:, 0, :3] = 0
    write_tif(ms / "Forest_5.tif", blank)
    write_tif(ms / "Forest_6.tif", ms_pixels(6).astype(np.float32))
    (rgb / "Forest_1.jpg").write_bytes(b"<!DOCTYPE html><p>Sign in</p>")
    (rgb / "Forest_2.jpg").write_bytes(b"")
    shutil.copy(rgb / "Forest_3.jpg", rgb / "Forest_4.jpg")
    shutil.copy(rgb / "Forest_5.jpg", raw / "EuroSAT_RGB/River/River_5.jpg")
    found = kinds(raw)

    def names(severity: str, kind: str) -> set[str]:
        return {Path(file).name for file in found[severity, kind]}

    assert names("error", "unreadable") == {"Forest_1.tif"}
    assert names("error", "wrong bands") == {"Forest_2.tif"}
    assert names("error", "nodata") == {"Forest_3.tif"}
    assert names("error", "wrong type") == {"Forest_6.tif"}
    assert names("error", "web page") == {"Forest_1.jpg"}
    assert names("error", "empty file") == {"Forest_2.jpg"}
    assert names("warning", "constant band") == {"Forest_4.tif"}
    assert names("warning", "zero in every band") == {"Forest_5.tif"}
    assert names("warning", "exact duplicates") == {"Forest_3.jpg", "Forest_4.jpg"}
    assert names("warning", "duplicates of another class") == {"Forest_5.jpg", "River_5.jpg"}


def test_classes_short_of_images(raw: Path, prepare: Command) -> None:
    for number in range(1, 5):
        (raw / f"EuroSAT_MS/River/River_{number}.tif").unlink()
    shutil.rmtree(raw / "EuroSAT_RGB/Forest")
    said = prepare("check", raw, "--benchmark", "s2s_eu")
    assert said.code == 1
    assert "class 'River' has 2 scenes on the MS side; 5 are needed" in said.out
    assert "eurosat has no image of Forest, which s2s_eu takes from it" in said.out


def test_a_missing_source_and_a_wrong_layout(raw: Path, prepare: Command) -> None:
    (raw / "EuroSAT_RGB/Forrest").mkdir()
    write_jpg(raw / "EuroSAT_RGB/Forrest/1.jpg")
    said = prepare("check", raw, "--benchmark", "s2s_eu")
    assert said.code == 1
    assert "Did you mean 'Forest'?" in said.out
    shutil.rmtree(raw / "EuroSAT_MS")
    (raw / "EuroSAT_MS.zip").write_bytes(b"")
    assert ("error", "source missing") in kinds(raw)
    prepare("check", raw, "--benchmark", "s2s_ue").assert_sentence(2, "Did you mean 's2s_eu'?")
    prepare("check", raw / "no").assert_sentence(1, "no folder")
    shutil.rmtree(raw / "EuroSAT_RGB")
    said = prepare("check", raw, "--benchmark", "s2s_eu")
    said.assert_sentence(1, "nothing that can be checked", "unpack first: EuroSAT_MS.zip")


def test_findings_as_json(raw: Path, tmp_path: Path, prepare: Command) -> None:
    (raw / "EuroSAT_RGB/River/River_2.jpg").write_bytes(b"")
    said = prepare("check", raw, "--benchmark", "s2s_eu", "--json", "-")
    assert said.code == 1
    content = json.loads(said.out)
    assert content["breaks_training"] is True
    assert content["counts"]["error"] == 1
    assert content["images"] == {"eurosat_ms": 12, "eurosat": 32}
    (error,) = (one for one in content["findings"] if one["severity"] == "error")
    assert error["kind"] == "empty file"
    assert error["files"] == ["EuroSAT_RGB/River/River_2.jpg"]
    assert "1 error, 1 warning, 3 notes" in said.err
    assert prepare("check", raw, "--benchmark", "s2s_eu", "--json", tmp_path / "x.json").code == 1
    assert json.loads((tmp_path / "x.json").read_text()) == content
    (tmp_path / "file").write_text("")
    said = prepare("check", raw, "--benchmark", "s2s_eu", "--json", tmp_path / "file" / "x.json")
    said.assert_sentence(1, "findings cannot be written")


def test_a_long_list_is_cut_unless_all_is_asked_for(raw: Path, prepare: Command) -> None:
    for number in range(1, 8):
        (raw / f"EuroSAT_RGB/River/River_{number}.jpg").write_bytes(b"")
    command = ("check", raw, "--benchmark", "s2s_eu")
    assert "... and 2 more (--all shows them)" in prepare(*command).out
    assert "River_7.jpg is empty" in prepare(*command, "--all").out


def test_a_prepared_folder(raw: Path, tmp_path: Path, prepare: Command) -> None:
    out = tmp_path / "out"
    prepare("s2s_eu", "--raw", raw, "--out", out, "--size", 8)
    assert prepare("check", out).code == 0
    with (out / "rgb.npy").open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    said = prepare("check", out)
    assert said.code == 1
    assert "in rgb.npy is not what was packed" in said.out
    (out / "ms.npy").write_bytes(b"")
    assert "ms.npy cannot be read" in prepare("check", out).out


def own(root: Path, size: int = 8) -> None:
    rng = np.random.default_rng(0)
    for label in ("bog", "heath"):
        for number in range(6):
            pixels = rng.normal(size=(3, size, size)).astype(np.float32)
            write_tif(root / f"MS/{label}/{number}.tif", pixels)
            write_jpg(root / f"RGB/{label}/{number}.jpg", number + 10 * (label == "bog"))


def test_class_folders_of_ones_own(tmp_path: Path, prepare: Command) -> None:
    own(tmp_path)
    assert prepare("check", tmp_path).code == 0
    pixels = np.ones((3, 8, 8), np.float32) * np.arange(8, dtype=np.float32)
    pixels[1, 2, 3] = np.nan
    write_tif(tmp_path / "MS/bog/0.tif", pixels)
    write_tif(tmp_path / "MS/bog/1.tif", pixels[:, 4:, 4:] + 1)
    found = {one.kind for one in check(tmp_path).findings if one.severity == "error"}
    assert found == {"NaN", "several sizes"}
    shutil.rmtree(tmp_path / "RGB/bog")
    assert f"{tmp_path / 'RGB'} has no folder bog" in prepare("check", tmp_path).out


def test_a_marker_that_no_tag_names_is_stated_in_the_command(
    tmp_path: Path, prepare: Command
) -> None:
    own(tmp_path)
    ms, rgb = tmp_path / "MS", tmp_path / "RGB"
    pixels = np.full((3, 8, 8), 0.5, np.float32) * np.arange(1, 9, dtype=np.float32)
    pixels[:, 0, 0] = -9999
    write_tif(ms / "bog/0.tif", pixels)
    said = prepare("check", ms, rgb)
    assert said.code == 1
    assert "1 error, 0 warnings" in said.out
    assert "0.tif holds the number -9999, far below all others" in said.out
    lines = [line.strip() for line in said.out.splitlines() if "ackd.train" in line]
    assert [shlex.split(line)[-2:] for line in lines] == [
        ["data.nodata_value=-9999", f"data.nodata={policy}"] for policy in ("drop", "zero")
    ]
    # tagged, the files say it themselves
    write_tif(ms / "bog/0.tif", pixels, nodata=-9999)
    assert "data.nodata_value" not in prepare("check", ms, rgb).out


def test_a_marker_among_all_numbers_is_stated_in_the_command(
    tmp_path: Path, prepare: Command
) -> None:
    ms, rgb = tmp_path / "MS", tmp_path / "RGB"
    rng = np.random.default_rng(0)
    for label in ("bog", "heath"):
        for number in range(6):
            pixels = rng.integers(300, 3000, (4, 8, 8)).astype(np.uint16)
            pixels[:, :2] = 65535 if number == 3 else pixels[:, :2]
            write_tif(ms / label / f"{number}.tif", pixels)
            write_jpg(rgb / label / f"{number}.jpg", number + 10 * (label == "bog"))
    said = prepare("check", ms, rgb)
    assert "holds the number 65535, far from all others" in said.out
    assert "data.nodata_value=65535 data.nodata=drop" in said.out


def test_two_folders_and_the_command_that_trains_on_them(tmp_path: Path, prepare: Command) -> None:
    own(tmp_path / "my images")
    ms, rgb = tmp_path / "my images/MS", tmp_path / "my images/RGB"
    said = prepare("check", ms, rgb)
    assert said.code == 0
    for word in (
        f"MS: {ms}, 2 classes: bog 6, heath 6; 12 .tif",
        f"RGB: {rgb}, 2 classes: bog 6, heath 6; 12 .jpg",
        "MS, first file bog/0.tif: 8x8 pixels, 3 bands, float32, values ",
        "MS, all files: 12 of 8x8 pixels; 12 of float32; values ",
        "RGB, all files: 12 of 8x8 pixels; 12 of uint8; values 0 to 255",
        "MS bands b1, b2, b3 (by their numbers), sensor generic",
        "b1, b2 and b3 stand for red, green and blue",
        "0 errors",
    ):
        assert word in said.out
    command = said.out.strip().splitlines()[-1]
    assert shlex.split(command) == [
        "python", "-m", "ackd.train", "data=folders", f"data.ms={ms}", f"data.rgb={rgb}",
    ]  # fmt: skip
    content = json.loads(prepare("check", ms, rgb, "--json", "-").out)
    assert content["commands"] == [command.strip()]
    assert len(content["understood"]) == 8


def test_ms_images_of_several_number_types(tmp_path: Path, prepare: Command) -> None:
    own(tmp_path)
    for number in (2, 4):
        path = tmp_path / f"MS/bog/{number}.tif"
        write_tif(path, np.full((3, 8, 8), 7, np.uint16))
    said = prepare("check", tmp_path / "MS", tmp_path / "RGB")
    assert said.code == 1
    assert "several number types, ms: 1" in said.out
    assert "several types: 10 float32 and 2 uint16, such as bog/2.tif" in said.out


def test_empty_files_are_not_duplicates(tmp_path: Path, prepare: Command) -> None:
    own(tmp_path)
    for label in ("bog", "heath"):
        (tmp_path / f"RGB/{label}/1.jpg").write_bytes(b"")
    said = prepare("check", tmp_path / "MS", tmp_path / "RGB")
    assert "empty file, rgb: 2" in said.out
    assert "duplicates" not in said.out


def test_faults_of_two_folders_are_all_said(tmp_path: Path, prepare: Command) -> None:
    own(tmp_path)
    ms, rgb = tmp_path / "MS", tmp_path / "RGB"
    for label in ("fen", "moor"):
        shutil.copytree(ms / "heath", ms / label)
    shutil.copytree(rgb / "heath", rgb / "moors")
    (ms / "bog/0.tif").write_bytes(b"")
    shutil.copy(rgb / "heath/1.jpg", rgb / "heath/x.bmp")
    for number in range(2):
        (rgb / f"bog/{number}.jpg").unlink()
    said = prepare("check", ms, rgb)
    assert said.code == 1
    for word in (
        "classes differ, MS and RGB: 1",
        f"{rgb} has no folder fen, moor; {ms} has no folder moors",
        "'moor' and 'moors' may be one class under two names",
        "class short of images, MS and RGB: 1",
        "too few has bog (4 RGB)",
        "empty file, ms: 1",
        "x.bmp is not a .jpg or .jpeg or .png or .tif or .tiff file",
    ):
        assert word in said.out
    for stranger in ("archive", "publisher", "data.missing_classes", "data.root"):
        assert stranger not in said.out
    prepare("check", ms, rgb, "--benchmark", "s2s_eu").assert_sentence(2, "--benchmark s2s_eu")
    prepare("check", ms, tmp_path / "no").assert_sentence(1, "no folder")


def test_the_authors_mat_files(tmp_path: Path) -> None:
    write_jpg(tmp_path / "RGB/forest/1.jpg")
    write_mat(tmp_path / "MS/forest/1.mat", [1] + [0] * 14)
    report = check(tmp_path)
    (error,) = report.findings
    assert error.kind == "wrong layout"  # of fifteen classes fourteen are not there
    assert "no folder" in error.text


@pytest.mark.slow
def test_the_real_constant_band(shared_data: Path, shared_counts: dict[str, int]) -> None:
    report = check(shared_data, "s2s_eu")
    (flat,) = (one for one in report.findings if one.kind == "constant band")
    assert flat.files == ("EuroSAT_MS/SeaLake/SeaLake_2159.tif",)
    assert "B09" in flat.text
    assert not report.breaks
    sources = ("eurosat_ms", "eurosat", "nwpu_resisc45")
    assert report.images == {name: shared_counts[name] for name in sources}
    (twins,) = (one for one in report.findings if one.kind == "twins")
    assert twins.text.startswith(f"{shared_counts['twins']} scenes")


def test_reflectance_is_said_to_need_a_scale(tmp_path: Path, prepare: Command) -> None:
    """Nobody has said yet that it is Sentinel-2; when somebody does, the scale has to be given."""
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        for number in range(5):
            pixels = rng.uniform(0.01, 0.4, (3, 8, 8)).astype(np.float32)
            write_tif(tmp_path / "ms" / label / f"{number}.tif", pixels)
            write_jpg(tmp_path / "rgb" / label / f"{number}.jpg", number, 8)
    said = prepare("check", tmp_path / "ms", tmp_path / "rgb")
    assert said.code == 0
    assert "If these are bands of Sentinel-2 (data.sensor=sentinel2)" in said.out
    assert "probably data.scale=1;" in said.out


def spoil_nan(root: Path, pixels: NDArray[np.float32]) -> None:
    pixels[1, 2, 3] = np.nan
    write_tif(root / "MS/bog/0.tif", pixels)


def spoil_nodata(root: Path, pixels: NDArray[np.float32]) -> None:
    pixels[:, :2] = -9999
    write_tif(root / "MS/bog/0.tif", pixels, nodata=-9999)


def spoil_alpha(root: Path, pixels: NDArray[np.float32]) -> None:
    photograph = np.full((8, 8, 4), 200, np.uint8)
    photograph[2:4, :, 3] = 0
    (root / "RGB/bog/0.jpg").unlink()
    Image.fromarray(photograph).save(root / "RGB/bog/0.png")


def spoil_unstated(root: Path, pixels: NDArray[np.float32]) -> None:
    pixels[:, :2] = -9999
    write_tif(root / "MS/bog/0.tif", pixels)


@pytest.mark.parametrize(
    "spoil", [spoil_nan, slow(spoil_nodata), slow(spoil_alpha), slow(spoil_unstated)]
)
def test_the_printed_commands_train_on_images_with_invalid_pixels(
    tmp_path: Path, prepare: Command, monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path, NDArray[np.float32]], None],
) -> None:  # fmt: skip
    own(tmp_path)
    spoil(tmp_path, np.random.default_rng(1).normal(size=(3, 8, 8)).astype(np.float32))
    said = prepare("check", tmp_path / "MS", tmp_path / "RGB", "--json", "-")
    assert said.code == 1
    commands = [shlex.split(command) for command in json.loads(said.out)["commands"]]
    assert [words[-1] for words in commands] == ["data.nodata=drop", "data.nodata=zero"]

    monkeypatch.setenv("ACKD_RUN_FOLDER", "")
    monkeypatch.setattr(
        "ackd.stages.context.build_backbone",
        lambda name, bands, classes, **_: toy.ToyBackbone(bands, classes),
    )
    for words in commands:
        assert words[:3] == ["python", "-m", "ackd.train"]
        sizes = (f"{stage}.batch_size=2" for stage in ("teacher", "matcher", "student"))
        # The options that toy sets first are those of other data; what was printed comes last.
        cfg = toy.composed(tmp_path, "student.max_epochs=1", *sizes, *words[3:])
        result = train(cfg, tmp_path / "outputs" / words[-1])
        assert result["student"]["metrics"]["oa"] is not None
        sides = result["data"]["split_sizes"].values()
        images = sum(sum(side.values()) for side in sides)
        assert images == (23 if words[-1] == "data.nodata=drop" else 24)
