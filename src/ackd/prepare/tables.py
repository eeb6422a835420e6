"""What `ackd.prepare` prints: what was found, and counts a class beside the paper's Table 10."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from ackd.prepare.found import Found

__all__ = ["counts_table", "found_table", "missing_text"]


def found_table(name: str, root: Path, found: Sequence[Found]) -> Table:
    """A row a source: side, folder, images, what is wrong."""
    table = Table(title=f"{name}: sources")
    for column in ("source", "side", "folder", "images", ""):
        table.add_column(column, justify="right" if column == "images" else "left")
    for one in found:
        where = "not found" if one.home is None else str(one.home.relative_to(root))
        table.add_row(
            one.source.name,
            one.source.modality.upper(),
            where,
            "" if one.home is None else f"{len(one.records):,}",
            _remark(one),
        )
    return table


def _remark(one: Found) -> str:
    if one.archives:
        return f"still packed: {', '.join(path.name for path in one.archives)}"
    if one.fault:
        return "wrong, see below"
    return f"without {', '.join(one.absent)}" if one.absent else ""


def missing_text(found: Sequence[Found], root: Path) -> list[str]:
    """Say of each source that is not there where it is published, and what to do."""
    said = []
    for one in found:
        if one.home is not None:
            continue
        if one.archives:
            said.append(
                f"{one.source.name}: {one.archives[0]} is not unpacked; "
                f"python -m ackd.prepare unpack {one.archives[0]} --raw {root}"
            )
        else:
            said.append(
                f"{one.source.name}: {one.source.title} is missing. {one.source.published} "
                f"Unpack it so that {root / one.source.folder} exists."
            )
    return said


def counts_table(notes: Mapping[str, Any], classes: Sequence[str], images: Sequence[int]) -> Table:
    """Images a class and side: found, used, in Table 10, and of which RGB source.

    Args:
        notes: `Selection.notes`.
        classes: The benchmark's classes.
        images: The number of images used, MS and RGB; less than the sum of the classes where an
            image bears several.
    """
    counts = notes["counts"]
    paper = bool(counts["paper"]["ms"])
    sources = counts["rgb_used_by_source"]
    table = Table(title=f"{notes['class_map']}: images a class")
    table.add_column("class", no_wrap=True)
    for side in ("MS", "RGB"):
        for what in ("found", "used", *(("Table 10",) if paper else ())):
            table.add_column(f"{side}\n{what}", justify="right")
    for source in sources:
        table.add_column(f"of\n{source}", justify="right")
    for label in classes:
        cells = []
        for side in ("ms", "rgb"):
            cells += [counts["found"][side][label], counts["used"][side][label]]
            if paper:
                cells.append(counts["paper"][side].get(label, 0))
        cells += [by_class[label] for by_class in sources.values()]
        table.add_row(label, *(f"{cell:,}" for cell in cells))
    table.add_section()
    cells = []
    for side, used in zip(("ms", "rgb"), images, strict=True):
        cells += ["", f"{used:,}"]
        if paper:
            cells.append(f"{sum(counts['paper'][side].values()):,}")
    cells += [f"{sum(by_class.values()):,}" for by_class in sources.values()]
    table.add_row("images", *cells)
    return table
