"""Unpacking: whole or not at all, and never outside of the folder."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ackd.errors import DataError
from ackd.prepare.unpack import stem, unpack
from tests.prepare.running import Command, contents

FILES = {"EuroSAT_RGB/Forest/Forest_1.jpg": b"a", "EuroSAT_RGB/River/River_1.jpg": b"bc"}


def write_zip(path: Path, files: dict[str, bytes] = FILES, link: str | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if link is not None:
            info = zipfile.ZipInfo("EuroSAT_RGB/link")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, link)
    return path


def write_tar(path: Path, files: dict[str, bytes] = FILES, link: bytes | None = None) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix != ".tar" else "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if link is not None:
            info = tarfile.TarInfo("EuroSAT_RGB/link")
            info.type, info.linkname = link, "/etc/passwd"
            archive.addfile(info)
    return path


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.tgz"])
def test_one_outer_folder_is_the_folder(tmp_path: Path, name: str) -> None:
    archive = (write_zip if name.endswith("zip") else write_tar)(tmp_path / name)
    raw = tmp_path / "raw"
    assert unpack(archive, raw) == [raw / "EuroSAT_RGB"]
    assert contents(raw) == FILES
    assert archive.is_file()
    assert stem(archive) == "x"
    with pytest.raises(DataError, match="is there already and stays as it is"):
        unpack(archive, raw)


def test_without_an_outer_folder_it_gets_the_archives_name(tmp_path: Path) -> None:
    files = {"Forest/1.jpg": b"a", "River/1.jpg": b"b", "__MACOSX/Forest/._1.jpg": b"c"}
    unpack(write_zip(tmp_path / "EuroSAT.zip", files), tmp_path / "raw")
    assert set(contents(tmp_path / "raw")) == {"EuroSAT/Forest/1.jpg", "EuroSAT/River/1.jpg"}


ESCAPES = ["../outside", "EuroSAT_RGB/../../outside", "/tmp/ackd_outside", "a\\..\\outside", "C:/x"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", ESCAPES)
def test_a_path_that_escapes_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    write = write_zip if kind == "zip" else write_tar
    archive = write(tmp_path / f"x.{kind}", {**FILES, name: b"!", "EuroSAT_RGB/later": b"d"})
    with pytest.raises(DataError, match="which leads out of the archive's folder"):
        unpack(archive, tmp_path / "in" / "raw")
    assert set(contents(tmp_path)) == {archive.name}
    assert not Path("/tmp/ackd_outside").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = write_tar(tmp_path / "x.tar", link=kind)
    with pytest.raises(DataError, match=r"'EuroSAT_RGB/link', which is a (link|device or pipe)"):
        unpack(archive, tmp_path / "raw")
    assert not contents(tmp_path / "raw")


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "x.zip", link="../../../etc/passwd")
    with pytest.raises(DataError, match="which is a link"):
        unpack(archive, tmp_path / "raw")
    assert not list((tmp_path / "raw").iterdir())


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
@pytest.mark.parametrize("damage", ["cut", "html", "empty"])
def test_a_damaged_archive_is_told(tmp_path: Path, name: str, damage: str) -> None:
    big = {"EuroSAT_RGB/x": os.urandom(100_000)}
    archive = (write_zip if name.endswith("zip") else write_tar)(tmp_path / name, big)
    content = {"cut": archive.read_bytes()[:60_000], "html": b"<html>no</html>", "empty": b""}
    archive.write_bytes(content[damage])
    said = {"cut": "truncated, damaged", "html": "is a web page", "empty": "is empty"}[damage]
    with pytest.raises(DataError, match=said):
        unpack(archive, tmp_path / "raw")
    assert not list((tmp_path / "raw").iterdir())


@pytest.mark.parametrize(("name", "way"), [("x.rar", "unrar x x.rar"), ("x.tar.zst", "--zstd")])
def test_other_types_get_the_command_that_opens_them(tmp_path: Path, name: str, way: str) -> None:
    (tmp_path / name).write_bytes(b"Rar!")
    with pytest.raises(DataError, match=way):
        unpack(tmp_path / name, tmp_path)


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archives = [write_zip(tmp_path / "x.zip"), write_tar(tmp_path / "x.tar")]

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfileobj", full)
    for archive in archives:
        with pytest.raises(DataError, match=r"No space left on device. Nothing half-written"):
            unpack(archive, tmp_path / "raw")
        assert not list((tmp_path / "raw").iterdir())
    usage = shutil.disk_usage(tmp_path)._replace(free=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"GB left. Make room"):
        unpack(archives[0], tmp_path / "raw")


def test_the_leftover_of_a_killed_run_goes(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "x.zip")
    (tmp_path / ".unpacking-x.zip").mkdir()
    (tmp_path / ".unpacking-x.zip" / "half").write_text("")
    unpack(archive, tmp_path)
    assert set(contents(tmp_path)) == {"x.zip", *FILES}


def test_every_archive_of_the_folder_by_one_command(tmp_path: Path, prepare: Command) -> None:
    prepare("unpack", "--raw", tmp_path).assert_sentence(1, "There is no archive in")
    write_zip(tmp_path / "EuroSAT_RGB.zip")
    (tmp_path / "NWPU-RESISC45.rar").write_bytes(b"Rar!")
    said = prepare("unpack", "--raw", tmp_path)
    said.assert_sentence(1, "NWPU-RESISC45.rar", "unrar x")
    assert (tmp_path / "EuroSAT_RGB/Forest/Forest_1.jpg").read_bytes() == b"a"
    assert "EuroSAT_RGB.zip -> " in said.out
