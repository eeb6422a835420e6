"""What of a benchmark is under a folder: the sources found, missing, or still zipped."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from ackd.data.datasets.class_map import ClassMap
from ackd.data.sources import Record, Source
from ackd.errors import DataError, MissingClassError
from ackd.prepare.unpack import archives_in, stem

__all__ = ["Found", "found_table", "home_of", "look_for", "missing_text", "scan_present", "zipped"]


@dataclass(frozen=True)
class Found:
    """One source of a benchmark, looked for under a folder.

    Attributes:
        source: The data set.
        home: Its folder; None where it is not there.
        records: The images of the classes that the benchmark uses.
        absent: Of these classes, those without a folder or an image.
        archives: Archives of it that are not unpacked.
        fault: What is wrong with it, a sentence; None where nothing is.
    """

    source: Source
    home: Path | None
    records: tuple[Record, ...] = ()
    absent: tuple[str, ...] = ()
    archives: tuple[Path, ...] = ()
    fault: str | None = None


def look_for(
    root: Path, class_map: ClassMap, rgb: Collection[str], known: Mapping[str, Source]
) -> list[Found]:
    """Look for every source of a benchmark; nothing is raised for what is missing.

    Args:
        root: The folder that holds the archives, unpacked.
        class_map: The benchmark.
        rgb: Which of its RGB sources; the MS sources are all looked for.
        known: The sources by name.
    """
    found = []
    for side in (class_map.ms, class_map.rgb):
        for name, mapping in side.items():
            if side is class_map.rgb and name not in rgb:
                continue
            source = known[name]
            home = home_of(source, root)
            archives = tuple(zipped(source, root)) if home is None else ()
            if home is None:
                found.append(Found(source, None, archives=archives))
                continue
            try:
                records, absent = scan_present(source, root, mapping)
                found.append(Found(source, home, tuple(records), tuple(absent)))
            except DataError as error:
                found.append(Found(source, home, fault=str(error)))
    return found


def home_of(source: Source, root: Path) -> Path | None:
    """The folder of a source under ``root``, by its name or an alias; None where there is none."""
    return next((root / name for name in _names(source) if (root / name).is_dir()), None)


def scan_present(
    source: Source, root: Path, classes: Iterable[str]
) -> tuple[list[Record], list[str]]:
    """List the images of the classes that are there.

    Returns:
        The images, and the classes without any.

    Raises:
        DataError: If the source is missing, or wrong in another way than lacking classes.
    """
    present = list(classes)
    absent: list[str] = []
    while True:
        try:
            return source.scan(root, present), absent
        except MissingClassError as error:
            absent.append(error.label)
            present.remove(error.label)
            if not present:
                return [], absent


def zipped(source: Source, root: Path) -> list[Path]:
    """Archives in ``root`` that are this source by their names, not unpacked yet."""
    if not root.is_dir():
        return []
    heads = {name.split("/")[0].lower() for name in _names(source) if name}
    return [
        path
        for path in archives_in(root)
        if stem(path).lower() in heads or path.name in source.published
    ]


def _names(source: Source) -> list[str]:
    stacked = getattr(source, "stacked", "")  # BigEarthNet v2's other layout
    return [name for name in (stacked, source.folder, *getattr(source, "aliases", ())) if name]


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
