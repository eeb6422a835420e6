"""Jobs side by side, as many as there are places."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType, TracebackType

from ackd.runs.folder import RESULT
from ackd.sweeps.environment import job_environment
from ackd.sweeps.jobs import Job
from ackd.sweeps.process import JobProcess, last_error
from ackd.sweeps.slots import Slot, Slots

__all__ = ["Outcome", "Pool", "signals_end_it"]

# Lightning finishes the batch at hand after SIGTERM, and leaves a checkpoint to go on from.
GRACE_SECONDS = 20.0


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        job: Which one.
        code: Its exit code, 128 + the signal that ended it; 0 only where it has a result.
        error: The last line that it said, None where it finished.
        seconds: How long it took.
    """

    job: Job
    code: int
    error: str | None
    seconds: float


class Pool:
    """Runs jobs; on leaving it, however that comes, none is left running."""

    def __init__(self, slots: Slots) -> None:
        """Run jobs in these places."""
        self.slots = slots
        self._running: dict[int, tuple[Job, JobProcess, Slot]] = {}

    def __enter__(self) -> Pool:
        """Nothing runs yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """End what still runs."""
        self.close()

    @property
    def running(self) -> list[tuple[Job, JobProcess, Slot]]:
        """The jobs of this moment."""
        return list(self._running.values())

    def start(self, job: Job) -> Slot | None:
        """Start a job; None where no place is free for it."""
        slot = self.slots.take(job.devices, on_cpu=job.on_cpu)
        if slot is None:
            return None
        environment = job_environment(os.environ) | slot.variables
        process = JobProcess(job.command(), job.folder, environment)
        self._running[job.number] = (job, process, slot)
        return slot

    def ended(self) -> list[Outcome]:
        """The jobs that have ended since the last call."""
        found = []
        for number, (job, process, slot) in list(self._running.items()):
            code = process.poll()
            if code is None:
                continue
            del self._running[number]
            self.slots.give_back(slot)
            error = None if code == 0 else last_error(job.folder, code)
            if code == 0 and not (job.folder / RESULT).is_file():
                code, error = 1, f"ended well, but left no {RESULT} in {job.folder}"
            found.append(Outcome(job, code, error, process.seconds))
        return found

    def stop(self, job: Job) -> None:
        """Ask a job to end; :meth:`ended` reports it when it has."""
        if job.number in self._running:
            self._running[job.number][1].send(signal.SIGTERM)

    def close(self) -> None:
        """End all jobs: ask them, wait, and end those that do not listen. Again: at once."""
        for _, process, _ in self._running.values():
            process.send(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        try:
            while self._alive() and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            for _, process, _ in self._running.values():
                process.send(signal.SIGKILL)
            while self._alive():
                time.sleep(0.02)
            self._running.clear()

    def _alive(self) -> bool:
        return any(process.poll() is None for _, process, _ in self._running.values())


@contextmanager
def signals_end_it() -> Iterator[None]:
    """Turn SIGTERM, SIGHUP and Ctrl-C inside into ``SystemExit`` with a shell's exit code.

    Whoever holds jobs ends them on the way out.
    """

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            before[number] = signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(TypeError):  # None: set from outside Python
                signal.signal(number, handler)
