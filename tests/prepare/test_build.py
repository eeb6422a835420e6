"""``ackd.prepare s2s_eu``: found, missing, counted, packed, and rebuilt from its manifest."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from ackd.data import load_class_map, load_prepared, open_pack
from ackd.data.cache import writing
from tests.data.datasets.test_subsets import write_rgb_side
from tests.data.layouts import write_jpg
from tests.data.patch_layouts import write_nasc_tg2
from tests.data.small_archives import asked, write_archives
from tests.prepare.running import Command, contents, two_classes
from tests.prepare.test_unpack import write_zip

TINY = ("--bands", "B04", "B08", "--size", 8)


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    two_classes(monkeypatch, {"Forest": (5, 8), "River": (6, 9)})
    return write_archives(tmp_path / "raw")


def test_what_was_found_counted_and_written(raw: Path, tmp_path: Path, prepare: Command) -> None:
    out = tmp_path / "out"
    first = prepare("s2s_eu", "--raw", raw, "--out", out, *TINY)
    assert first.code == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in first.out.splitlines()]
    assert ["eurosat_ms", "MS", "EuroSAT_MS", "12", ""] in rows
    # found, used, Table 10 of either side, then by source
    assert ["Forest", "6", "5", "5", "16", "8", "8", "8"] in rows
    assert ["images", "", "11", "11", "", "17", "17", "17"] in rows
    assert f"prepared: {out}" in first.out
    assert f"data=s2s_eu data.root={out} data.size=8 data.bands=[B04,B08]" in first.out
    assert {path.name for path in out.iterdir()} >= {"manifest.csv", "pack.json", "ms.npy"}
    before = contents(out)
    again = prepare("s2s_eu", "--raw", raw, "--out", out, *TINY)
    assert f"up to date: {out}" in again.out
    assert contents(out) == before
    forced = prepare("s2s_eu", "--raw", raw, "--out", out, *TINY, "--force")
    assert f"prepared: {out}" in forced.out
    assert contents(out)["ms.npy"] == before["ms.npy"]
    assert contents(out)["manifest.csv"] == before["manifest.csv"]
    shutil.rmtree(raw)
    bench = load_prepared(out, asked(name="s2s_eu", bands=["B08"], size=8))
    assert bench.ms.images.shape == (11, 1, 8, 8)


def test_a_changed_archive_is_packed_anew(raw: Path, tmp_path: Path, prepare: Command) -> None:
    out = tmp_path / "out"
    prepare("s2s_eu", "--raw", raw, "--out", out, *TINY)
    before = contents(out)
    for number in range(1, 17):
        write_jpg(raw / f"EuroSAT_RGB/River/River_{number}.jpg", 100 + number)
    assert "prepared: " in prepare("s2s_eu", "--raw", raw, "--out", out, *TINY).out
    after = contents(out)
    assert after["rgb.npy"] != before["rgb.npy"]
    assert after["manifest.csv"] != before["manifest.csv"]
    # as after a run that was stopped between the pack and its manifest
    os.utime(out / "manifest.csv", (0, 0))
    assert "prepared: " in prepare("s2s_eu", "--raw", raw, "--out", out, *TINY).out
    assert contents(out)["manifest.csv"] == after["manifest.csv"]


def test_another_set_is_not_replaced_unasked(raw: Path, tmp_path: Path, prepare: Command) -> None:
    out = tmp_path / "out"
    prepare("s2s_eu", "--raw", raw, "--out", out, *TINY)
    before = contents(out)
    command = ("s2s_eu", "--raw", raw, "--out", out, *TINY)
    prepare(*command, "--split-seed", 1).assert_sentence(2, "seed 0", "seed 1", "--force")
    prepare(*command[:-1], 4).assert_sentence(2, "size 8", "size 4")
    prepare(*command[:5], "--size", 8, "--bands", "all").assert_sentence(2, '["B04", "B08"]')
    assert contents(out) == before
    assert prepare(*command, "--split-seed", 1, "--force").code == 0
    assert open_pack(out).options["seed"] == 1


def test_the_very_same_set_from_a_manifest(raw: Path, tmp_path: Path, prepare: Command) -> None:
    out = tmp_path / "out"
    prepare("s2s_eu", "--raw", raw, "--out", out, *TINY, "--split-seed", 3)
    manifest = out / "manifest.csv"
    elsewhere = tmp_path / "elsewhere"
    shutil.move(raw, elsewhere)
    command = ("s2s_eu", "--raw", elsewhere, "--out", tmp_path / "again", *TINY)
    assert prepare(*command, "--manifest", manifest).code == 0
    one, other = contents(out), contents(tmp_path / "again")
    for name in ("ms.npy", "rgb.npy", "manifest.csv"):
        assert one[name] == other[name]
    assert "up to date" in prepare(*command, "--manifest", manifest).out
    said = prepare(*command, "--manifest", manifest, "--twins", "all")
    said.assert_sentence(2, "--twins cannot go with --manifest")
    prepare("s2s_cn", *command[1:], "--manifest", manifest).assert_sentence(2, "lists s2s_eu")
    (elsewhere / "EuroSAT_MS/Forest/Forest_1.tif").write_bytes(b"x")
    for number in range(2, 7):
        (elsewhere / f"EuroSAT_MS/Forest/Forest_{number}.tif").write_bytes(b"x")
    prepare(*command, "--manifest", manifest).assert_sentence(1, "not what they were (SHA-256)")


def test_everything_missing_is_listed_at_once(tmp_path: Path, prepare: Command) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    said = prepare("s2s_eu", "--raw", raw, "--out", tmp_path / "out")
    said.assert_sentence(1, "eurosat_ms, eurosat, nwpu_resisc45, patternnet")
    for words in ("Zenodo record 7711810", "NWPU-RESISC45.rar", "PatternNet.zip", str(raw)):
        assert words in said.out
    assert not (tmp_path / "out").exists()
    prepare("s2s_eu", "--raw", raw / "no", "--out", raw).assert_sentence(1, "no folder", "--raw")
    prepare("s2s_eu", "--raw", raw, "--out", raw).assert_sentence(2, "folder of the archives")


def test_archives_still_zipped_are_named(tmp_path: Path, prepare: Command) -> None:
    write_zip(tmp_path / "EuroSAT_RGB.zip")
    (tmp_path / "NWPU-RESISC45.rar").write_bytes(b"Rar!")
    said = prepare("s2s_eu", "--raw", tmp_path, "--out", tmp_path / "out")
    said.assert_sentence(1, "ackd.prepare unpack")
    assert f"{tmp_path / 'EuroSAT_RGB.zip'} is not unpacked" in said.out
    assert "NWPU-RESISC45.rar is not unpacked" in said.out
    assert "PatternNet (Zhou et al. 2018) is missing" in said.out


def test_s2s_cn_without_patternnet(tmp_path: Path, prepare: Command) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    write_nasc_tg2(raw, 5)
    write_rgb_side(raw, "s2s_cn", 5)
    shutil.rmtree(raw / "PatternNet")
    command = ("s2s_cn", "--raw", raw, "--out", out, "--size", 8)
    said = prepare(*command)
    said.assert_sentence(1, "without patternnet", "--sources nwpu_resisc45 rsi_cb128")
    dropped = prepare(*command, "--missing", "drop")
    assert dropped.code == 0
    for words in ("without the RGB images of patternnet", "note: the wavelengths of", "14 bands"):
        assert words in dropped.out
    pack = open_pack(out)
    assert pack.notes["partial"]
    assert pack.classes == load_class_map("s2s_cn").classes
    bench = load_prepared(out, asked(name="s2s_cn", size=8))
    assert bench.ms.images.shape == (50, 14, 8, 8)


def _full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_and_a_read_only_place(
    raw: Path, tmp_path: Path, prepare: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    command = ("s2s_eu", "--raw", raw, "--out", out, *TINY)
    prepare(*command)
    before = contents(out)
    with monkeypatch.context() as patched:
        patched.setattr(writing, "_append", _full)
        said = prepare(*command, "--force")
    said.assert_sentence(1, "No space left on device", str(out), "--out DIR")
    assert contents(out) == before
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", _full)
        os.utime(out / "manifest.csv", (0, 0))
        prepare(*command).assert_sentence(1, "manifest", "No space left on device")
    assert contents(out) == before
    (tmp_path / "file").write_text("")
    said = prepare(*command[:4], tmp_path / "file" / "out", *TINY)
    said.assert_sentence(1, "Not a directory", "--out DIR")


def test_a_bad_image_leaves_nothing(raw: Path, tmp_path: Path, prepare: Command) -> None:
    for number in range(1, 17):
        (raw / f"EuroSAT_RGB/River/River_{number}.jpg").write_bytes(b"<html>")
    said = prepare("s2s_eu", "--raw", raw, "--out", tmp_path / "out", *TINY)
    said.assert_sentence(1, "is a web page")
    assert not (tmp_path / "out" / "pack.json").exists()


def test_images_with_invalid_pixels_are_left_out(
    raw: Path, tmp_path: Path, prepare: Command
) -> None:
    with rasterio.open(raw / "EuroSAT_MS/River/River_2.tif", "r+") as dataset:
        pixels = dataset.read()
        dataset.nodata = 0
        dataset.write(np.where(np.indices(pixels.shape[1:])[0] < 2, 0, pixels))
    command = ("s2s_eu", "--raw", raw, "--out", tmp_path / "out", *TINY)
    prepare(*command).assert_sentence(1, "River_2.tif has", "invalid pixels")
    said = prepare(*command, "--nodata", "drop")
    assert said.code == 0, said.err
    assert "note: 1 MS and 0 RGB images with invalid pixels are left out" in said.out
    assert "data.nodata=drop" in said.out
    assert open_pack(tmp_path / "out").notes["nodata"]["left_out"] == {"ms": 1, "rgb": 0}
    assert "up to date" in prepare(*command, "--nodata", "drop").out
    prepare(*command).assert_sentence(2, "nodata drop", "nodata error", "--force")
    kept = ("s2s_eu", "--raw", raw, "--out", tmp_path / "kept", *TINY, "--nodata", "zero")
    assert prepare(*kept).code == 0
    ms = open_pack(tmp_path / "kept").images["ms"]
    assert np.isnan(ms[:]).any()
    checked = prepare("check", tmp_path / "kept")
    assert "NaN or infinite" not in checked.out
