"""Whether two sides make a benchmark: enough images per class, twins, the paper's counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ackd.data.benchmark import Modality
from ackd.data.datasets.class_map import ClassMap
from ackd.data.options import ArchiveOptions
from ackd.data.sources import SOURCES, Record
from ackd.data.splits import FOLDS
from ackd.data.splits.selection import select
from ackd.errors import AckdError, counted
from ackd.prepare.findings import Report

__all__ = ["Sides", "check_benchmark", "check_sides"]

#: Of each side, every image's scene id and classes, the benchmark's own.
Sides = dict[Modality, list[tuple[str, tuple[str, ...]]]]


def check_benchmark(
    class_map: ClassMap, records: Mapping[str, Sequence[Record]], root: Path, report: Report
) -> None:
    """Note down what keeps the sources found from being a benchmark.

    Args:
        class_map: The benchmark.
        records: Source -> its images, of all its classes.
        root: The folder they lie in.
        report: Gets the findings.
    """
    name = class_map.name
    sides: Sides = {"ms": [], "rgb": []}
    lacking: dict[str, list[str]] = {}
    modalities: tuple[Modality, ...] = ("ms", "rgb")
    for side in modalities:
        for source, mapping in class_map.side(side).items():
            images = records.get(source, ())
            if source not in records:
                _missing_source(source, side, class_map, records, report)
                continue
            borne = {label for record in images for label in record.labels}
            gone = [label for label in mapping if label not in borne]
            if gone and images:
                lacking[source] = gone
            for record in images:
                labels = dict.fromkeys(mapping[k] for k in record.labels if k in mapping)
                if labels:
                    sides[side].append((record.scene_id, tuple(labels)))
    for source, gone in lacking.items():
        if getattr(SOURCES[source], "suffixes", None):  # its classes are folders, and all needed
            report.add(
                "error",
                "class of a source missing",
                name,
                f"{source} has no image of {', '.join(gone)}, which {name} takes from it; add "
                "them, or set data.missing_classes=drop.",
            )
    if not sides["ms"] or not sides["rgb"]:
        return
    before = len(report.of("error"))
    check_sides(class_map, sides, name, report)
    if len(report.of("error")) > before or lacking:
        return
    # what counts alone do not tell, such as classes that the deal of the twins leaves bare
    chosen = [source for source in class_map.rgb if source in records]
    try:
        options = ArchiveOptions(name=name, root=str(root), sources=tuple(chosen))
        found = select({"ms": root, "rgb": root}, class_map, options)
        found.splits("strict", 0, 0)
    except AckdError as error:
        report.add("error", "no benchmark", name, str(error))


def _missing_source(
    source: str,
    side: Modality,
    class_map: ClassMap,
    records: Mapping[str, Sequence[Record]],
    report: Report,
) -> None:
    about = SOURCES[source]
    there = [name for name in class_map.rgb if name in records]
    if side == "ms" or not there:
        severity, way = "error", f"{class_map.name} needs it."
    else:
        severity, way = "warning", f"data.sources=[{','.join(there)}] does without it."
    report.add(
        "error" if severity == "error" else "warning",
        "source missing",
        class_map.name,
        f"{source} is not there: {about.title}. {about.published} {way}",
    )


def check_sides(class_map: ClassMap, sides: Sides, name: str, report: Report) -> None:
    """Note down classes short of images, twins, and what Table 10 has more of.

    Args:
        class_map: Classes and the paper's counts.
        sides: The images.
        name: What to call the set.
        report: Gets the findings.
    """
    scenes = {
        side: {
            label: {scene for scene, labels in images if label in labels}
            for label in class_map.classes
        }
        for side, images in sides.items()
    }
    for side, by_class in scenes.items():
        for label, ids in by_class.items():
            if len(ids) < FOLDS:
                report.add(
                    "error",
                    "class short of images",
                    name,
                    f"class '{label}' has {counted(len(ids), 'scene')} on the {side.upper()} side; "
                    f"{FOLDS} are needed, one per fold. Add images of it"
                    + (", or set data.missing_classes=drop." if not ids else "."),
                )
    twins = {scene for scene, _ in sides["ms"]} & {scene for scene, _ in sides["rgb"]}
    if twins:
        report.add(
            "note",
            "twins",
            name,
            f"{len(twins):,} scenes are on both sides, such as {min(twins)}; data.twins=split "
            "(the default) gives each to one side.",
        )
    for column, side in enumerate(scenes):
        short = [
            f"{label} {len(scenes[side][label]):,} of {pair[column]:,}"
            for label, pair in class_map.paper_counts.items()
            if len(scenes[side][label]) < pair[column]
        ]
        if short:
            report.add(
                "note",
                "fewer than the paper's Table 10",
                name,
                f"{side.upper()}: {', '.join(short)}",
            )
