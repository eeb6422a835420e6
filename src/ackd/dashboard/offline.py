"""Reads the files in which W&B keeps a run that was not sent.

A ``.wandb`` file is a header and blocks of 32 KiB, each holding whole or partial records as a
LevelDB log does; a record is a protocol buffer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from ackd.errors import DataError

__all__ = ["OfflineRun", "find_runs", "read_records", "read_run"]

HEADER = struct.Struct("<4sHB")  # name, magic number, version
IDENT, MAGIC = b":W&B", 0xBEE1
BLOCK = 32768
PIECE = struct.Struct("<IHB")  # checksum, length, kind
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass(frozen=True)
class OfflineRun:
    """What is known about a run without sending it.

    Attributes:
        folder: Has the ``.wandb`` file and the pictures.
        project: In W&B.
        entity: User or team; empty for the account's own.
        group: The sweep.
        job_type: The stage.
        name: As shown.
        tags: As shown.
        exit_code: None where the run was never closed: it was killed, or is still running.
        megabytes: Of the whole folder.
        sent: Whether ``wandb sync`` has sent it.
    """

    folder: Path
    project: str
    entity: str
    group: str
    job_type: str
    name: str
    tags: tuple[str, ...]
    exit_code: int | None
    megabytes: float
    sent: bool


def find_runs(outputs: Path) -> list[Path]:
    """Folders of offline runs under ``outputs``, the oldest first."""
    found = (path for path in outputs.rglob("offline-run-*") if path.is_dir())
    return sorted((p for p in found if any(p.glob("*.wandb"))), key=lambda p: (p.name, p))


def read_run(folder: Path) -> OfflineRun:
    """Read what a run is called and how it ended.

    Raises:
        DataError: There is no ``.wandb`` file, or it is not one, or it ends before the run begins.
    """
    path = next(iter(sorted(folder.glob("*.wandb"))), None)
    if path is None:
        raise DataError(f"{folder} has no .wandb file, so it is no run of W&B.")
    run: Any = None
    exit_code: int | None = None
    for record in read_records(path):
        kind = record.WhichOneof("record_type")
        if kind == "run":
            run = record.run
        elif kind == "exit":
            exit_code = int(record.exit.exit_code)
    if run is None:
        raise DataError(f"{path} ends before it says which run it is; the run died at its start.")
    return OfflineRun(
        folder=folder,
        project=run.project,
        entity=run.entity,
        group=run.run_group,
        job_type=run.job_type,
        name=run.display_name,
        tags=tuple(run.tags),
        exit_code=exit_code,
        megabytes=sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6,
        sent=path.with_name(path.name + ".synced").is_file(),
    )


def read_records(path: Path) -> Iterator[Any]:
    """Read the records (``wandb_internal_pb2.Record``) of a ``.wandb`` file, as far as it goes.

    A file that is being written, or whose writer was killed, ends in the middle of a record.

    Raises:
        DataError: It is no such file, or one of another version.
    """
    from wandb.proto import wandb_internal_pb2

    messages: Any = wandb_internal_pb2  # generated code, whose stubs do not name its messages
    content = path.read_bytes()
    if len(content) < HEADER.size or HEADER.unpack_from(content)[:2] != (IDENT, MAGIC):
        raise DataError(f"{path} is not a file of W&B: expected it to begin with {IDENT!r}.")
    for message in _messages(content):
        record = messages.Record()
        try:
            record.ParseFromString(message)
        except DecodeError as error:
            raise DataError(f"{path} cannot be read: a record is damaged ({error}).") from error
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
