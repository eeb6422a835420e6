"""A benchmark of two classes from EuroSAT's folders, written in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ackd.data.assemble import load_benchmark
from ackd.data.datasets.class_map import ClassMap, load_class_map
from ackd.data.options import ArchiveOptions, FolderOptions, from_plain
from ackd.data.own_folders import OwnData
from ackd.data.sensors import DEFAULT_BANDS
from ackd.data.splits.selection import Selection, select
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


def asked(**given: Any) -> ArchiveOptions:
    """Options of the two classes, the given ones over the defaults; nothing is packed."""
    return from_plain({"name": "two", "root": "", "packed": False, **given})


def selected(root: Path, counts: Any = None, **given: Any) -> Selection:
    return select({"ms": root, "rgb": root}, class_map(counts), asked(**given))


def load_own(own: OwnData, packs: Path | None = None, **given: Any) -> Any:
    """Read two folders of one's own as ``data=folders`` does, both sides as they are."""
    options = FolderOptions(
        name="folders", ms=str(own.ms.folder), rgb=str(own.rgb.folder), packed=packs is not None,
        packs=str(packs), **given,
    )  # fmt: skip
    roots = {"ms": own.ms.folder, "rgb": own.rgb.folder}
    return load_benchmark(roots, own.class_map, options, known=own.sources)


def load_s2s_eu(root: Path, workers: int | None = None, progress: Any = None, **given: Any) -> Any:
    """Read S2S-EU from archives as ``data=s2s_eu data.packed=false`` does."""
    options = asked(**{"name": "s2s_eu", "size": 64, "bands": DEFAULT_BANDS, **given})
    roots = {"ms": root, "rgb": root}
    return load_benchmark(
        roots, load_class_map("s2s_eu"), options, workers=workers, progress=progress
    )
