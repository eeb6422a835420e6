"""Locks between processes, which the operating system frees when their holder dies."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

if sys.platform != "win32":  # nothing is shared there
    import fcntl

__all__ = ["alone", "held", "is_free", "is_shared", "locked", "shared"]

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
    """Whether no process holds the lock; the file of a holder that was killed is removed."""
    if not path.exists():
        return True
    try:
        with FileLock(path, blocking=False):
            with suppress(OSError):
                path.unlink()
            return True
    except Timeout:
        return False


@contextmanager
def shared(path: Path) -> Iterator[None]:
    """Use something together with others; :func:`alone` is told so as long as this goes on.

    It waits for a process that is alone. Where nobody can lock (a place that cannot be written, a
    file system without locks), it goes on without.

    Args:
        path: The lock's file; its folder exists.
    """
    handle = _lock(path, wait=True)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Whether nobody shares this; if so, nobody can begin to before the end.

    Args:
        path: The lock's file, which is removed at the end; its folder exists.
    """
    handle = _lock(path, wait=False)
    try:
        yield handle is not None or sys.platform == "win32"
    finally:
        if handle is not None:
            # Before it is let go: afterwards it may already be somebody else's.
            with suppress(OSError):
                path.unlink()
            os.close(handle)


def is_shared(path: Path) -> bool:
    """Whether somebody shares this; the file stays, with its time of change."""
    if sys.platform == "win32" or not path.exists():
        return False
    handle = _lock(path, wait=False)
    if handle is not None:
        os.close(handle)
    return handle is None


def _lock(path: Path, *, wait: bool) -> int | None:
    """Lock a file, shared where it may wait; None where that cannot be."""
    if sys.platform == "win32":
        return None
    kind = fcntl.LOCK_SH if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError:
            return None
        try:
            fcntl.flock(handle, kind)
            # Whoever was alone has removed the file that was waited for.
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except FileNotFoundError:
            pass
        except OSError:
            os.close(handle)
            return None
        os.close(handle)


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
