"""The paper's tables of one data set, from our runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from ackd.report.conditions import Condition, DataSet, say, short
from ackd.report.model import BEST_EPOCH, Cell, Row, Table, best_along, best_of, blank, measured, of
from ackd.report.pairing import baseline_of, main_variants, plain_of, slices, switched
from ackd.report.predictions import interval_of
from ackd.report.published import R_R, Reference, pair_of, published_row
from ackd.tasks import MetricDescription

__all__ = ["ablation", "architectures", "methods", "overview", "sensitivity", "with_and_without"]

TEST, VALIDATION = "metrics", "validation"  # parts of result.json
SENSITIVITY = (
    ("dynm.gamma", "Tables 6 and 9: temperature γ of DynM"),
    ("planner.heads", "Figure 5: heads H of the Planner"),
    ("loss.lambda1", "Figure 5: weight λ1 of the distillation loss"),
    ("dynm.e0", "Figure 5: first epoch e0 of DynM"),
    ("dynm.delta", "Figure 5: epochs Δe between matches"),
    ("dynm.mu", "Figure 5: growth μ of the epochs between matches"),
)
SPREAD = (
    "Mean ± sample standard deviation over seeds, of test images unless validation is named. "
    "Bold: best mean on the validation images, by which alone is to be chosen. "
    "Δ: over the seeds that both have."
)
SAME_IMAGES = "With protocol=paper the validation images are the test images."
PARTS = ("matching.initial", "dynm.enabled", "ska.ot1", "ska.ot2")
PART_TITLES = ("SSM", "DynM", "L_ot1", "L_ot2")


def overview(data: DataSet) -> Table:
    """Every condition with everything that was measured of it."""
    metrics, images = data.task.metrics, data.task.image_metric
    teacher_metrics = _teacher_metrics(data)
    rows: list[Row] = []
    for condition in data.conditions:
        teacher, student = condition.networks
        cells = [
            Cell(condition.label), Cell(f"{teacher or '–'} → {student}"),
            Cell(", ".join(str(run.seed) for run in condition.runs)),
        ]  # fmt: skip
        for metric in metrics:
            cells += [_measured(condition, metric, part) for part in (VALIDATION, TEST)]
            if metric.name == images:
                cells.append(_over_images(condition, metric))
        cells += [measured(metric, _teacher(condition, metric)) for metric in teacher_metrics]
        epochs = [epoch + 1 for epoch in condition.values("student.best_epoch")]
        rows.append(Row((*cells, of(epochs, 0))))
    columns = ["Condition", "Teacher → student", "Seeds"]
    ranked = []
    for metric in metrics:
        ranked += [len(columns), len(columns) + 1]
        columns += [_head("Validation", metric), _head("", metric)]
        if metric.name == images:
            columns.append(f"{metric.head} 95 % interval")
    columns += [_head("Teacher", metric) for metric in teacher_metrics]
    columns.append("Best epoch")
    notes = [*_spread(data), BEST_EPOCH]
    if images:
        head = data.task[images].head
        notes.append(
            f"{head} 95 % interval: of the mean {head} over the choice of test images; Wilson's "
            "where an image is right or wrong, otherwise a BCa bootstrap. The networks are taken "
            "as given."
        )
    if data.together:
        notes.append(
            "These options differ as well. Each has one value for each combination of those shown: "
            + ", ".join(data.together) + "."
        )  # fmt: skip
    if data.repeats:
        names = ", ".join(run.name for run in data.repeats)
        notes.append(f"Left out, as a later run has the same options and seed: {names}.")
    return Table(
        "conditions", "All conditions", tuple(columns), best_of(rows, *ranked), tuple(notes),
        frozenset({0, 1, 2}),
    )  # fmt: skip


def _head(words: str, metric: MetricDescription, more: str = "") -> str:
    """The head of a column, e.g. ``Validation OA %``; what a condition is called comes behind."""
    text = " ".join(part for part in (words, metric.head) if part) + metric.unit
    return f"{text} {more}" if more else text


def _measured(condition: Condition, metric: MetricDescription, part: str = TEST) -> Cell:
    """A metric over seeds, with its rank by the validation images."""
    values, ranked_by = (
        condition.values(f"student.{each}.{metric.name}") for each in (part, VALIDATION)
    )
    return measured(metric, values, ranked_by)


def _over_images(condition: Condition, metric: MetricDescription) -> Cell:
    said = [each for run in condition.runs if (each := run.predictions)]
    return interval_of(metric, condition.values(f"student.{TEST}.{metric.name}"), said)


def _teacher_metrics(data: DataSet) -> tuple[MetricDescription, ...]:
    """The metrics of the teachers, whose labels may be of another kind than the students'."""
    runs = [run for condition in data.conditions for run in condition.runs]
    found = [run.teacher_task for run in runs if run.result.get("teacher")]
    return found[0].joined(found[1:]).metrics if found else ()


def _teacher(condition: Condition, metric: MetricDescription) -> list[float]:
    """One value per teacher: runs that share one do not make it more certain."""
    found = {
        str(run.result["teacher"].get("fingerprint", run.name)): value
        for run in condition.runs
        if run.result.get("teacher")
        and (value := run.number(f"teacher.metrics.{metric.name}")) is not None
    }
    return list(found.values())


def architectures(data: DataSet, paper: Reference | None) -> Table | None:
    """Table 3: the student alone and with SemBridge (Vanilla KD), by networks."""
    metrics, main, teacher_metrics = data.task.metrics, data.task.selection, _teacher_metrics(data)
    rows = []
    for condition in main_variants(data):
        alone = baseline_of(data, condition)
        if condition.method != "sembridge" or condition.kd != "vanilla" or alone is None:
            continue
        rest = condition.rest("student.backbone.name", "teacher.backbone.name")
        label = f"{condition.networks[0]} → {condition.networks[1]}" + (
            f" · {rest}" if rest else ""
        )
        cells = [measured(metric, _teacher(condition, metric)) for metric in teacher_metrics]
        for each in (alone, condition):
            cells += [
                _measured(each, main, VALIDATION), *(_measured(each, metric) for metric in metrics)
            ]  # fmt: skip
        rows.append((condition, Row((Cell(label), *cells))))
    if not rows:
        return None

    def printed(condition: Condition, found: Reference) -> list[float | None]:
        values: list[float | None] = [None] * len(teacher_metrics)
        for part in found.by_metric(found.table(3)[pair_of(condition)]):
            values += [None, *(part.get(metric.name) for metric in metrics)]
        return values

    columns = ["Teacher → student", *(_head("Teacher", metric) for metric in teacher_metrics)]
    for words in ("Alone", "+ SemBridge"):
        columns.append(_head(f"{words} validation", main))
        columns += [_head(words, metric) for metric in metrics]
    shown = _with_published(rows, paper, printed, once=True)
    return Table(
        "architectures", "Table 3: architectures", tuple(columns), shown, _notes(data, paper)
    )


def methods(data: DataSet, paper: Reference | None) -> Table | None:
    """Table 4: the methods by the metric that chooses epochs, by networks."""
    main = data.task.selection
    pairs = sorted({c.networks for c in data.conditions if c.method != "baseline"})
    groups: dict[str, dict[tuple[str, str], Condition]] = defaultdict(dict)
    for condition in main_variants(data):
        title, rest = condition.title, condition.rest(
            "student.backbone.name", "teacher.backbone.name"
        )  # fmt: skip
        groups[f"{title} · {rest}" if rest else title][condition.networks] = condition
    if not pairs or len(groups) < 2:
        return None
    rows: list[Row] = []
    numbers = {}
    if paper:
        numbers = {pair: paper.methods(_pair(data, pair)) for pair in pairs}
    shown_before: set[str] = set()
    for label, by_pair in groups.items():
        cells = []
        for pair in pairs:
            found = by_pair.get(pair) or by_pair.get(("", pair[1]))
            for part in (TEST, VALIDATION):
                cells.append(_measured(found, main, part) if found else blank())
        first = next(iter(by_pair.values()))
        rows.append(Row((Cell(label), *cells)))
        key = first.kd + ("+sembridge" if first.method == "sembridge" else "")
        printed = [numbers.get(pair, {}).get(key) for pair in pairs]
        if paper and any(value is not None for value in printed) and key not in shown_before:
            shown_before.add(key)
            values = [cell for value in printed for cell in (value, None)]
            rows.append(published_row(paper, first.title, values, words=1))
    columns = ["Method"]
    for teacher, student in pairs:
        pair_title = f"{teacher} → {student},"
        columns += [_head(pair_title, main), _head(f"{pair_title} validation", main)]
    ranked = best_of(rows, *range(1, len(columns)))
    return Table("methods", "Table 4: methods", tuple(columns), ranked, _notes(data, paper))


def _pair(data: DataSet, networks: tuple[str, str]) -> str:
    found = next((c for c in data.conditions if c.networks == networks), None)
    return pair_of(found) if found else R_R


def with_and_without(data: DataSet, paper: Reference | None) -> Table | None:
    """Table 5: each distillation loss without and with SemBridge."""
    main = data.task.selection
    wanted = [(main, VALIDATION), *((metric, TEST) for metric in data.task.metrics)]
    rows = []
    for condition in main_variants(data):
        plain = plain_of(data, condition) if condition.method == "sembridge" else None
        if plain is None:
            continue
        rest = condition.rest()
        cells = [Cell(f"{plain.title} · {rest}" if rest else plain.title)]
        for metric, part in wanted:
            cells += [_measured(each, metric, part) for each in (plain, condition)]
            cells.append(_gain(plain, condition, metric, part))
        rows.append((condition, Row(tuple(cells))))
    if not rows:
        return None

    def printed(condition: Condition, found: Reference) -> list[float | None]:
        values = found.table(5).get(condition.kd)
        if values is None or pair_of(condition) != R_R:
            return []
        without, with_it = found.by_metric(values)
        shown: list[float | None] = [None, None, None]
        for metric in data.task.metrics:
            before, after = without.get(metric.name), with_it.get(metric.name)
            known = before is not None and after is not None
            shown += [before, after, after - before if known else None]  # type: ignore[operator]
        return shown

    columns = ["Loss"]
    for metric, part in wanted:
        words = "Validation" if part == VALIDATION else ""
        columns += [_head(words, metric, more) for more in ("without", "with SemBridge")]
        columns.append(" ".join(filter(None, ("Δ", words.lower(), metric.head))))
    return Table(
        "sembridge", "Table 5: with and without SemBridge", tuple(columns),
        _with_published(rows, paper, printed), _notes(data, paper),
    )  # fmt: skip


def _gain(before: Condition, after: Condition, metric: MetricDescription, part: str = TEST) -> Cell:
    """Mean difference over the seeds that both have: another set of seeds is no gain."""
    path = f"student.{part}.{metric.name}"
    old, new = ({run.seed: run.number(path) for run in c.runs} for c in (before, after))
    gains = [
        value - base
        for seed, value in new.items()
        if value is not None and (base := old.get(seed)) is not None
    ]
    if not gains:
        return blank()
    gain = sum(gains) / len(gains)
    return Cell(metric.bare(gain, sign="+"), metric.factor * gain)


def sensitivity(data: DataSet, paper: Reference | None) -> list[Table]:
    """Tables 6 and 9 and the numbers behind figure 5: by one option, the others fixed."""
    main = data.task.selection
    tables = []
    for option, title in SENSITIVITY:
        found = slices(data, option)
        if not found:
            continue
        by_text = {say(value): value for part in found for value in part.values}
        values = sorted(by_text, key=lambda text: float(by_text[text]))
        rows = []
        for part in found:
            for place, images in ((VALIDATION, "validation"), (TEST, "test")):
                cells = {
                    say(c.settings[option]): _measured(c, main, place) for c in part.conditions
                }
                shown = (cells.get(value, blank()) for value in values)
                rows.append(best_along(Row((Cell(part.rest), Cell(images), *shown))))
        unit = " in percent" if main.percent else ""
        spread_note = _spread(data)[0].partition(" Δ:")[0]
        notes = [f"{main.head}{unit}. {spread_note}", *_spread(data)[1:]]
        if paper and option == "dynm.gamma" and paper.table(6):
            printed = {say(key): value for key, value in paper.table(6).items()}
            numbers = [printed.get(say(float(by_text[text]))) for text in values]
            rows.append(published_row(paper, "Vanilla KD + SemBridge", numbers, words=2))
            notes.append(paper.note)
        head = ("Other options", "Images", *(f"{short(option)} = {value}" for value in values))
        name = "by-" + option.replace(".", "-")
        tables.append(Table(name, title, head, tuple(rows), tuple(notes), frozenset({0, 1})))
    return tables


def ablation(data: DataSet, paper: Reference | None) -> Table | None:
    """Table 7: SemBridge with one part left out."""
    main, metrics = data.task.selection, data.task.metrics
    rows: list[Row] = []
    shown_before: set[str] = set()
    variants = {id(condition) for condition in main_variants(data)}
    for part in switched(data, PARTS, PARTS[0]):
        full = part.conditions[0]
        if full.method != "sembridge" or id(full) not in variants:
            continue
        for condition in sorted(part.conditions, key=_switches):
            switches = _switches(condition)
            marks = [Cell("✓" if on == "1" else "✗") for on in switches]
            gain = blank() if condition is full else _gain(full, condition, main)
            cells = [_measured(condition, metric) for metric in metrics]
            cells = [_measured(condition, main, VALIDATION), *cells, gain]
            rows.append(Row((Cell(full.label), *marks, *cells)))
            printed = paper.table(7).get(switches) if paper else None
            if paper and printed is not None and switches not in shown_before:
                shown_before.add(switches)
                change = None if condition is full else printed - paper.table(7)["1111"]
                numbers = [printed if metric is main else None for metric in metrics]
                published = published_row(paper, R_R, [None, *numbers, change], words=1)
                cells = [published.cells[0], *marks, *published.cells[1:]]
                rows.append(Row(tuple(cells), published=True))
    if not rows:
        return None
    columns = (
        "Condition", *PART_TITLES, _head("Validation", main),
        *(_head("", metric) for metric in metrics), f"Δ {main.head} to the full method",
    )  # fmt: skip
    first = 1 + len(PARTS)
    ranked = [
        first,
        *(first + 1 + i for i, metric in enumerate(metrics) if metric is main),
    ]
    return Table(
        "ablation", "Table 7: ablation", columns, best_of(rows, *ranked), _notes(data, paper),
        frozenset(range(first)),
    )  # fmt: skip


def _switches(condition: Condition) -> str:
    values = [condition.settings.get(name) for name in PARTS]
    return "".join("1" if value in ("ssm", True) else "0" for value in values)


def _with_published(
    rows: list[tuple[Condition, Row]],
    paper: Reference | None,
    printed: Callable[[Condition, Reference], list[float | None]],
    *,
    once: bool = False,
) -> tuple[Row, ...]:
    """Put the published row below the measured ones that it belongs to, the first time only."""
    shown: list[Row] = []
    seen: set[tuple[str, ...]] = set()
    for condition, row in rows:
        shown.append(row)
        key = (pair_of(condition),) if once else (pair_of(condition), condition.kd)
        values = printed(condition, paper) if paper else []
        if paper and values and key not in seen:
            seen.add(key)
            label = key[0] if once else f"{condition.title}, {key[0]}"
            shown.append(published_row(paper, label, values, words=1))
    return tuple(shown)


def _notes(data: DataSet, paper: Reference | None) -> tuple[str, ...]:
    return (*_spread(data), paper.note) if paper else _spread(data)


def _spread(data: DataSet) -> tuple[str, ...]:
    return (SPREAD, SAME_IMAGES) if data.about.get("protocol") == "paper" else (SPREAD,)
