"""What was measured over the epochs of each stage, and over the share of labels."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from ackd.report.collect import Run, read_metrics
from ackd.report.conditions import Condition, DataSet
from ackd.report.curves import metric_names
from ackd.report.figures import Wanted, by_option, measured_over_epochs
from ackd.report.model import Figure
from ackd.report.pairing import slices
from ackd.report.segmentation.grid import FRACTION, Column, Entry, Grid, column_of
from ackd.report.segmentation.rows import LISTENED, SETS, row_of
from ackd.report.svg import SERIES
from ackd.utils.values import dig

__all__ = ["cosines", "few_labels", "students", "teachers"]

COSINE = "val/cos_"
NOT_AT_HAND = "Left out, as their folders among the artifacts are not at hand: {}."


def few_labels(data: DataSet, place: str, found: Sequence[Grid]) -> list[Figure]:
    """The main metric by the share of labels, a line for each row that labels train."""
    main, figures = data.task.selection, []
    rows = {id(e.condition): e for grid in found for e in grid.entries if e.condition is not None}
    lines = [
        (entry, part) for part in slices(data, FRACTION)
        if (entry := rows.get(id(part.conditions[0]))) is not None and entry.tuned
    ]  # fmt: skip
    columns = sorted({entry.column for entry, _ in lines})
    for column in columns:
        # Those that a reader looks for come first: SAR alone, the controls, Int, ...
        own = sorted(
            ((e, part) for e, part in lines if e.column == column), key=lambda line: _first(line[0])
        )
        for number, start in enumerate(range(0, len(own), SERIES), 1):
            some = [replace(part, rest=e.row.title) for e, part in own[start : start + SERIES]]
            of = f" ({number} of {-(-len(own) // SERIES)})" if len(own) > SERIES else ""
            anchor = f"{place}-labels-{columns.index(column) + 1}-{number}"
            title = f"{main.head} by the share of SAR labels, {column.title}{of}"
            figures.append(by_option(main, some, anchor, title, logarithmic=True))
    return figures


def _first(entry: Entry) -> tuple[int, ...]:
    """Rows in which labels train all before those in which they train the decoder."""
    group, *rest = entry.row.place
    if group != LISTENED:
        return (0, group, *rest)
    which, ending = rest
    return (1, -ending, -which)


def students(data: DataSet, place: str, grid: Grid) -> list[Figure]:
    """The learning curves of the stage that labels train, a line for each row."""
    main = data.task.selection
    wanted = (
        Wanted(f"val/{main.name}", f"Validation {main.title}", main.head + main.unit, main.factor),
        Wanted("train/loss", "Training loss", "loss"),
        Wanted("val/loss", "Validation loss", "loss"),
    )
    figures = []
    for number, column in enumerate(grid.columns, 1):
        entries = sorted((e for e in grid.of(column) if e.tuned and e.condition), key=_first)
        titles = {id(e.condition): e.row.title for e in entries}
        chosen = replace(data, conditions=tuple(e.condition for e in entries if e.condition))
        figures += measured_over_epochs(
            chosen, place, f"learning{grid.anchor}-{number}",
            f"Learning curves of the students, {column.title}, {grid.title}", wanted,
            label=_called(titles),
        )  # fmt: skip
    return figures


def _called(titles: Mapping[int, str]) -> Callable[[Condition], str]:
    """What conditions are called in a legend, by their identities."""
    return lambda condition: titles[id(condition)]


def teachers(data: DataSet, place: str) -> list[Figure]:
    """The learning curves of the optical networks."""
    main = data.task.selection
    wanted = (
        Wanted(f"val/{main.name}", f"Validation {main.title}", main.head + main.unit, main.factor),
        Wanted("train/loss", "Training loss", "loss"),
        Wanted("val/loss", "Validation loss", "loss"),
    )
    found, missing = _stages(data, "teacher", lambda run, column: column.title)
    return _drawn(data, place, "teachers", "Learning curves of the optical teacher", wanted,
                  found, missing)  # fmt: skip


def cosines(data: DataSet, place: str) -> list[Figure]:
    """The cosine of each layer of the reconstruction with the teacher's, and its loss."""
    found, missing = _stages(
        data, "reconstruction", lambda run, column: _step(run, column, "layers")
    )
    second, others = _stages(
        data, "reconstruction2", lambda run, column: f"{_step(run, column, 'then')}, second step"
    )
    found, missing = found | second, [*missing, *others]
    layers = {name.removeprefix(COSINE) for name in metric_names(list(found.values()), COSINE)}
    wanted = [
        Wanted(f"{COSINE}{layer}", f"Cosine of {layer}, validation", "cosine")
        for layer in sorted(layers, key=_depth)
    ]
    wanted += [
        Wanted("val/loss", "Validation loss", "1 − mean cosine"),
        Wanted("train/loss", "Training loss", "1 − mean cosine"),
    ]
    return _drawn(data, place, "cosines", "Reconstruction: cosine of each layer", wanted, found,
                  missing)  # fmt: skip


def _step(run: Run, column: Column, which: str) -> str:
    """The layers that a step reconstructs, e.g. ``Int``."""
    layers = tuple(map(str, dig(run.result, f"shown.{which}") or ()))
    _, title = SETS.get((layers, ()), ("", "+".join(layers)))
    return f"{title or row_of(run).title}, {column.title}"


def _depth(layer: str) -> tuple[int, int, str]:
    """Encoder, its end, decoder, logits."""
    known = re.fullmatch(r"(e|mid|d|fin)(\d*)", layer)
    if known is None:
        return (9, 0, layer)
    return (("e", "mid", "d", "fin").index(known[1]), int(known[2] or 0), layer)


def _stages(
    data: DataSet, stage: str, title: Callable[[Run, Column], str]
) -> tuple[dict[str, Condition], list[str]]:
    """The epochs of a kept stage, each training once, by title; and what is not at hand."""
    seen: dict[str, str] = {}
    runs: dict[str, list[Run]] = {}
    for condition in sorted(data.conditions, key=lambda each: row_of(each.runs[0])):
        for run in condition.runs:
            name = dig(run.result, f"{stage}.fingerprint")
            if not name or name in seen:
                continue
            told = title(run, column_of(condition))
            seen[name] = ""
            rows = _epochs_of(run, stage)
            if rows:
                runs.setdefault(told, []).append(replace(run, metrics=rows))
            else:
                seen[name] = f"{stage} {name}"
    found = {told: Condition({}, tuple(some), {}) for told, some in runs.items()}
    return found, [name for name in seen.values() if name]


def _epochs_of(run: Run, stage: str) -> tuple[Mapping[str, float], ...]:
    folder = run.stage_folder(stage)
    try:
        return () if folder is None else read_metrics(folder / "metrics.csv")
    except (OSError, ValueError, csv.Error):
        return ()


def _drawn(
    data: DataSet, place: str, name: str, title: str, wanted: Sequence[Wanted],
    found: Mapping[str, Condition], missing: Iterable[str],
) -> list[Figure]:  # fmt: skip
    titles = {id(condition): told for told, condition in found.items()}
    figures = measured_over_epochs(
        replace(data, conditions=tuple(found.values())), place, name, title, wanted,
        label=_called(titles),
    )  # fmt: skip
    absent = ", ".join(missing)
    if not absent:
        return figures
    figures = figures or [Figure(f"{place}-{name}", title, ())]
    return [
        replace(figure, notes=(*figure.notes, NOT_AT_HAND.format(absent))) for figure in figures
    ]
