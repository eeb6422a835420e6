"""A benchmark of two classes from EuroSAT's folders, written in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ackd.data.class_map import ClassMap
from ackd.data.selection import Selection, select
from tests.data.layouts import write_eurosat_ms, write_eurosat_rgb

CLASSES = ("Forest", "River")
SIZE = 8


def class_map(counts: Mapping[str, tuple[int, int]] | None = None) -> ClassMap:
    same = {label: label for label in CLASSES}
    return ClassMap("two", CLASSES, {"eurosat_ms": same}, {"eurosat": same}, counts or {})


def write_archives(root: Path, ms: int = 6, rgb: int = 16) -> Path:
    write_eurosat_ms(root, dict.fromkeys(CLASSES, ms))
    write_eurosat_rgb(root, dict.fromkeys(CLASSES, rgb))
    return root


def selected(root: Path, counts: Any = None, **options: Any) -> Selection:
    return select({"ms": root, "rgb": root}, class_map(counts), **options)
