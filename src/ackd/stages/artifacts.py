"""Finished stages: trained once, found again by fingerprint, never trained twice at a time."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch.distributed
from filelock import FileLock, Timeout

from ackd.stages.files import write_json
from ackd.stages.fingerprint import fingerprint

__all__ = ["Artifact", "Stage", "obtain"]

log = logging.getLogger("ackd")

DONE = "stage.json"


class Stage(Protocol):
    """Something that is trained once and used by many runs."""

    name: str
    """Folder under the artifacts, and the word in the log."""

    format_version: int
    """Raised by one whenever the code changes what a finished stage holds or means."""

    def shaped_by(self) -> dict[str, Any]:
        """Everything that decides what comes out, as plain values: no paths, workers, devices."""
        ...

    def train(self, folder: Path, *, resume: bool) -> None:
        """Train and leave the product in ``folder``, going on from what is there if ``resume``."""
        ...


@dataclass(frozen=True)
class Artifact:
    """A finished stage on disk."""

    folder: Path
    fingerprint: str
    reused: bool


def obtain(stage: Stage, root: Path, *, force: bool = False, resume: bool = False) -> Artifact:
    """Find a finished stage, or train it.

    While one process trains, others that need the same stage wait for it and then reuse it; where
    it dies, the next one takes over. A stage is trained in a folder of its own and renamed when it
    is finished; under ``force`` the earlier one is replaced only then.

    Args:
        stage: What is needed.
        root: The artifacts folder.
        force: Train although a finished one is there.
        resume: Go on from the checkpoint of an earlier, interrupted training.
    """
    shape = {"stage": stage.name, "format": stage.format_version, **stage.shaped_by()}
    name = fingerprint(shape)
    final = root.absolute() / stage.name / name
    hint = f"train it anew with 'force=[{stage.name}]'"
    if not force and (final / DONE).is_file():
        log.info("reusing %s %s (%s)", stage.name, name, hint)
        return Artifact(final, name, reused=True)
    final.parent.mkdir(parents=True, exist_ok=True)
    if _is_child_rank():
        # Rank 0 holds the lock and has started this process to train along.
        stage.train(final.with_name(f"{name}.training"), resume=resume)
        _barrier()
        return Artifact(final, name, reused=False)
    with _locked(final.with_name(f"{name}.lock"), stage.name):
        # Somebody else may have finished it while this process waited.
        if not force and (final / DONE).is_file():
            log.info("reusing %s %s, just finished by another job (%s)", stage.name, name, hint)
            return Artifact(final, name, reused=True)
        draft = final.with_name(f"{name}.training")
        if draft.exists() and not resume:
            shutil.rmtree(draft)
        draft.mkdir(exist_ok=True)
        log.info("training %s %s", stage.name, name)
        stage.train(draft, resume=resume)
        write_json(draft / DONE, {"fingerprint": name, "shaped_by": shape})
        if final.exists():
            shutil.rmtree(final)
        draft.rename(final)
    _barrier()
    return Artifact(final, name, reused=False)


@contextmanager
def _locked(path: Path, name: str) -> Iterator[None]:
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log.info("waiting for another job that is training the same %s", name)
        # The operating system releases the lock of a process that dies.
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _is_child_rank() -> bool:
    return int(os.environ.get("LOCAL_RANK", "0")) > 0 or int(os.environ.get("NODE_RANK", "0")) > 0


def _barrier() -> None:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
