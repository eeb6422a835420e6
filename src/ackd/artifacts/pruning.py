"""Delete artifacts that nobody needs, and nothing that a running process holds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ackd.artifacts.found import LOCKS, PRUNED, STAGES, Item, Kind, training_lock
from ackd.artifacts.usage import use_lock
from ackd.errors import ConfigError, did_you_mean
from ackd.runs.folder import LOCK as RUNNING
from ackd.utils.locks import alone, is_free

__all__ = ["chosen", "named", "prune", "remove_dead_locks"]

DAY_SECONDS = 86400.0
SHORTEST = 4  # characters of a fingerprint that may stand for it


def chosen(
    items: Iterable[Item], *, unused: bool, older_than: float | None, now: float
) -> list[Item]:
    """Choose what may go.

    Args:
        items: Everything.
        unused: Only what no run uses.
        older_than: Only what was last used more than so many days ago; None: whenever.
        now: Seconds since 1970.
    """
    return [
        item
        for item in items
        if not item.held
        and not (unused and item.used)
        and (older_than is None or now - item.last_use > older_than * DAY_SECONDS)
    ]


def named(items: Sequence[Item], names: Sequence[str]) -> list[Item]:
    """Find items by ``STAGE/NAME``, or by the beginning of NAME.

    Raises:
        ConfigError: There is no such item, or a beginning fits several.
    """
    found: list[Item] = []
    for word in names:
        fitting = [
            item
            for item in items
            if word in (item.label, item.name)
            or (len(word.rpartition("/")[2]) >= SHORTEST and _begins(item, word))
        ]
        labels = sorted({item.label for item in fitting})
        if not labels:
            hint = did_you_mean(word, [item.label for item in items], "{}")
            raise ConfigError(
                f"There is no artifact {word}.{hint} python -m ackd.artifacts list shows all."
            )
        if len(labels) > 1:
            raise ConfigError(f"{word} may be {' or '.join(labels)}; write more of the name.")
        found += [item for item in fitting if item not in found]
    return found


def _begins(item: Item, word: str) -> bool:
    stage, slash, name = word.rpartition("/")
    return item.name.startswith(name) and (not slash or stage == item.stage)


def prune(items: Iterable[Item]) -> Iterator[tuple[Item, str]]:
    """Delete items; gives each with the reason why it is still there, empty where it is gone.

    A reader finds an artifact whole or not at all: it is renamed before it is deleted.
    """
    for item in items:
        try:
            yield item, "" if _delete(item) else "a running process uses it"
        except OSError as error:
            yield item, error.strerror or str(error)


def _delete(item: Item) -> bool:
    artifact = item.artifact
    with ExitStack() as stack:
        if not stack.enter_context(alone(use_lock(artifact))):
            return False
        lock = training_lock(artifact)
        if lock.exists():
            try:
                stack.enter_context(FileLock(lock, blocking=False))
            except Timeout:
                return False
        gone = item.folder.with_name(f".{item.name}{PRUNED}-{os.getpid()}")
        item.folder.rename(gone)
        shutil.rmtree(gone)
        if item.kind is not Kind.LEFTOVER and not artifact.exists():
            with suppress(OSError):
                lock.unlink()
    return True


def remove_dead_locks(root: Path, outputs: Iterable[Path]) -> int:
    """Remove lock files of artifacts that are not there and of runs that were killed.

    Args:
        root: The artifacts folder.
        outputs: Folders of runs.

    Returns:
        How many were removed.
    """
    removed = 0
    for stage in STAGES:
        for suffix in LOCKS:
            for path in (root / stage).glob(f"*{suffix}"):
                artifact = path.with_name(path.name.removesuffix(suffix))
                drafts = list(path.parent.glob(f"{artifact.name}.*/"))
                if artifact.exists() or drafts:
                    continue
                with alone(use_lock(artifact)) as unused:
                    if unused and (suffix == ".use" or is_free(path)):
                        removed += 1
    for folder in outputs:
        for path in folder.rglob(RUNNING):
            removed += is_free(path)
    return removed
