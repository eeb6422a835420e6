"""What came out of a sweep: a row for each job, the mean over seeds, and the best by validation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ackd.analysis.statistics import spread
from ackd.runs.folder import RESULT
from ackd.runs.result import read_result, score
from ackd.tasks import MetricDescription, TaskDescription, task_of_result

__all__ = ["Line", "best_line", "print_table"]

WIDTH = 160  # characters, where the output is not a terminal
TITLES = {"validation": "validation", "metrics": "test"}


@dataclass(frozen=True)
class Line:
    """One job of a sweep and what is known of it.

    Attributes:
        options: The swept ones with their values, as they were written.
        folder: Of the run.
        state: How it ended, e.g. ``finished``.
        seconds: How long it took; None where that is not known.
        error: Why there is no result; None where it finished.
        code: Its exit code; None of a job without a process of its own.
        result: Content of its ``result.json``, with the validation of the chosen epoch.
    """

    options: Mapping[str, str]
    folder: Path
    state: str
    seconds: float | None = None
    error: str | None = None
    code: int | None = None
    result: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, words: Sequence[str], folder: Path, state: str, **known: Any) -> Line:
        """Describe a job by its swept overrides, and read its result where there is one."""
        pairs = (word.lstrip("+").partition("=") for word in words)
        result: dict[str, Any] = {}
        if state == "finished" and (folder / RESULT).is_file():
            result = read_result(folder / RESULT)
        return cls({key: text for key, _, text in pairs}, folder, state, result=result, **known)

    @property
    def score(self) -> float | None:
        """What it is ranked by: of validation images, never of test images."""
        return score(dict(self.result)) if self.result else None

    @property
    def measured(self) -> Mapping[str, Any]:
        """What was measured of the student, of the teacher where there is no student."""
        return self.result.get("student") or self.result.get("teacher") or {}

    @property
    def task(self) -> TaskDescription:
        """What its numbers are called."""
        return task_of_result(self.measured)

    @property
    def rank(self) -> float:
        """A number that is larger the better its score is; minus infinity without one."""
        found = self.score
        return float("-inf") if found is None else self.task.selection.better(found)

    def number(self, part: str, metric: str) -> float | None:
        """A metric of the validation or of the test images, ``"metrics"``."""
        value = (self.measured.get(part) or {}).get(metric)
        return None if value is None else float(value)

    def conditions(self) -> dict[str, str]:
        """The swept options without seeds."""
        return {name: value for name, value in self.options.items() if not _is_seed(name)}


def print_table(lines: Sequence[Line], title: str, console: Console | None = None) -> None:
    """Print how every job ended and what it reached.

    Where seeds were swept, a second table has their mean and standard deviation. The best is the
    one with the best validation score, of means where there are seeds.

    Args:
        lines: The jobs, in their order.
        title: Of the table.
        console: Where to print.
    """
    shown = console or Console()
    # A file or a pipe has no width of its own.
    out = Console(width=shown.width if shown.is_terminal else WIDTH, highlight=False)
    seeds = any(_is_seed(name) for line in lines for name in line.options)
    groups = list(_groups(lines))
    best = None if seeds else best_line(lines)
    out.print(_jobs(lines, title, best))
    if seeds and any(len(group) > 1 for group in groups):
        chosen = [group for group in groups if _comparable(lines, group)]
        winner = max(chosen, key=_mean_rank) if len(groups) > 1 else None
        out.print(_means(groups, winner))
        if winner is not None and _mean_rank(winner) > float("-inf"):
            out.print(f"Best by validation, mean over seeds: {_say(winner[0].conditions())}")
    elif seeds:
        best = best_line(lines)
    if best is not None and len(lines) > 1:
        out.print(f"Best by validation: {_say(best.options)}  ({best.folder})", soft_wrap=True)
    if any(line.result.get("protocol") == "paper" for line in lines):
        out.print(
            "protocol=paper: the validation images are the test images, so numbers are too high "
            "for unseen ones."
        )


def best_line(lines: Sequence[Line]) -> Line | None:
    """The job with the best validation score; None where no job has one.

    A teacher is not held against students: it may see what they do not.
    """
    scored = [line for line in _comparable(lines) if line.score is not None]
    return max(scored, key=lambda line: line.rank) if scored else None


def _comparable(lines: Sequence[Line], some: Sequence[Line] | None = None) -> list[Line]:
    """Those of some jobs that have a student, where any job has one; otherwise all of them."""
    students = any(line.result.get("student") for line in lines)
    found = lines if some is None else some
    return [line for line in found if line.result.get("student") or not students]


def _jobs(lines: Sequence[Line], title: str, best: Line | None) -> Table:
    table = Table(title=title, title_style="")
    names = list(dict.fromkeys(name for line in lines for name in line.options))
    processes = any(line.code is not None for line in lines)
    shown = _shown(lines)
    heads = [*(names or ["job"]), "state", *(["exit code"] if processes else []), "time"]
    for head in heads:
        table.add_column(escape(head), overflow="fold")
    for part, metric in shown:
        table.add_column(f"{TITLES[part]} {metric.title}{metric.unit}", justify="right")
    failed = any(line.error for line in lines)
    if failed:
        table.add_column("error", overflow="fold")
    for line in lines:
        cells = [escape(line.options.get(name, "")) for name in names] or [line.folder.name]
        cells.append(line.state)
        if processes:
            cells.append("" if line.code is None else str(line.code))
        cells.append("" if line.seconds is None else _time(line.seconds))
        cells += [_value(line, part, metric) for part, metric in shown]
        if failed:
            cells.append(escape(line.error or ""))
        table.add_row(*cells, style="bold green" if line is best else None)
    captions = []
    if any(part == "metrics" for part, _ in shown):
        captions.append("in brackets: 95 % interval over test images")
    captions += _trivial(lines)
    table.caption = "; ".join(captions) or None
    return table


def _trivial(lines: Sequence[Line]) -> Iterator[str]:
    """What a network reaches on the test images that has learned nothing, as far as is known."""
    for name in dict.fromkeys(line.task.trivial for line in lines if line.result):
        of_task = [line for line in lines if line.result and line.task.trivial == name]
        values = [v for line in of_task if name and (v := line.number("metrics", name)) is not None]
        if name and values:
            metric = of_task[0].task[name]
            ends = dict.fromkeys(metric.bare(end) for end in (min(values), max(values)))
            yield f"{metric.title}: {' to '.join(ends)}{metric.unit}"


def _value(line: Line, part: str, metric: MetricDescription) -> str:
    value = line.number(part, metric.name)
    if value is None:
        return "–"
    interval = (line.measured.get("interval") or {}).get(metric.name) if part == "metrics" else None
    text = metric.bare(value)
    if interval:
        text += rf" \[{metric.bare(interval[0])}, {metric.bare(interval[1])}]"
    return text


def _means(groups: Sequence[Sequence[Line]], winner: Sequence[Line] | None) -> Table:
    every = [line for group in groups for line in group]
    table = Table(title="Mean ± sample standard deviation over seeds", title_style="")
    for name in list(every[0].conditions()) or ["options"]:
        table.add_column(escape(name), overflow="fold")
    table.add_column("seeds", justify="right")
    shown = _shown(every)
    for part, metric in shown:
        table.add_column(f"{TITLES[part]} {metric.title}{metric.unit}", justify="right")
    for group in groups:
        cells = [escape(value) for value in group[0].conditions().values()] or ["all"]
        cells.append(str(sum(bool(line.result) for line in group)))
        for part, metric in shown:
            values = [v for line in group if (v := line.number(part, metric.name)) is not None]
            cells.append(_spread(metric, values))
        table.add_row(*cells, style="bold green" if group is winner else None)
    return table


def _spread(metric: MetricDescription, values: Sequence[float]) -> str:
    if not values:
        return "–"
    found = spread(values)
    return metric.bare(found.mean) + ("" if found.sd is None else f" ± {metric.bare(found.sd)}")


def _groups(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Jobs that differ in seeds alone."""
    found: dict[tuple[tuple[str, str], ...], list[Line]] = defaultdict(list)
    for line in lines:
        found[tuple(sorted(line.conditions().items()))].append(line)
    yield from found.values()


def _mean_rank(group: Sequence[Line]) -> float:
    values = [line.rank for line in group if line.score is not None]
    return sum(values) / len(values) if values else float("-inf")


def _shown(lines: Sequence[Line]) -> list[tuple[str, MetricDescription]]:
    """Columns of numbers that any job has."""
    tasks = [line.task for line in lines if line.result] or [task_of_result(None)]
    task = tasks[0].joined(tasks[1:])
    wanted = [(part, metric) for metric in task.metrics for part in TITLES]
    if task.brief:
        wanted = [("validation", task.selection), *(("metrics", each) for each in task.in_brief)]
    return [
        (part, metric) for part, metric in wanted
        if any(line.number(part, metric.name) is not None for line in lines)
    ]  # fmt: skip


def _is_seed(name: str) -> bool:
    return name.rpartition(".")[2] in ("seed", "split_seed")


def _say(options: Mapping[str, str]) -> str:
    return escape(" ".join(f"{name}={value}" for name, value in options.items())) or "all options"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{seconds:.0f} s"
