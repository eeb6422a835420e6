"""Files that are either whole or not there, whatever ends the process or fills the disk.

A file is written beside its place, brought to the disk (fsync) and then renamed, so that a reader
finds the old content or the new one. Nothing goes through a temporary folder, which may be on
another and smaller disk than the place that was asked for.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ackd.errors import DamagedError, DiskFullError

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "DRAFT_SUFFIX",
    "beside",
    "full_disk_told",
    "load_tensors",
    "need_room",
    "read_json",
    "remove_drafts",
    "save_tensors",
    "say_bytes",
    "sync",
    "sync_folder",
    "write_bytes",
    "write_json",
    "write_npy_header",
    "write_text",
]

#: What a file is called while it is written: ``.NAME.PID.part``, beside its place.
DRAFT_SUFFIX = ".part"

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def beside(path: Path, needed: int | None = None) -> Iterator[Path]:
    """Give the name of a neighbor to write to, which takes the place of ``path`` at the end.

    The neighbor is brought to the disk before it is renamed, and its folder after it, so that a
    power cut leaves the old or the new file. Where anything goes wrong it is removed.

    Args:
        path: The file; its folder is made where there is none.
        needed: Bytes that will be written where that is known, for the message of a full disk.

    Raises:
        DiskFullError: The disk or the user's share of it is full.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}{DRAFT_SUFFIX}")
    # Outside, so that the room of what was half-written counts as free again.
    with full_disk_told(path, needed):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield draft
            with draft.open("rb+") as file:
                sync(file)
            draft.replace(path)
            sync_folder(path.parent)
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)


@contextmanager
def full_disk_told(path: Path, needed: int | None = None) -> Iterator[None]:
    """Say of a disk that becomes full inside which file it was, and how many bytes it needs.

    Raises:
        DiskFullError: The disk or the user's share of it is full.
    """
    try:
        yield
    except DiskFullError:
        raise
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise DiskFullError(_full(path, error, needed)) from error


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Write ``content`` whole or not at all.

    Raises:
        DiskFullError: The disk is full.
    """
    with beside(path, len(content)) as draft:
        draft.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a mapping as readable JSON, whole or not at all.

    Raises:
        ValueError: A number is not finite, which JSON does not know.
    """
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read what :func:`write_json` wrote.

    Raises:
        DamagedError: It is cut off or damaged.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedError(f"{path} is damaged ({_line(error)}).") from error
    return content


def save_tensors(path: Path, content: Mapping[str, Any]) -> None:
    """Save tensors and builtins, whole or not at all; :func:`load_tensors` reads them.

    Raises:
        DiskFullError: The disk is full.
    """
    import torch  # late: those who write text alone need not wait for it

    # In memory first, as Lightning does it too: torch tells of a full disk in words of its own.
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    # Released at once: a view that an error's traceback keeps in a cycle crashes Python before
    # 3.12.2 when it is collected.
    with buffer.getbuffer() as saved:
        write_bytes(path, saved)


def load_tensors(path: Path) -> dict[str, Any]:
    """Read what :func:`save_tensors` wrote, on the CPU, after a look at its checksums.

    Raises:
        DamagedError: The file is missing, cut off or otherwise damaged.
    """
    import torch

    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} is wrong")
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise DamagedError(f"{path} does not exist.") from error
    # torch has many ways to say it: RuntimeError, EOFError, UnpicklingError, KeyError.
    except Exception as error:
        size = path.stat().st_size if path.exists() else 0
        raise DamagedError(
            f"{path} is damaged, {size} bytes of it are there ({_line(error)})."
        ) from error
    return content


def need_room(folder: Path, needed: int, what: str, way_out: str = "") -> None:
    """Make sure that a disk has room for what is about to be written.

    Args:
        folder: On the disk; it exists.
        needed: Bytes.
        what: A subject for the message in the plural, e.g. ``"The teacher's outputs"``.
        way_out: What else the user can do, e.g. ``"choose another folder (artifacts=DIR)"``.

    Raises:
        DiskFullError: It has not.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DiskFullError(
            f"{what} need {say_bytes(needed)}, but the disk of {folder} has {say_bytes(free)} "
            f"left; make room there{f', or {way_out}' if way_out else ''}."
        )


def write_npy_header(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Begin a ``.npy`` file whose rows follow block by block."""
    from numpy.lib import format as npy

    npy.write_array_header_1_0(
        file, {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    )


def sync(file: IO[Any]) -> None:
    """Bring what was written to an open file to the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk, e.g. after a rename; where a system can do that."""
    # Windows opens no folders, and some network file systems do not sync them.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_drafts(folder: Path) -> None:
    """Remove what killed processes left half-written; nobody else may be writing there."""
    for draft in folder.glob(f".*{DRAFT_SUFFIX}"):
        draft.unlink(missing_ok=True)


def say_bytes(count: int) -> str:
    """A number of bytes in readable units, e.g. ``"12.3 MB"``."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _full(path: Path, error: OSError, needed: int | None) -> str:
    needs = "more room" if needed is None else say_bytes(needed)
    try:
        left = f"has {say_bytes(shutil.disk_usage(path.parent).free)} left"
    except OSError:
        left = "is full"
    return (
        f"{path} could not be written ({error.strerror}): it needs {needs}, and the disk of "
        f"{path.parent} {left}, if no quota or limit on files (ulimit -f) says otherwise. Make "
        "room there or choose another place; what was there before is untouched."
    )


def _line(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= 120 else words[:119] + "…"
