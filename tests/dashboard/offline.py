"""Reads the files in which W&B keeps an offline run; wandb has no public reader for them.

A ``.wandb`` file is a header and blocks of 32 KiB, each holding whole or partial records as a
LevelDB log does; a record is a protocol buffer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

__all__ = ["OfflineRun", "find_runs", "read_records", "read_run"]

HEADER = struct.Struct("<4sHB")  # name, magic number, version
IDENT, MAGIC = b":W&B", 0xBEE1
BLOCK = 32768
PIECE = struct.Struct("<IHB")  # checksum, length, kind
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass(frozen=True)
class OfflineRun:
    """What an offline run is called and how it ended; ``exit_code`` is None if it never did."""

    folder: Path
    project: str
    group: str
    job_type: str
    name: str
    tags: tuple[str, ...]
    exit_code: int | None


def find_runs(outputs: Path) -> list[Path]:
    """Folders of offline runs under ``outputs``, the oldest first."""
    found = (path for path in outputs.rglob("offline-run-*") if path.is_dir())
    return sorted((p for p in found if any(p.glob("*.wandb"))), key=lambda p: (p.name, p))


def read_run(folder: Path) -> OfflineRun | None:
    """What is known about a run, or None while its file does not say which run it is."""
    (path,) = folder.glob("*.wandb")
    run: Any = None
    exit_code: int | None = None
    for record in read_records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run = record.run
        elif kind == "exit":
            exit_code = int(record.exit.exit_code)
    if run is None:
        return None
    return OfflineRun(
        folder=folder,
        project=run.project,
        group=run.run_group,
        job_type=run.job_type,
        name=run.display_name,
        tags=tuple(run.tags),
        exit_code=exit_code,
    )


def read_records(path: Path) -> Iterator[Any]:
    """Read the records of a ``.wandb`` file, as far as it goes.

    A file that is being written, or whose writer was killed, ends in the middle of a record.
    """
    content = path.read_bytes()
    if len(content) < HEADER.size:
        return
    assert HEADER.unpack_from(content)[:2] == (IDENT, MAGIC), f"{path} is not a file of W&B"
    for message in _messages(content):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(message)
        yield record


def _messages(content: bytes) -> Iterator[bytes]:
    place, pending = HEADER.size, b""
    while place + PIECE.size <= len(content):
        left = BLOCK - place % BLOCK
        if left < PIECE.size:
            place += left  # the rest of a block is too short for a piece
            continue
        _, length, kind = PIECE.unpack_from(content, place)
        begin = place + PIECE.size
        piece = content[begin : begin + length]
        if len(piece) < length or kind not in (FULL, FIRST, MIDDLE, LAST):
            return
        pending = piece if kind in (FULL, FIRST) else pending + piece
        if kind in (FULL, LAST):
            yield pending
        place = begin + length
