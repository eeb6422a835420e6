"""Which artifacts a run uses: noted in its folder, and held so that they are not pruned meanwhile.

``python -m ackd.artifacts`` reads the one and respects the other.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

from ackd.runs.folder import IDENTITY
from ackd.runs.ranks import first_rank
from ackd.utils.io import read_json, write_json
from ackd.utils.locks import shared

__all__ = ["ARTIFACTS", "Usage", "use_lock"]

#: Key of run.json and result.json: what was used, by stage, relative to the run folder.
ARTIFACTS = "artifacts"


def use_lock(artifact: Path) -> Path:
    """The lock that everyone shares who uses an artifact; its time of change is the last use."""
    return artifact.with_name(f"{artifact.name}.use")


class Usage:
    """What one run uses, from the moment it looks for it to the end of the run."""

    def __init__(self, folder: Path) -> None:
        """Begin without artifacts.

        Args:
            folder: Of the run.
        """
        self.folder = folder
        self.used: dict[str, str] = {}
        self._open = ExitStack()

    def __enter__(self) -> Usage:
        """Nothing is used yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Let all of them go."""
        self._open.close()

    def begin(self, artifact: Path) -> None:
        """Hold an artifact, which may still have to be made, and note it.

        Args:
            artifact: ``ROOT/STAGE/NAME``.
        """
        lock = use_lock(artifact)
        with suppress(OSError):  # a place that cannot be written is not pruned either
            lock.parent.mkdir(parents=True, exist_ok=True)
        self._open.enter_context(shared(lock))
        with suppress(OSError):
            os.utime(lock)
        self.used[artifact.parent.name] = os.path.relpath(artifact, self.folder)
        path = self.folder / IDENTITY
        if first_rank() and path.is_file():
            write_json(path, read_json(path) | {ARTIFACTS: self.used})
