"""From runs to a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ackd.report import comparisons, figures, tables, timing
from ackd.report.classes import class_tables, recall_by_class
from ackd.report.collect import FINISHED, Run
from ackd.report.conditions import DataSet, data_sets
from ackd.report.model import Cell, Report, Row, Section, Table
from ackd.report.published import is_published, reference
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
    sections = [_data_section(data, f"d{number}") for number, data in enumerate(found, 1)]
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


def _data_section(data: DataSet, place: str) -> Section:
    paper = reference(data)
    made = [
        tables.overview(data),
        tables.architectures(data, paper),
        tables.methods(data, paper),
        tables.with_and_without(data, paper),
        *tables.sensitivity(data, paper),
        tables.ablation(data, paper),
        *comparisons.comparisons(data),
        timing.training_time(data, paper),
        *timing.loss_terms(data),
        recall_by_class(data),
        *class_tables(data),
    ]
    options = [option for option, _ in tables.SENSITIVITY]
    drawn = [
        *figures.sensitivities(data, place, options),
        *figures.learning(data, place),
        *figures.transport(data, place),
        *figures.rematching(data, place),
        *figures.loss_terms(data, place),
        figures.confusions(data, place),
    ]
    return Section(
        place,
        f"{_name(data)}, protocol={data.about.get('protocol')}",
        _describe(data),
        tuple(replace(table, name=f"{place}-{table.name}") for table in made if table),
        tuple(figure for figure in drawn if figure),
        _mark(data),
    )


def _name(data: DataSet) -> str:
    name = str(data.about.get("name", "unknown data"))
    return name.upper().replace("_", "-") if is_published(name) else name


def _mark(data: DataSet) -> str:
    name = data.about.get("name")
    if not is_published(name) or data.about.get("class_map", name) != name:
        kind = "Embedded synthetic scenes" if name == "synthetic" else "Another data set"
        return f"{kind}: the paper has no numbers for it, and none are shown."
    if data.about.get("partial"):
        reasons = "; ".join(str(reason) for reason in data.about.get("partial_reasons", ()))
        return f"Partial copy of the published data set: {reasons or 'see result.json'}."
    return ""


def _describe(data: DataSet) -> tuple[str, ...]:
    about = data.about
    bands = {side: len(dig(about, f"bands.{side}") or ()) for side in ("ms", "rgb")}
    lines = []
    for side, title in (("ms", "MS"), ("rgb", "RGB")):
        sizes = dig(about, f"split_sizes.{side}") or {}
        parts = ", ".join(f"{count} {part}" for part, count in sizes.items())
        lines.append(f"{title}: {parts or 'sizes unknown'} images of {bands[side]} bands")
    classes = len(about.get("classes", ()))
    words = f"{classes} classes. {'; '.join(lines)}. Split seed {about.get('split_seed')}, "
    words += f"fold {about.get('fold')}."
    if about.get("protocol") == "paper":
        words += (
            " protocol=paper: the best epoch is chosen on the images that are reported, so numbers "
            "are too high for unseen ones."
        )
    leaks = dig(about, "twins.twin_leaks")
    if leaks:
        words += f" {leaks} RGB test images have their MS twin among the teacher's images."
    return (words,)


def _runs_section(runs: Sequence[Run], found: Sequence[DataSet]) -> Section:
    made = []
    open_runs = [run for run in runs if run.state != FINISHED]
    rows = [Row((Cell(run.name), Cell(run.state), Cell(run.detail or "–"))) for run in open_runs]
    if rows:
        note = "They count in no table above."
        made.append(
            _words("unfinished", "Runs without a result", ("Run", "State", "How far"), rows, note)
        )
    bare = [run for run in runs if run.state == FINISHED and not dig(run.result, "student.metrics")]
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
