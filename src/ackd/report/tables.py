"""The paper's tables of one data set, from our runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from ackd.analysis.statistics import wilson
from ackd.report.conditions import Condition, DataSet, say, short
from ackd.report.model import Cell, Row, Table, best_along, best_of, blank, of, percent
from ackd.report.pairing import baseline_of, main_variants, plain_of, slices, switched
from ackd.report.published import R_R, Reference, pair_of, published_row

__all__ = ["ablation", "architectures", "methods", "overview", "sensitivity", "with_and_without"]

OA, F1 = "student.metrics.oa", "student.metrics.f1"
VAL_OA, VAL_F1 = "student.validation.oa", "student.validation.f1"
RANKED_BY = {OA: VAL_OA, F1: VAL_F1, VAL_OA: VAL_OA, VAL_F1: VAL_F1}
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
    "Bold: highest mean on the validation images, by which alone is to be chosen. "
    "Δ: over the seeds that both have."
)
SAME_IMAGES = "With protocol=paper the validation images are the test images."
PARTS = ("matching.initial", "dynm.enabled", "ska.ot1", "ska.ot2")
PART_TITLES = ("SSM", "DynM", "L_ot1", "L_ot2")


def overview(data: DataSet) -> Table:
    """Every condition with everything that was measured of it."""
    rows: list[Row] = []
    for condition in data.conditions:
        teacher, student = condition.networks
        seeds = ", ".join(str(run.seed) for run in condition.runs)
        rows.append(
            Row(
                (
                    Cell(condition.label), Cell(f"{teacher or '–'} → {student}"), Cell(seeds),
                    *(_measured(condition, path) for path in (VAL_OA, OA)),
                    _over_images(condition),
                    *(_measured(condition, path) for path in (VAL_F1, F1)),
                    percent(_teacher(condition, "oa")), percent(_teacher(condition, "f1")),
                    of(condition.values("student.best_epoch"), 0),
                )
            )
        )  # fmt: skip
    columns = (
        "Condition", "Teacher → student", "Seeds", "Validation OA %", "OA %", "OA 95 % interval",
        "Validation F1 %", "F1 %", "Teacher OA %", "Teacher F1 %", "Best epoch, from 0",
    )  # fmt: skip
    notes = [
        *_spread(data),
        "OA 95 % interval: Wilson's, of the mean OA over the choice of test images; the networks "
        "are taken as given.",
    ]
    if data.together:
        notes.append(
            "These options differ as well, but follow from those shown: "
            + ", ".join(data.together) + "."
        )  # fmt: skip
    if data.repeats:
        names = ", ".join(run.name for run in data.repeats)
        notes.append(f"Left out, as a later run has the same options and seed: {names}.")
    return Table(
        "conditions", "All conditions", columns, best_of(rows, 3, 4, 6, 7), tuple(notes),
        frozenset({0, 1, 2}),
    )  # fmt: skip


def _measured(condition: Condition, path: str) -> Cell:
    """A number over seeds, with its rank by the validation images."""
    return percent(condition.values(path), ranked_by=condition.values(RANKED_BY[path]))


def _over_images(condition: Condition) -> Cell:
    values = condition.values(OA)
    images = {len(said.files) for run in condition.runs if (said := run.predictions)}
    if not values or len(images) != 1:
        return blank()
    low, high = wilson(sum(values) / len(values), images.pop())
    return Cell(f"{100 * low:.1f} to {100 * high:.1f}")


def _teacher(condition: Condition, metric: str) -> list[float]:
    """One value a teacher: runs that share one do not make it more certain."""
    found = {
        str(run.result["teacher"].get("fingerprint", run.name)): value
        for run in condition.runs
        if run.result.get("teacher")
        and (value := run.number(f"teacher.metrics.{metric}")) is not None
    }
    return list(found.values())


def architectures(data: DataSet, paper: Reference | None) -> Table | None:
    """Table 3: the student alone and with SemBridge (Vanilla KD), by networks."""
    rows = []
    for condition in main_variants(data):
        alone = baseline_of(data, condition)
        if condition.method != "sembridge" or condition.kd != "vanilla" or alone is None:
            continue
        rest = condition.rest("student.backbone.name", "teacher.backbone.name")
        label = f"{condition.networks[0]} → {condition.networks[1]}" + (
            f" · {rest}" if rest else ""
        )
        parts = [_measured(c, path) for c in (alone, condition) for path in (VAL_OA, OA, F1)]
        teacher = [percent(_teacher(condition, metric)) for metric in ("oa", "f1")]
        rows.append((condition, Row((Cell(label), *teacher, *parts))))
    if not rows:
        return None

    def printed(condition: Condition, found: Reference) -> list[float | None]:
        oa, f1, oa_with, f1_with = found.table(3)[pair_of(condition)]
        return [None, None, None, oa, f1, None, oa_with, f1_with]

    shown = _with_published(rows, paper, printed, once=True)
    columns = (
        "Teacher → student", "Teacher OA %", "Teacher F1 %", "Alone validation OA %",
        "Alone OA %", "Alone F1 %", "+ SemBridge validation OA %", "+ SemBridge OA %",
        "+ SemBridge F1 %",
    )  # fmt: skip
    return Table("architectures", "Table 3: architectures", columns, shown, _notes(data, paper))


def methods(data: DataSet, paper: Reference | None) -> Table | None:
    """Table 4: OA of the methods, by networks."""
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
            cells += [_measured(found, p) if found else blank() for p in (OA, VAL_OA)]
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
        columns += [f"{teacher} → {student}, {kind} %" for kind in ("OA", "validation OA")]
    ranked = best_of(rows, *range(1, len(columns)))
    return Table("methods", "Table 4: methods", tuple(columns), ranked, _notes(data, paper))


def _pair(data: DataSet, networks: tuple[str, str]) -> str:
    found = next((c for c in data.conditions if c.networks == networks), None)
    return pair_of(found) if found else R_R


def with_and_without(data: DataSet, paper: Reference | None) -> Table | None:
    """Table 5: each distillation loss without and with SemBridge."""
    rows = []
    for condition in main_variants(data):
        plain = plain_of(data, condition) if condition.method == "sembridge" else None
        if plain is None:
            continue
        rest = condition.rest()
        label = f"{plain.title} · {rest}" if rest else plain.title
        cells = []
        for path in (VAL_OA, OA, F1):
            pair = (_measured(plain, path), _measured(condition, path))
            cells += [*pair, _gain(plain, condition, path)]
        rows.append((condition, Row((Cell(label), *cells))))
    if not rows:
        return None

    def printed(condition: Condition, found: Reference) -> list[float | None]:
        values = found.table(5).get(condition.kd)
        if values is None or pair_of(condition) != R_R:
            return []
        oa, f1, oa_with, f1_with = values
        return [None, None, None, oa, oa_with, oa_with - oa, f1, f1_with, f1_with - f1]

    columns = (
        "Loss", "Validation OA % without", "Validation OA % with SemBridge", "Δ validation OA",
        "OA % without", "OA % with SemBridge", "Δ OA", "F1 % without",
        "F1 % with SemBridge", "Δ F1",
    )  # fmt: skip
    return Table(
        "sembridge", "Table 5: with and without SemBridge", columns,
        _with_published(rows, paper, printed), _notes(data, paper),
    )  # fmt: skip


def _gain(before: Condition, after: Condition, path: str) -> Cell:
    """Mean difference over the seeds that both have: another set of seeds is no gain."""
    old, new = ({run.seed: run.number(path) for run in c.runs} for c in (before, after))
    gains = [
        100 * (value - base)
        for seed, value in new.items()
        if value is not None and (base := old.get(seed)) is not None
    ]
    if not gains:
        return blank()
    gain = sum(gains) / len(gains)
    return Cell(f"{gain:+.1f}", gain)


def sensitivity(data: DataSet, paper: Reference | None) -> list[Table]:
    """Tables 6 and 9 and the numbers behind figure 5: OA by one option, the others fixed."""
    tables = []
    for option, title in SENSITIVITY:
        found = slices(data, option)
        if not found:
            continue
        by_text = {say(value): value for part in found for value in part.values}
        values = sorted(by_text, key=lambda text: float(by_text[text]))
        rows = []
        for part in found:
            for path, images in ((VAL_OA, "validation"), (OA, "test")):
                cells = {say(c.settings[option]): _measured(c, path) for c in part.conditions}
                shown = (cells.get(value, blank()) for value in values)
                rows.append(best_along(Row((Cell(part.rest), Cell(images), *shown))))
        notes = ["OA in percent. " + _spread(data)[0].partition(" Δ:")[0], *_spread(data)[1:]]
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
    rows: list[Row] = []
    shown_before: set[str] = set()
    main = {id(condition) for condition in main_variants(data)}
    for part in switched(data, PARTS, PARTS[0]):
        full = part.conditions[0]
        if full.method != "sembridge" or id(full) not in main:
            continue
        for condition in sorted(part.conditions, key=_switches):
            switches = _switches(condition)
            marks = [Cell("✓" if on == "1" else "✗") for on in switches]
            gain = blank() if condition is full else _gain(full, condition, OA)
            measured = (*(_measured(condition, path) for path in (VAL_OA, OA, F1)), gain)
            rows.append(Row((Cell(full.label), *marks, *measured)))
            printed = paper.table(7).get(switches) if paper else None
            if paper and printed is not None and switches not in shown_before:
                shown_before.add(switches)
                change = None if condition is full else printed - paper.table(7)["1111"]
                published = published_row(paper, R_R, [None, printed, None, change], words=1)
                cells = (published.cells[0], *marks, *published.cells[1:])
                rows.append(Row(cells, published=True))
    if not rows:
        return None
    columns = (
        "Condition", *PART_TITLES, "Validation OA %", "OA %", "F1 %", "Δ OA to the full method",
    )  # fmt: skip
    return Table(
        "ablation", "Table 7: ablation", columns, best_of(rows, 5, 6), _notes(data, paper),
        frozenset(range(5)),
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
