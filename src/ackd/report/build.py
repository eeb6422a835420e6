"""From runs to a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import import_module

from ackd.report.collect import FINISHED, Run
from ackd.report.conditions import DataSet, data_sets
from ackd.report.model import Cell, Report, Row, Section, Table
from ackd.report.runs import run_tables
from ackd.utils.values import dig

__all__ = ["build"]


def build(runs: Sequence[Run], title: str) -> Report:
    """Make every table and figure that the runs have the numbers for.

    Args:
        runs: Finished, unfinished and broken ones.
        title: What the report is of, e.g. the folder's name.
    """
    found = data_sets(runs)
    states = Counter(run.state for run in runs)
    facts = [
        ("Runs", ", ".join(f"{count} {state}" for state, count in states.most_common())),
        ("Data sets", str(len(found))),
        ("Conditions", str(sum(len(data.conditions) for data in found))),
        ("Seeds a condition", _seeds(found)),
        ("ackd", ", ".join(sorted(_versions(runs))) or "unknown"),
    ]
    text = (
        "A condition is all runs that differ in nothing but the seed. Conditions are told apart by "
        "the options that really differ between their resolved configurations; switches that are "
        "not named are on.",
        "Runs are held against each other only where they saw the same images and splits.",
    )
    sections = [
        import_module(data.program.report).section(data, f"d{number}")
        for number, data in enumerate(found, 1)
    ]
    return Report(title, text, (*sections, _runs_section(runs, found)), tuple(facts))


def _seeds(found: Sequence[DataSet]) -> str:
    counts = {len(c.runs) for data in found for c in data.conditions}
    if not counts:
        return "–"
    return str(min(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"


def _versions(runs: Sequence[Run]) -> set[str]:
    found = set()
    for run in runs:
        if version := dig(run.result, "versions.ackd"):
            commit = str(run.result.get("git") or "")
            changed = "+" if commit.endswith("+") else ""
            found.add(f"{version} ({commit[:8]}{changed})" if commit else str(version))
    return found


def _runs_section(runs: Sequence[Run], found: Sequence[DataSet]) -> Section:
    made = []
    open_runs = [run for run in runs if run.state != FINISHED]
    rows = [Row((Cell(run.name), Cell(run.state), Cell(run.detail or "–"))) for run in open_runs]
    if rows:
        note = "They count in no table above."
        made.append(
            _words("unfinished", "Runs without a result", ("Run", "State", "How far"), rows, note)
        )
    bare = [
        run for run in runs
        if run.state == FINISHED and not dig(run.result, f"{run.side}.metrics")
    ]  # fmt: skip
    if bare:
        rows = [
            Row((Cell(run.name), Cell("has no student metrics (until=teacher?)"))) for run in bare
        ]
        made.append(_words("bare", "Finished without a student", ("Run", "Why left out"), rows))
    problems = [problem for run in runs for problem in run.problems]
    if problems:
        rows = [Row((Cell(problem.file), Cell(problem.reason))) for problem in problems]
        made.append(_words("problems", "Files that could not be used", ("File", "Reason"), rows))
    made += run_tables(runs, found)
    return Section("all-runs", "Runs", (), tuple(made))


def _words(name: str, title: str, heads: tuple[str, ...], rows: list[Row], note: str = "") -> Table:
    words = frozenset(i for i, head in enumerate(heads) if not head.endswith("%"))
    return Table(name, title, heads, tuple(rows), (note,) if note else (), words)
