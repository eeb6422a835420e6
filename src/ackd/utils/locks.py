"""Locks between processes, which the operating system frees when their holder dies."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["held", "is_free", "locked"]

log = logging.getLogger("ackd")

SIGN_OF_LIFE_SECONDS = 60.0
BEATS_PER_LINE = 10


@contextmanager
def locked(
    path: Path, waiting_for: str, beat: Callable[[], object] | None = None
) -> Iterator[None]:
    """Hold a lock; wait for it and say so where another process has it.

    Args:
        path: The lock's file; its folder exists.
        waiting_for: For the log, e.g. ``"another job that is training the same teacher"``.
        beat: Called once a minute of waiting, e.g. to tell other ranks that this one lives.
    """
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log.info("waiting for %s", waiting_for)
        _wait(lock, waiting_for, beat)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def held(path: Path, refusal: Exception) -> Iterator[None]:
    """Hold a lock for as long as something goes on; its file is removed at the end.

    Args:
        path: The lock's file; its folder is made where there is none.
        refusal: Raised where another process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise refusal from None
    try:
        yield
    finally:
        # Before the release: afterwards it may already be somebody else's. Windows keeps it then.
        with suppress(OSError):
            path.unlink()
        lock.release()


def is_free(path: Path) -> bool:
    """Whether no process holds the lock; nothing is left behind."""
    if not path.exists():
        return True
    try:
        with FileLock(path, blocking=False):
            return True
    except Timeout:
        return False


def _wait(lock: FileLock, waiting_for: str, beat: Callable[[], object] | None) -> None:
    began, beats = time.monotonic(), 0
    while True:
        try:
            lock.acquire(timeout=SIGN_OF_LIFE_SECONDS)
        except Timeout:
            beats += 1
            if beat is not None:
                beat()
            if beats % BEATS_PER_LINE == 0:
                minutes = (time.monotonic() - began) / 60
                log.info("still waiting for %s (%.0f minutes)", waiting_for, minutes)
        else:
            return
