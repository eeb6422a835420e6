"""Manifests: the very same images anywhere, and no others."""

from __future__ import annotations

import csv
import hashlib
import shutil
from pathlib import Path

import pytest

from ackd.data.assemble import read_directly
from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.cache import source_stamp
from ackd.data.splits.manifest import read_manifest, write_manifest
from ackd.data.splits.selection import Selection
from ackd.errors import ConfigError, DataError
from tests.data.small_archives import SIZE, asked, selected, write_archives

COUNTS = {"Forest": (5, 8), "River": (6, 9)}


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    return write_archives(tmp_path / "raw")


@pytest.fixture
def manifest(archives: Path, tmp_path: Path) -> Path:
    write_manifest(tmp_path / "manifest.csv", selected(archives, COUNTS))
    return tmp_path / "manifest.csv"


def rebuilt(manifest: Path, root: Path, *, verify: bool = True) -> Selection:
    return read_manifest(manifest, {"ms": root, "rgb": root}, verify=verify)


def test_it_is_a_table_of_the_images(archives: Path, manifest: Path) -> None:
    found = selected(archives, COUNTS)
    lines = manifest.read_text().splitlines()
    assert lines[0].startswith("# ")
    rows = list(csv.DictReader(lines[1:]))
    assert len(rows) == len(found.ms.records) + len(found.rgb.records) == 11 + 17
    names = {"train": TRAIN, "val": VAL, "test": TEST}
    splits = found.splits("strict", 0, 0)
    for side in ("ms", "rgb"):
        mine = [row for row in rows if row["side"] == side]
        assert [names[row["split"]] for row in mine] == splits[side].tolist()
        for row, path in zip(mine, found.paths(side), strict=True):
            assert archives / row["file"] == path
            assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
            assert row["classes"] == path.parent.name


def test_the_very_same_set_is_built_elsewhere(
    archives: Path, manifest: Path, tmp_path: Path
) -> None:
    before = selected(archives, COUNTS)
    stamp = source_stamp(before)
    images = read_directly(before, asked(bands=["B04"], size=SIZE))
    shutil.copytree(archives, tmp_path / "elsewhere")  # keeps times of change
    shutil.rmtree(archives)
    again = rebuilt(manifest, tmp_path / "elsewhere")
    assert again.notes == before.notes
    assert again.options == before.options
    assert source_stamp(again) == stamp
    other = read_directly(again, asked(bands=["B04"], size=SIZE))
    assert images.ms.fingerprint == other.ms.fingerprint
    assert images.rgb.fingerprint == other.rgb.fingerprint


def test_a_missing_or_changed_file_is_named(archives: Path, manifest: Path) -> None:
    found = selected(archives, COUNTS)
    changed, gone = found.paths("rgb")[3], found.paths("ms")[2]
    changed.write_bytes(changed.read_bytes() + b"x")
    with pytest.raises(DataError) as caught:
        rebuilt(manifest, archives)
    assert "1 are not what they were (SHA-256)" in str(caught.value)
    assert changed.name in str(caught.value)
    assert rebuilt(manifest, archives, verify=False).ms.records == found.ms.records
    gone.unlink()
    with pytest.raises(DataError, match=f"1 are not there .*{gone.name}"):
        rebuilt(manifest, archives)


@pytest.mark.parametrize("escape", ["../secret.tif", "/etc/passwd", "a/../../b.tif", "a\\b.tif"])
def test_a_path_that_escapes_is_refused(archives: Path, manifest: Path, escape: str) -> None:
    file = selected(archives, COUNTS).ms.records[0].file
    manifest.write_text(manifest.read_text().replace(file, escape))
    with pytest.raises(DataError, match="does not lie below the archives' folder"):
        rebuilt(manifest, archives)


def test_what_is_no_manifest(archives: Path, manifest: Path) -> None:
    text = manifest.read_text()
    for wrong in ("", "a,b\n1,2\n", text.replace("sha256,", ""), text.splitlines()[0]):
        manifest.write_text(wrong)
        with pytest.raises(DataError, match="is no manifest that can be read"):
            rebuilt(manifest, archives)
    manifest.write_text(text.replace(",eurosat,", ",eurosta,"))
    with pytest.raises(ConfigError, match="Did you mean 'eurosat'"):
        rebuilt(manifest, archives)


def test_a_place_that_cannot_be_written(archives: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_manifest(tmp_path / "file" / "manifest.csv", selected(archives, COUNTS))
