"""The list of a benchmark's images as a table, from which the very same set is built elsewhere.

A row an image: side, source, file below the archives' folder, the benchmark's classes and the
source's own (``|`` between several), scene id, the publisher's split, the SHA-256 of its file, and
the split it belongs to. The first line, a comment, holds what the rows cannot say.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

import numpy as np

from ackd.data.benchmark import Modality
from ackd.data.datasets.class_map import ClassMap
from ackd.data.datasets.listing import Listing
from ackd.data.reading.multispectral import Progress
from ackd.data.sources import SOURCES, Record, Source
from ackd.data.splits.selection import Selection
from ackd.errors import DataError, unknown
from ackd.utils.io import write_text

__all__ = ["MANIFEST", "checksum", "read_head", "read_manifest", "write_manifest"]

#: What the file is called beside a pack.
MANIFEST: Final = "manifest.csv"

_FORMAT = 1
_HEAD = "# ackd manifest "
_COLUMNS = (
    "side", "source", "file", "classes", "source_classes", "scene_id", "publisher_split", "sha256",
    "split",
)  # fmt: skip
_SPLITS = ("train", "val", "test")
_SIDES: Final[tuple[Modality, ...]] = ("ms", "rgb")


class _Row(NamedTuple):
    side: str
    source: str
    file: str
    classes: str
    source_classes: str
    scene_id: str
    publisher_split: str
    sha256: str
    split: str


def write_manifest(
    path: Path,
    selection: Selection,
    *,
    protocol: str = "strict",
    fold: int = 0,
    progress: Progress | None = None,
) -> None:
    """Write the images of a selection with their checksums, whole or not at all.

    Args:
        path: The csv file.
        selection: Which images.
        protocol: Of the splits that are written down; one of `ackd.data.splits.PROTOCOLS`.
        fold: Of the splits that are written down.
        progress: Called as ``progress(done, total)`` after each image.

    Raises:
        DataError: If a file has gone, or ``path`` cannot be written.
    """
    splits = selection.splits(protocol, selection.options["seed"], fold)
    about = {
        "format": _FORMAT,
        "name": selection.class_map.name,
        "classes": list(selection.class_map.classes),
        "paper_counts": {k: list(v) for k, v in selection.class_map.paper_counts.items()},
        "options": dict(selection.options),
        "multilabel": {side: selection.side(side).labels.ndim == 2 for side in _SIDES},
        "splits": {"protocol": protocol, "fold": fold},
        "notes": dict(selection.notes),
    }
    text = io.StringIO()
    text.write(_HEAD + json.dumps(about, ensure_ascii=False, allow_nan=False) + "\n")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(_COLUMNS)
    total, done = len(selection.ms.records) + len(selection.rgb.records), 0
    for side in _SIDES:
        listing = selection.side(side)
        classes = selection.class_map.classes
        for i, file in enumerate(selection.paths(side)):
            record, source = listing.records[i], listing.sources[listing.origins[i]]
            borne = np.flatnonzero(listing.labels[i]) if listing.labels.ndim == 2 else None
            labels = [listing.labels[i]] if borne is None else borne
            table.writerow(
                _Row(
                    side,
                    source.name,
                    record.file,
                    "|".join(classes[label] for label in labels),
                    "|".join(record.labels),
                    record.scene_id,
                    record.split or "",
                    checksum(source, file),
                    _SPLITS[splits[side][i]],
                )
            )
            done += 1
            if progress is not None:
                progress(done, total)
    try:
        write_text(path, text.getvalue())
    except OSError as error:
        raise DataError(
            f"The manifest {path} cannot be written: {error.strerror or error}. Choose another "
            "place that is writable and has room."
        ) from error


def read_manifest(
    path: Path,
    roots: Mapping[Modality, Path],
    *,
    verify: bool = True,
    progress: Progress | None = None,
    known: Mapping[str, Source] = SOURCES,
) -> Selection:
    """Rebuild the selection that a manifest lists, from archives anywhere.

    Args:
        path: What `write_manifest` wrote.
        roots: The folder that holds the archives of each side.
        verify: Whether the checksums are looked at, which reads every file.
        progress: Called as ``progress(done, total)`` after each image.
        known: The sources by name.

    Raises:
        ConfigError: If a source or class is unknown.
        DataError: If the manifest cannot be read, names a file outside of ``roots``, or a file is
            missing or another one than it was.
    """
    about, rows = _parse(path)
    classes = [str(label) for label in about["classes"]]
    listings: dict[Modality, Listing] = {}
    missing: list[str] = []
    changed: list[str] = []
    done = 0
    for side in _SIDES:
        mine = [row for row in rows if row.side == side]
        names = list(dict.fromkeys(row.source for row in mine))
        for name in names:
            if name not in known:
                raise unknown("source", name, known, str(path))
        for row in mine:
            file = _inside(path, roots[side], row.file)
            source = known[row.source]
            if not all(part.is_file() for part in source.files(file)) or not file.exists():
                missing.append(row.file)
            elif verify and checksum(source, file) != row.sha256:
                changed.append(row.file)
            done += 1
            if progress is not None:
                progress(done, len(rows))
        multilabel = bool(about["multilabel"][side])
        listings[side] = _listing(side, mine, names, classes, known, multilabel)
    for files, what in ((missing, "not there"), (changed, "not what they were (SHA-256)")):
        if files:
            raise DataError(
                f"Of the {len(rows)} images in {path}, {len(files)} are {what} under "
                f"{roots['ms']}; the first is {files[0]}. Get the publisher's archive again, or "
                "list the images that are there anew."
            )
    counts = {str(k): (int(v[0]), int(v[1])) for k, v in about["paper_counts"].items()}
    # what the sources call the classes was looked at when the images were chosen
    maps: dict[Modality, dict[str, dict[str, str]]] = {
        side: {source.name: {} for source in listing.sources} for side, listing in listings.items()
    }
    class_map = ClassMap(str(about["name"]), tuple(classes), maps["ms"], maps["rgb"], counts)
    return Selection(
        class_map, dict(roots), listings["ms"], listings["rgb"], about["options"], about["notes"]
    )


def read_head(path: Path) -> dict[str, Any]:
    """Read what a manifest says of the whole set: ``name``, ``options``, ``splits``, ``notes``.

    Raises:
        DataError: If it is no manifest that can be read.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            return _head(lines.readline().rstrip("\n"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no manifest that can be read: {error}.") from error


def _head(line: str) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(line.removeprefix(_HEAD))
    if not line.startswith(_HEAD) or about["format"] != _FORMAT:
        raise ValueError(f"its first line is not '{_HEAD}...' of format {_FORMAT}")
    return about


def _parse(path: Path) -> tuple[dict[str, Any], list[_Row]]:
    try:
        head, _, body = path.read_text(encoding="utf-8").partition("\n")
        about = _head(head)
        table = csv.reader(io.StringIO(body))
        if tuple(next(table, ())) != _COLUMNS:
            raise ValueError(f"its columns are not {', '.join(_COLUMNS)}")
        rows = [_Row(*row) for row in table if row]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no manifest that can be read: {error}.") from error
    if {row.side for row in rows} != set(_SIDES):
        raise DataError(f"{path} should list images of both sides, ms and rgb.")
    return about, rows


def _inside(manifest: Path, root: Path, file: str) -> Path:
    parts = PurePosixPath(file).parts
    if not parts or ".." in parts or PurePosixPath(file).is_absolute() or "\\" in file:
        raise DataError(
            f"{manifest} names '{file}', which does not lie below the archives' folder; expected "
            "a relative path without '..'."
        )
    return root.joinpath(*parts)


def _listing(
    side: Modality,
    rows: Sequence[_Row],
    names: Sequence[str],
    classes: Sequence[str],
    known: Mapping[str, Source],
    multilabel: bool,
) -> Listing:
    borne = [[_position(label, classes) for label in row.classes.split("|")] for row in rows]
    if not multilabel:
        labels = np.array([labels[0] for labels in borne], dtype=np.int64)
    else:
        labels = np.zeros((len(rows), len(classes)), dtype=np.bool_)
        for row, positions in zip(labels, borne, strict=True):
            row[positions] = True
    return Listing(
        modality=side,
        sources=tuple(known[name] for name in names),
        records=tuple(
            Record(
                file=row.file,
                labels=tuple(row.source_classes.split("|")),
                scene_id=row.scene_id,
                split=row.publisher_split or None,
            )
            for row in rows
        ),
        origins=np.array([names.index(row.source) for row in rows], dtype=np.int64),
        labels=labels,
    )


def _position(label: str, classes: Sequence[str]) -> int:
    if label not in classes:
        raise unknown("class in the manifest", label, classes)
    return classes.index(label)


def checksum(source: Source, path: Path) -> str:
    """SHA-256 of an image's file; of several, that of what ``sha256sum`` would print of them.

    Raises:
        DataError: If a file is missing or cannot be read.
    """
    files = source.files(path)
    try:
        sums = {file.name: _sha256(file) for file in files}
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}.") from error
    if len(sums) == 1:
        return next(iter(sums.values()))
    lines = "".join(f"{found}  {name}\n" for name, found in sorted(sums.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
