"""One data set of segmentation: its tables and figures, and what its numbers are of."""

from __future__ import annotations

from dataclasses import replace

from ackd.report.classes import class_tables
from ackd.report.conditions import DataSet
from ackd.report.model import Section
from ackd.report.segmentation import curves, tables
from ackd.report.segmentation.grid import grids
from ackd.report.segmentation.maps import error_maps
from ackd.report.segmentation.published import table2
from ackd.report.segmentation.questions import differences
from ackd.report.segmentation.words import seen_of, seen_sentence
from ackd.utils.values import dig

__all__ = ["section"]


def section(data: DataSet, place: str) -> Section:
    """Make the tables and figures of one data set, each with a name of its own on the page.

    Args:
        data: Whose runs they are of.
        place: Anchor of the section.
    """
    found, paper = grids(data), table2(data)
    made = [
        *(tables.rows_by_networks(data, grid, paper) for grid in found),
        tables.few_labels(data, found),
        *differences(data, found),
        *(tables.measures(data, grid) for grid in found),
        *class_tables(data),
    ]
    drawn = [
        *curves.few_labels(data, place, found),
        *(figure for grid in found for figure in error_maps(data, place, grid)),
        *(figure for grid in found for figure in curves.students(data, place, grid)),
        *curves.cosines(data, place),
        *curves.teachers(data, place),
    ]
    how = dig(data.about, "split.how") or data.about.get("protocol") or "unknown"
    seen = seen_of(data)
    return Section(
        place,
        f"{data.about.get('name', 'unknown data')}, {data.task.title}, split={how}",
        _describe(data),
        tuple(replace(table, name=f"{place}-{table.name}") for table in made if table),
        tuple(drawn),
        "" if seen == 0 else seen_sentence(data),
    )


def _describe(data: DataSet) -> tuple[str, ...]:
    about = data.about
    sizes = dig(about, "split_sizes.sar") or {}
    parts = ", ".join(f"{count} {part}" for part, count in sizes.items()) or "unknown numbers of"
    bands = {side: dig(about, f"bands.{side}") or () for side in ("optical", "sar")}
    lines = [
        f"Classes: {', '.join(map(str, about.get('classes') or ['unknown']))}. Tiles: {parts}. "
        f"Optical bands: {' '.join(map(str, bands['optical'])) or 'unknown'}; SAR bands: "
        f"{' '.join(map(str, bands['sar'])) or 'unknown'}. {seen_sentence(data)}"
    ]
    if about.get("about"):
        lines.append(str(about["about"]))
    return tuple(lines)
