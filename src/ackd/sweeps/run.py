"""A sweep from its jobs to its closing table."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from ackd.errors import ConfigError
from ackd.stages.files import read_json
from ackd.stages.result import score
from ackd.stages.runs import RESULT
from ackd.sweeps.board import Board
from ackd.sweeps.failures import FAILURES
from ackd.sweeps.jobs import Job
from ackd.sweeps.pool import Outcome, Pool, signals_end_it
from ackd.sweeps.slots import Slots
from ackd.sweeps.states import SweepStates, held

__all__ = ["distinct", "refuse_misfits", "run_jobs"]

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
    with held(folder):
        states = SweepStates(folder, command, jobs)
        with signals_end_it(), Pool(slots, folder) as pool, Board(states, jobs, pool) as board:
            waiting = deque(_worth_starting(jobs, states, board))
            try:
                while waiting or pool.running:
                    # In their order, so that small jobs do not hold a large one up for ever.
                    while waiting and (slot := pool.start(waiting[0])):
                        states.attempt(waiting[0])
                        board.say(waiting.popleft(), f"starts on {slot}")
                    for outcome in pool.ended():
                        _note(outcome, states, board)
                    board.tick()
                    time.sleep(BEAT_SECONDS)
            except SystemExit:
                states.interrupt()
                board.console.print("ending the jobs; the same command goes on from here")
                raise
        board.close()
    for job in jobs:
        known = states.of(job)
        if known["state"] != "finished":
            FAILURES.append(f"job {job.number} ({job.label}): {known['error']}")


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


def _worth_starting(jobs: Sequence[Job], states: SweepStates, board: Board) -> list[Job]:
    left = []
    for job in jobs:
        if job.mistake is not None:
            states.change(job, "failed", code=1, error=job.mistake)
            board.say(job, f"cannot run: {job.mistake}")
        elif job.finished:
            board.say(job, f"finished already ({job.folder / RESULT})")
        else:
            left.append(job)
    return left


def _note(outcome: Outcome, states: SweepStates, board: Board) -> None:
    state = "failed" if outcome.code else "finished"
    states.change(
        outcome.job, "failed" if outcome.code else "finished", code=outcome.code,
        error=outcome.error, seconds=outcome.seconds,
    )  # fmt: skip
    if state == "failed":
        board.say(outcome.job, f"failed after {outcome.seconds:.0f} s: {outcome.error}")
        return
    reached = score(read_json(outcome.job.folder / RESULT))
    board.say(outcome.job, f"finished in {outcome.seconds:.0f} s, {100 * reached:.1f} %")
