"""What a sweep shows while it runs, and at its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from ackd.sweeps.jobs import Job
from ackd.sweeps.pool import Pool
from ackd.sweeps.process import LOG
from ackd.sweeps.states import State, SweepStates
from ackd.sweeps.table import Line, print_table

__all__ = ["Board"]

SHOWN = 24  # running and ended jobs at a time, on a terminal
COLOURS = {
    State.FAILED: "red",
    State.DIVERGED: "red",
    State.FINISHED: "green",
    State.RUNNING: "cyan",
}


class Board:
    """A line a job on a terminal; elsewhere a line whenever one starts or ends."""

    def __init__(self, states: SweepStates, jobs: Sequence[Job], pool: Pool | None) -> None:
        """Show these jobs; ``pool`` is where they run, where that is on this machine."""
        self.states, self.jobs, self.pool = states, list(jobs), pool
        self.console = Console(soft_wrap=True, highlight=False)
        self._live = Live(console=self.console, refresh_per_second=2, transient=True)
        self._next = 0.0

    def __enter__(self) -> Board:
        """Begin to show."""
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Stop showing."""
        if self.console.is_terminal:
            self._live.stop()

    def say(self, job: Job, text: str) -> None:
        """Tell something of a job, where it stays."""
        # A search does not know beforehand how many there will be.
        of = f"/{len(self.jobs)}" if job.number < len(self.jobs) else ""
        self.console.print(f"[{job.number + 1}{of}] {job.label}: {text}", markup=False)

    def tick(self) -> None:
        """Look again, twice a second at most."""
        if self.console.is_terminal and time.monotonic() >= self._next:
            self._next = time.monotonic() + 0.5
            self._live.update(self._now())

    def _now(self) -> Table:
        table = Table(box=None, pad_edge=False, show_header=False)
        for _ in range(4):
            table.add_column(no_wrap=True, overflow="ellipsis")
        here = self.pool.running if self.pool else []
        running = {job.number: (process, slot) for job, process, slot in here}
        waiting = 0
        rows = []
        for job in self.jobs:
            state = self.states.of(job)["state"]
            if state == State.WAITING:
                waiting += 1
            elif job.number in running:
                process, slot = running[job.number]
                last = _last_line(job.folder / LOG)
                rows.append((job.label, f"{slot}, {_time(process.seconds)}", state, last))
            else:
                known = self.states.of(job)
                rows.append((job.label, _time(known["seconds"] or 0), state, known["error"] or ""))
        for label, seconds, state, text in rows[-SHOWN:]:
            colour = COLOURS.get(state, "yellow")
            table.add_row(escape(label), seconds, f"[{colour}]{state}[/]", escape(text))
        if waiting:
            table.add_row(f"{waiting} more wait for a place", "", "", "")
        return table

    def close(self) -> None:
        """Print how every job ended and what it reached."""
        lines = []
        for job in self.jobs:
            known = self.states.of(job)
            told = {name: known[name] for name in ("code", "seconds", "error")}
            lines.append(Line.of(job.varied, job.folder, known["state"], **told))
        print_table(lines, f"{len(self.jobs)} jobs in {self.states.path.parent}", self.console)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{seconds:.0f} s"


def _last_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 2000))
            lines = file.read().decode(errors="replace").replace("\r", "\n").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
