"""``sweep.json``: which jobs a sweep has, and how far they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any

from ackd.errors import ConfigError
from ackd.sweeps.jobs import Job
from ackd.utils import locks
from ackd.utils.io import read_json, write_json

__all__ = ["STATES", "State", "SweepStates", "held"]

STATES = "sweep.json"
LOCK = ".sweep.lock"


class State(StrEnum):
    """How a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    PRUNED = "pruned"
    DIVERGED = "diverged"


class SweepStates:
    """What is known of every job, on disk at every change.

    Jobs of an earlier command in the same folder stay listed. Whether a job is finished is not
    decided here, but by its ``result.json``.
    """

    def __init__(self, folder: Path, command: Sequence[str], jobs: Sequence[Job]) -> None:
        """Open or go on with the record of a sweep.

        Args:
            folder: Of the sweep.
            command: What the user wrote.
            jobs: Of this command.
        """
        self.path = folder / STATES
        self.command = list(command)
        self._jobs: dict[str, dict[str, Any]] = {}
        if self.path.is_file():
            try:
                self._jobs = {entry["folder"]: entry for entry in read_json(self.path)["jobs"]}
            except (OSError, ValueError, KeyError, TypeError):
                # It only tells people how far things are; the old one is kept for them.
                self.path.replace(self.path.with_suffix(".json.unreadable"))
        for job in jobs:
            self.add(job)
        self._write()

    def add(self, job: Job) -> None:
        """List a job; what is known of an earlier attempt stays, what it came to does not."""
        before = self._jobs.get(job.folder.name, {})
        self._jobs[job.folder.name] = {
            "number": job.number, "label": job.label, "folder": job.folder.name,
            "overrides": list(job.overrides), "fingerprint": job.fingerprint,
            "state": State.FINISHED if job.finished else State.WAITING,
            "code": 0 if job.finished else None, "error": None,
            "seconds": before.get("seconds"), "attempts": before.get("attempts", 0),
        }  # fmt: skip

    def attempt(self, job: Job) -> None:
        """Note that a job starts."""
        self._jobs[job.folder.name]["attempts"] += 1
        self.change(job, State.RUNNING)

    def change(
        self, job: Job, state: State, *, code: int | None = None, error: str | None = None,
        seconds: float | None = None,
    ) -> None:  # fmt: skip
        """Note how a job stands."""
        entry = self._jobs[job.folder.name]
        entry |= {"state": state, "code": code, "error": error}
        if seconds is not None:
            entry["seconds"] = round(seconds, 3)
        self._write()

    def of(self, job: Job) -> dict[str, Any]:
        """What is known of a job."""
        return dict(self._jobs[job.folder.name])

    def interrupt(self) -> None:
        """Note that all jobs that run are ended before their time."""
        for entry in self._jobs.values():
            if entry["state"] == State.RUNNING:
                entry["state"] = State.INTERRUPTED
        self._write()

    def _write(self) -> None:
        jobs = sorted(self._jobs.values(), key=lambda entry: (entry["number"], entry["folder"]))
        write_json(self.path, {"schema_version": 1, "command": self.command, "jobs": jobs})


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder of a sweep; the operating system frees it when this process dies.

    Raises:
        ConfigError: Another process runs the same sweep.
    """
    refusal = ConfigError(
        f"Another process runs this sweep ({folder}); wait for it, or give this one another "
        "folder: hydra.sweep.dir=DIR"
    )
    with locks.held(folder / LOCK, refusal):
        yield
