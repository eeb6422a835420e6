"""The process tree of a job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

__all__ = ["LOG", "JobProcess", "last_error"]

LOG = "job.log"
TAIL_BYTES = 65536


class JobProcess:
    """A job that runs in a process group of its own, and ends with this process."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        """Start it.

        Args:
            command: Of the job.
            folder: Its run folder; what it says goes into ``job.log`` there.
            environment: All of it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._log: IO[bytes] = (folder / LOG).open("ab")
        # Not the package's own name: it would import torch.
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("keeper.py")), *command],
            stdin=subprocess.PIPE, stdout=self._log, stderr=subprocess.STDOUT,
            env=dict(environment), start_new_session=True,
        )  # fmt: skip
        self._began = time.monotonic()

    @property
    def group(self) -> int:
        """The process group of the job and of all ranks that it starts."""
        return self._process.pid

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self._began

    def poll(self) -> int | None:
        """Its exit code, 128 + the signal that ended it, or None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        # A rank that hangs, or what is left where the keeper itself was killed.
        self.send(signal.SIGKILL)
        self._close()
        return 128 - code if code < 0 else code

    def send(self, number: signal.Signals) -> None:
        """Send a signal to every process of the job."""
        try:
            os.killpg(self.group, number)
        except (ProcessLookupError, PermissionError):
            return

    def _close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._log.close()


def last_error(folder: Path, code: int) -> str:
    """The sentence with which a job ended, from its log.

    Args:
        folder: Of the job.
        code: Its exit code.
    """
    lines: list[str] = []
    if (folder / LOG).is_file():
        with (folder / LOG).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines()]
    said = [line.removeprefix("ackd: ") for line in lines if line.startswith("ackd: ")]
    if said and code < 128:
        return said[-1]
    if code > 128:
        try:
            return f"ended by {signal.Signals(code - 128).name}"
        except ValueError:
            return f"ended with exit code {code}"
    rest = [line for line in lines if line]
    return f"exit code {code}: {rest[-1]}" if rest else f"exit code {code}, without a word"
