"""The paper's tables of one data set, from our runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from ackd.report.conditions import Condition, DataSet, say, short
from ackd.report.model import Cell, Row, Table, best_of, blank, of, percent
from ackd.report.pairing import baseline_of, main_variants, plain_of, slices, switched
from ackd.report.published import R_R, Reference, pair_of, published_row

__all__ = ["ablation", "architectures", "methods", "overview", "sensitivity", "with_and_without"]

OA, F1 = "student.metrics.oa", "student.metrics.f1"
SENSITIVITY = (
    ("dynm.gamma", "Tables 6 and 9: temperature γ of DynM"),
    ("planner.heads", "Figure 5: heads H of the Planner"),
    ("loss.lambda1", "Figure 5: weight λ1 of the distillation loss"),
    ("dynm.e0", "Figure 5: first epoch e0 of DynM"),
    ("dynm.delta", "Figure 5: epochs Δe between matches"),
    ("dynm.mu", "Figure 5: growth μ of the epochs between matches"),
)
SPREAD = (
    "Mean ± sample standard deviation over seeds; bold: highest mean. "
    "Δ: over the seeds that both have."
)
PARTS = ("matching.initial", "dynm.enabled", "ska.ot1", "ska.ot2")
PART_TITLES = ("SSM", "DynM", "L_ot1", "L_ot2")


def overview(data: DataSet) -> Table:
    """Every condition with everything that was measured of it."""
    rows = []
    for condition in data.conditions:
        teacher, student = condition.networks
        seeds = ", ".join(str(run.seed) for run in condition.runs)
        rows.append(
            Row(
                (
                    Cell(condition.label), Cell(f"{teacher or '–'} → {student}"), Cell(seeds),
                    percent(condition.values(OA)), percent(condition.values(F1)),
                    percent(_teacher(condition, "oa")), percent(_teacher(condition, "f1")),
                    of(condition.values("student.best_epoch"), 0),
                )
            )
        )  # fmt: skip
    columns = (
        "Condition", "Teacher → student", "Seeds", "OA %", "F1 %", "Teacher OA %", "Teacher F1 %",
        "Best epoch",
    )  # fmt: skip
    notes = [SPREAD]
    if data.together:
        notes.append(
            "These options differ as well, but follow from those shown: "
            + ", ".join(data.together) + "."
        )  # fmt: skip
    if data.repeats:
        names = ", ".join(run.name for run in data.repeats)
        notes.append(f"Left out, as a later run has the same options and seed: {names}.")
    return Table(
        "conditions", "All conditions", columns, best_of(best_of(rows, 3), 4), tuple(notes),
        frozenset({0, 1, 2}),
    )  # fmt: skip


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
        parts = [percent(c.values(path)) for c in (alone, condition) for path in (OA, F1)]
        teacher = [percent(_teacher(condition, metric)) for metric in ("oa", "f1")]
        rows.append((condition, Row((Cell(label), *teacher, *parts))))
    if not rows:
        return None
    shown = _with_published(
        rows, paper, lambda c, found: [None, None, *found.table(3)[pair_of(c)]], once=True
    )
    columns = (
        "Teacher → student", "Teacher OA %", "Teacher F1 %", "Alone OA %", "Alone F1 %",
        "+ SemBridge OA %", "+ SemBridge F1 %",
    )  # fmt: skip
    return Table("architectures", "Table 3: architectures", columns, shown, _notes(paper))


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
            cells.append(percent(found.values(OA)) if found else blank())
        first = next(iter(by_pair.values()))
        rows.append(Row((Cell(label), *cells)))
        key = first.kd + ("+sembridge" if first.method == "sembridge" else "")
        printed = [numbers.get(pair, {}).get(key) for pair in pairs]
        if paper and any(value is not None for value in printed) and key not in shown_before:
            shown_before.add(key)
            rows.append(published_row(paper, first.title, printed, words=1))
    for column in range(1, len(pairs) + 1):
        rows = list(best_of(rows, column))
    columns = ("Method", *(f"{teacher} → {student}, OA %" for teacher, student in pairs))
    return Table("methods", "Table 4: methods", columns, tuple(rows), _notes(paper))


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
        for path in (OA, F1):
            pair = (percent(plain.values(path)), percent(condition.values(path)))
            cells += [*pair, _gain(plain, condition, path)]
        rows.append((condition, Row((Cell(label), *cells))))
    if not rows:
        return None

    def printed(condition: Condition, found: Reference) -> list[float | None]:
        values = found.table(5).get(condition.kd)
        if values is None or pair_of(condition) != R_R:
            return []
        oa, f1, oa_with, f1_with = values
        return [oa, oa_with, oa_with - oa, f1, f1_with, f1_with - f1]

    columns = (
        "Loss", "OA % without", "OA % with SemBridge", "Δ OA", "F1 % without",
        "F1 % with SemBridge", "Δ F1",
    )  # fmt: skip
    return Table(
        "sembridge", "Table 5: with and without SemBridge", columns,
        _with_published(rows, paper, printed), _notes(paper),
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
            cells = {say(c.settings[option]): percent(c.values(OA)) for c in part.conditions}
            rows.append(Row((Cell(part.rest), *(cells.get(v, blank()) for v in values))))
        notes = [SPREAD.partition(";")[0] + ". OA in percent."]
        if paper and option == "dynm.gamma" and paper.table(6):
            printed = {say(key): value for key, value in paper.table(6).items()}
            shown = {say(float(by_text[text])): text for text in values}
            cells_of = [printed.get(key) for key in shown]
            rows.append(published_row(paper, "Vanilla KD + SemBridge", cells_of, words=1))
            notes.append(paper.note)
        head = ("Other options", *(f"{short(option)} = {value}" for value in values))
        name = "by-" + option.replace(".", "-")
        tables.append(Table(name, title, head, tuple(rows), tuple(notes)))
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
            measured = (percent(condition.values(OA)), percent(condition.values(F1)), gain)
            rows.append(Row((Cell(full.label), *marks, *measured)))
            printed = paper.table(7).get(switches) if paper else None
            if paper and printed is not None and switches not in shown_before:
                shown_before.add(switches)
                change = None if condition is full else printed - paper.table(7)["1111"]
                published = published_row(paper, R_R, [printed, None, change], words=1)
                cells = (published.cells[0], *marks, *published.cells[1:])
                rows.append(Row(cells, published=True))
    if not rows:
        return None
    columns = ("Condition", *PART_TITLES, "OA %", "F1 %", "Δ OA to the full method")
    words = frozenset(range(5))
    return Table("ablation", "Table 7: ablation", columns, best_of(rows, 5), _notes(paper), words)


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


def _notes(paper: Reference | None) -> tuple[str, ...]:
    return (SPREAD, paper.note) if paper else (SPREAD,)
