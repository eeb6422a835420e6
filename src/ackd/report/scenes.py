"""What a report shows of runs of ``python -m ackd.train``: the paper's tables, ours beside them."""

from __future__ import annotations

from dataclasses import replace

from ackd.report import comparisons, figures, tables, timing
from ackd.report.classes import class_tables, recall_by_class
from ackd.report.conditions import DataSet
from ackd.report.model import Section
from ackd.report.published import is_published, reference
from ackd.utils.values import dig

__all__ = ["section"]


def section(data: DataSet, place: str) -> Section:
    """Make the tables and figures of one data set, each with a name of its own on the page.

    Args:
        data: Whose runs they are of.
        place: Anchor of the section.
    """
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
