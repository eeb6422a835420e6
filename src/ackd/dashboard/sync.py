"""Sends runs that were kept offline, after saying what would leave the machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ackd.dashboard.offline import OfflineRun, find_runs, read_run
from ackd.errors import AckdError, DataError
from ackd.tracking.wandb_run import has_account

__all__ = ["explain", "sync"]

Send = Callable[[Sequence[str]], int]


def sync(
    outputs: Path,
    *,
    send: bool | None = None,
    unfinished: bool = False,
    command: Send | None = None,
) -> int:
    """Say which offline runs lie under ``outputs``, and send them with ``wandb sync``.

    Args:
        outputs: The ``outputs`` of the runs.
        send: Whether to send; None asks in a terminal and does not send anywhere else.
        unfinished: Also send runs that were never closed. One that is still being written must
            not be sent.
        command: Runs a command and returns its exit code; by default as a process.

    Returns:
        How many runs were sent.

    Raises:
        AckdError: There is no such folder or no account, or a run could not be sent.
    """
    if not outputs.is_dir():
        raise AckdError(f"There is no folder {outputs}; give the one that outputs=DIR named.")
    runs, unreadable = _read_all(outputs)
    chosen = [run for run in runs if not run.sent and (unfinished or run.exit_code is not None)]
    print(explain(outputs, runs, unreadable, unfinished=unfinished))
    if not chosen:
        return 0
    if send is None:
        send = sys.stdin.isatty() and input("Send them now? [y/N] ").strip().lower() in ("y", "yes")
        if not send:
            print("Nothing was sent. Without a question: make wandb-sync SYNC=--yes")
    if not send:
        return 0
    if not has_account():
        raise AckdError(
            "Nothing was sent: no W&B account is set up on this machine. Run `wandb login` once "
            "(or set WANDB_API_KEY), then the same command again."
        )
    failed = [run for run in chosen if (command or _run)(_command(run)) != 0]
    if failed:
        raise AckdError(
            f"{len(failed)} of {len(chosen)} runs could not be sent, the first is "
            f"{failed[0].folder}; they stay where they are, and the same command tries again."
        )
    return len(chosen)


def explain(
    outputs: Path,
    runs: Sequence[OfflineRun],
    unreadable: Sequence[str] = (),
    *,
    unfinished: bool = False,
) -> str:
    """Say in words what lies there, what would be sent, and where to.

    Args:
        outputs: Where it was looked for.
        runs: What was found.
        unreadable: Why other folders are passed over.
        unfinished: See :func:`sync`.
    """
    waiting = [run for run in runs if not run.sent]
    lines = [
        f"{len(runs)} offline W&B runs under {outputs}; {len(runs) - len(waiting)} sent before."
    ]
    open_ones = [run for run in waiting if run.exit_code is None]
    chosen = [run for run in waiting if unfinished or run.exit_code is not None]
    if chosen:
        size = sum(run.megabytes for run in chosen)
        lines += [
            f"To be sent, {size:.1f} MB in all: options, metrics, confusion matrices, terminal "
            "output, names of machine, user and folders,",
            "and pictures of training images where logger.wandb.pictures was on:",
        ]
        lines += [f"  {_line(run)}" for run in chosen]
    if open_ones and not unfinished:
        lines.append("Not closed, so killed or still running, and left alone (--unfinished):")
        lines += [f"  {_line(run)}" for run in open_ones]
    lines += [f"Passed over: {reason}" for reason in unreadable]
    if not chosen:
        lines.append("There is nothing to send.")
    elif not has_account():
        lines.append("No W&B account is set up on this machine; `wandb login` does that.")
    return "\n".join(lines)


def _line(run: OfflineRun) -> str:
    end = {None: "not closed", 0: "finished"}.get(run.exit_code, f"failed ({run.exit_code})")
    place = "/".join(part for part in (run.entity, run.project, run.group) if part)
    return f"{place}  {run.job_type}  {run.name}  {end}  {run.folder}"


def _read_all(outputs: Path) -> tuple[list[OfflineRun], list[str]]:
    runs, unreadable = [], []
    for folder in find_runs(outputs):
        try:
            runs.append(read_run(folder))
        except DataError as error:
            unreadable.append(str(error))
    return runs, unreadable


def _command(run: OfflineRun) -> list[str]:
    # By name, one at a time: what else lies in the folder is not sent.
    return [sys.executable, "-m", "wandb", "sync", str(run.folder)]


def _run(command: Sequence[str]) -> int:
    return subprocess.run(command, check=False).returncode
