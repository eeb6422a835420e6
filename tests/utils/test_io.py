"""Files are whole or not there, and a disk that is full says so."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from ackd.errors import AckdError, DataError, DiskFullError
from ackd.utils import io


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_fails_halfway_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    io.write_text(path, "old")
    with pytest.raises(RuntimeError, match="power"), io.beside(path) as draft:  # noqa: PT012
        draft.write_text("half")
        raise RuntimeError("power")
    assert path.read_text() == "old"
    assert names(path.parent) == {"file.txt"}
    with pytest.raises(ValueError, match="JSON"):
        io.write_json(path, {"loss": float("nan")})
    assert path.read_text() == "old"


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watched_sync(handle: int) -> None:
        steps.append("sync of " + ("folder" if Path(f"/dev/fd/{handle}").is_dir() else "file"))
        fsync(handle)

    def watched_replace(self: Path, target: Any) -> Path:
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", watched_sync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    io.save_tensors(tmp_path / "weights.pt", {"w": torch.ones(3)})
    assert steps == ["sync of file", "rename", "sync of folder"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_said_with_the_bytes_and_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    path = tmp_path / "weights.pt"
    io.save_tensors(path, {"w": torch.zeros(2)})

    def full(self: Path, content: Any) -> int:
        with self.open("wb") as file:
            file.write(content[:100])
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskFullError, match=r"needs 4\.0 MB") as caught:
        io.save_tensors(path, {"w": torch.ones(1_000_000)})
    assert str(tmp_path) in str(caught.value)
    assert isinstance(caught.value, AckdError)
    assert names(tmp_path) == {"weights.pt"}
    assert torch.equal(io.load_tensors(path)["w"], torch.zeros(2))


def test_other_errors_of_the_system_pass_unchanged(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(FileExistsError):
        io.write_text(tmp_path / "file" / "inside", "text")


def test_room_is_looked_for_before_writing(tmp_path: Path) -> None:
    io.need_room(tmp_path, 1, "Two images")
    with pytest.raises(DiskFullError, match=r"^Two images need \d+\.0 GB, .* or pray\.$"):
        io.need_room(tmp_path, 10**18, "Two images", "pray")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_named(tmp_path: Path, share: float) -> None:
    path = tmp_path / "weights.pt"
    io.save_tensors(path, {"w": torch.arange(10_000)})
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"weights\.pt is damaged"):
        io.load_tensors(path)


def test_zeros_inside_of_a_file_are_found(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    io.save_tensors(path, {"w": torch.arange(1, 10_001)})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4096] = bytes(4096)
    path.write_bytes(content)
    with pytest.raises(DataError, match="checksum"):
        io.load_tensors(path)
    with pytest.raises(DataError, match="does not exist"):
        io.load_tensors(tmp_path / "nothing.pt")


def test_drafts_of_killed_processes_can_be_removed(tmp_path: Path) -> None:
    io.write_text(tmp_path / "kept.txt", "kept")
    (tmp_path / f".last.ckpt.4711{io.DRAFT_SUFFIX}").write_text("half")
    io.remove_drafts(tmp_path)
    assert names(tmp_path) == {"kept.txt"}
