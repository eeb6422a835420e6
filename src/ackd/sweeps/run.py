"""A sweep from its jobs to its closing table."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from ackd.errors import ConfigError
from ackd.runs.folder import RESULT
from ackd.runs.result import read_result, score
from ackd.sweeps.board import Board
from ackd.sweeps.failures import FAILURES
from ackd.sweeps.jobs import Job
from ackd.sweeps.pool import Outcome, Pool, signals_end_it
from ackd.sweeps.slots import Slots
from ackd.sweeps.states import State, SweepStates, held

__all__ = ["Record", "distinct", "refuse_misfits", "run_jobs"]

BEAT_SECONDS = 0.1


def run_jobs(jobs: Sequence[Job], folder: Path, slots: Slots, command: Sequence[str]) -> None:
    """Run all jobs that are not finished, as many at a time as there are places.

    A job that fails leaves the others alone; it is listed at the end and in
    :data:`ackd.sweeps.failures.FAILURES`.

    Args:
        jobs: Of the sweep.
        folder: Of the sweep.
        slots: Where they may run.
        command: What the user wrote, for ``sweep.json``.

    Raises:
        ConfigError: A job needs more devices than there are, or the sweep is running already.
        SystemExit: A signal ended it; the jobs were ended first.
    """
    jobs = distinct(jobs)
    refuse_misfits(jobs, slots)
    pool = Pool(slots)
    with Record(jobs, folder, command, pool) as record, signals_end_it(), pool:
        waiting = deque(record.worth_starting())
        while waiting or pool.running:
            # In their order, so that small jobs do not hold a large one up for ever.
            while waiting and (slot := pool.start(waiting[0])):
                record.start(waiting.popleft(), f"starts on {slot}")
            for outcome in pool.ended():
                record.end(outcome)
            record.board.tick()
            time.sleep(BEAT_SECONDS)
    FAILURES.extend(record.failures)


class Record:
    """What became of the jobs of a sweep: on disk at every change, shown, and in a closing table.

    It holds the folder, so that no other process runs the same sweep.
    """

    def __init__(
        self, jobs: Sequence[Job], folder: Path, command: Sequence[str], pool: Pool | None = None
    ) -> None:
        """Keep record of these jobs.

        Args:
            jobs: Of the sweep.
            folder: Of the sweep.
            command: What the user wrote.
            pool: Where they run, to show how far they are.
        """
        self.jobs, self.folder, self.command, self.pool = list(jobs), folder, command, pool
        self._open = ExitStack()

    def __enter__(self) -> Record:
        """Hold the folder and begin to show."""
        self._open.enter_context(held(self.folder))
        self.states = SweepStates(self.folder, self.command, self.jobs)
        self.board = self._open.enter_context(Board(self.states, self.jobs, self.pool))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Print the closing table, also of a sweep that was ended."""
        if kind is not None:
            self.states.interrupt()
        self._open.close()
        self.board.close()
        if kind is not None:
            self.board.console.print("Ended before its time; the same command goes on from here.")

    @property
    def failures(self) -> list[str]:
        """A sentence for every job that has failed."""
        return self._sentences(State.FAILED)

    @property
    def diverged(self) -> list[str]:
        """A sentence for every trial of a search whose numbers were not finite."""
        return self._sentences(State.DIVERGED)

    def _sentences(self, state: State) -> list[str]:
        known = [(job, self.states.of(job)) for job in self.jobs]
        return [
            f"job {job.number} ({job.label}): {entry['error']}"
            for job, entry in known
            if entry["state"] == state
        ]

    def worth_starting(self) -> list[Job]:
        """The jobs that can run and have not finished; the others are told."""
        return [job for job in self.jobs if not self.settle(job)]

    def settle(self, job: Job) -> bool:
        """Tell of a job that needs no run; returns whether it is one."""
        if job.mistake is not None:
            self.states.change(job, State.FAILED, code=1, error=job.mistake)
            self.board.say(job, f"cannot run: {job.mistake}")
        elif job.finished:
            self.board.say(job, f"finished already ({job.folder / RESULT})")
        return job.mistake is not None or job.finished

    def add(self, job: Job) -> None:
        """Keep record of one more job; the same run again changes nothing while it goes on."""
        known = any(other.folder == job.folder for other in self.jobs)
        if known and self.states.of(job)["state"] == State.RUNNING:
            return
        self.jobs = [*(other for other in self.jobs if other.folder != job.folder), job]
        self.board.jobs = self.jobs
        self.states.add(job)

    def start(self, job: Job, text: str) -> None:
        """Note that a job starts."""
        self.states.attempt(job)
        self.board.say(job, text)

    def end(self, outcome: Outcome, *, pruned: bool = False, diverged: bool = False) -> None:
        """Note how a job ended.

        Args:
            outcome: Of the job.
            pruned: It was ended because it fell behind.
            diverged: It is a trial whose numbers were not finite, which is an answer and not a
                failure.
        """
        job, state = outcome.job, State.FAILED if outcome.code else State.FINISHED
        if pruned:
            state = State.PRUNED
        elif diverged:
            state = State.DIVERGED
        self.states.change(
            job, state, code=outcome.code, error=None if pruned else outcome.error,
            seconds=outcome.seconds,
        )  # fmt: skip
        if state != State.FINISHED:
            why = "" if state == State.PRUNED else f": {outcome.error}"
            self.board.say(job, f"{state} after {outcome.seconds:.0f} s{why}")
            return
        reached = score(read_result(job.folder / RESULT))
        told = "" if reached is None else f", {100 * reached:.1f} % on validation images"
        self.board.say(job, f"finished in {outcome.seconds:.0f} s{told}")


def distinct(jobs: Sequence[Job]) -> list[Job]:
    """Leave out jobs that are the same run as an earlier one."""
    return list({job.folder: job for job in reversed(jobs)}.values())[::-1]


def refuse_misfits(jobs: Sequence[Job], slots: Slots) -> None:
    """Find jobs that would wait for ever.

    Raises:
        ConfigError: One needs more GPUs than there are.
    """
    for job in jobs:
        if not slots.fits(job.devices, on_cpu=job.on_cpu):
            raise ConfigError(
                f"trainer.devices={job.devices} (job {job.number}, {job.label}), but the pool has "
                f"{slots.distinct}; use fewer, give hydra.launcher.devices more, or train on the "
                "CPU: trainer.accelerator=cpu"
            )
