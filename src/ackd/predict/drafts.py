"""Several files of one result, none of which is there before all of them are whole."""

from __future__ import annotations

import glob
import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from ackd.utils.io import DRAFT_SUFFIX, beside, full_disk_told

__all__ = ["Drafts", "drafts"]

#: Seconds after which a draft of a process that is no more is nobody's.
_OLD: Final = 3600.0


class Drafts:
    """Gives names of neighbors to write to."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def of(self, path: Path) -> Path:
        """A neighbor that takes the place of ``path`` at the end."""
        _remove_old(path)
        return self._stack.enter_context(beside(path))

    def scratch(self, path: Path) -> Path:
        """A neighbor that is removed at the end, whatever happens."""
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_old(path)
        place = path.with_name(f".{path.name}.{os.getpid()}{DRAFT_SUFFIX}")
        self._stack.enter_context(full_disk_told(path))
        self._stack.callback(place.unlink, missing_ok=True)
        return place


@contextmanager
def drafts() -> Iterator[Drafts]:
    """Collect files; they take their places when all was well, and are removed where it was not."""
    with ExitStack() as stack:
        yield Drafts(stack)


def _remove_old(path: Path) -> None:
    """Remove what a killed process has left of this very file, some time ago."""
    for draft in path.parent.glob(f".{glob.escape(path.name)}.*{DRAFT_SUFFIX}"):
        found = re.fullmatch(r"\.(\d+)", draft.name[len(path.name) + 1 : -len(DRAFT_SUFFIX)])
        with suppress(OSError):
            if found and not _lives(int(found[1])) and time.time() - draft.stat().st_mtime > _OLD:
                draft.unlink()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # somebody else's
    return True
