"""Tables of labels beside the images: BigEarthNet's metadata.parquet, or a csv export of it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ackd.errors import DataError, did_you_mean

__all__ = ["Row", "read_table"]

_SPLITS: Final = {"train": "train", "validation": "val", "val": "val", "test": "test"}
_NEEDED: Final = ("patch_id", "labels", "split")


@dataclass(frozen=True)
class Row:
    """One patch of a table.

    Attributes:
        patch: Its name.
        labels: Its classes, as the table writes them.
        split: ``"train"``, ``"val"`` or ``"test"``; None where the table leaves it open.
        file: Its tif, as the table writes it; "" where the table has no such column.
        where: Table and row, for messages.
    """

    patch: str
    labels: tuple[str, ...]
    split: str | None
    file: str
    where: str


def read_table(path: Path) -> dict[str, Row]:
    """Read a table of labels, keyed by patch.

    Args:
        path: ``.parquet`` with lists of labels, or ``.csv`` with ``|`` between labels; columns
            ``patch_id``, ``labels`` and ``split``, and ``file`` if there is one.

    Raises:
        DataError: If the table cannot be read, a column is missing, a split is unknown, or a
            patch stands twice.
    """
    table: dict[str, Row] = {}
    source = _parquet(path) if path.suffix == ".parquet" else _csv(path)
    for number, content in enumerate(source, start=1):
        where = f"{path}, row {number},"
        patch = str(content["patch_id"] or "")
        split = str(content["split"] or "")
        if split and split not in _SPLITS:
            hint = did_you_mean(split, _SPLITS)
            raise DataError(
                f"{where} has the split '{split}'; expected {', '.join(_SPLITS)} or nothing.{hint}"
            )
        labels = content["labels"]
        if isinstance(labels, str):
            labels = [label.strip() for label in labels.split("|") if label.strip()]
        if not patch or patch in table:
            what = f"names {patch} once more" if patch else "names no patch"
            raise DataError(f"{where} {what}; expected a patch_id in each row, and each once.")
        file = str(content.get("file") or "")
        table[patch] = Row(patch, tuple(labels or ()), _SPLITS.get(split), file, where)
    return table


def _check_columns(path: Path, columns: Iterable[str]) -> None:
    columns = list(columns)
    for name in _NEEDED:
        if name not in columns:
            hint = did_you_mean(name, columns, "the column '{}' by it")
            raise DataError(
                f"{path} has no column '{name}'; expected {', '.join(_NEEDED)}, as published, and "
                f"found {', '.join(columns) or 'none'}.{hint}"
            )


def _csv(path: Path) -> Iterable[Mapping[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines, strict=True)
            _check_columns(path, reader.fieldnames or ())
            return list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as csv ({error}).") from error


def _parquet(path: Path) -> Iterable[Mapping[str, Any]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise DataError(
            f"{path} is a parquet file, and pyarrow, which reads those, is not installed. Install "
            f"it (pip install 'ackd[bigearthnet]'), or put a csv export beside it as "
            f"{path.with_suffix('.csv').name}: {', '.join(_NEEDED)}, with | between labels."
        ) from error
    try:
        _check_columns(path, parquet.read_schema(path).names)
        rows: list[dict[str, Any]] = parquet.read_table(path, columns=list(_NEEDED)).to_pylist()
    except (OSError, ArrowException) as error:
        raise DataError(
            f"{path} cannot be read as parquet: truncated, damaged, or another kind of file "
            f"({' '.join(str(error).split())}). Get it of the publisher again."
        ) from error
    return rows
