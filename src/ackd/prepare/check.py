"""``ackd.prepare check``: which sets are under a folder, and whether they make a benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd.data import BENCHMARKS, MANIFEST, Pack, is_pack, load_class_map, open_pack
from ackd.data.benchmark import Modality, SceneSet
from ackd.data.datasets.benchmarks import released
from ackd.data.datasets.class_map import ClassMap
from ackd.data.options import ArchiveOptions
from ackd.data.reading.value_range import verdict_on
from ackd.data.sources import SOURCES, Record, Source
from ackd.data.splits import FOLDS
from ackd.data.splits.manifest import read_head
from ackd.data.splits.selection import select
from ackd.data.stored import digests_of, row_blocks
from ackd.errors import AckdError, ConfigError, DataError, counted, nearest_path, unknown
from ackd.prepare.check_images import Report, flat_bands, inspect_source, same_files, unmeasured
from ackd.prepare.check_own import check_own
from ackd.prepare.found import home_of, scan_present, zipped
from ackd.utils.progress import bar

__all__ = ["check"]

#: Of each side, every image's scene id and classes, the benchmark's own.
Sides = dict[Modality, list[tuple[str, tuple[str, ...]]]]


def check(
    folder: Path,
    benchmark: str | None = None,
    workers: int | None = None,
    rgb: Path | None = None,
) -> Report:
    """Open every file of every set found under a folder.

    A folder is taken for what it is: one made by ``ackd.prepare``; else the archives of known
    sources; else ``MS`` and ``RGB`` with one folder per class in each.

    Args:
        folder: What to look at; the user's own MS images where ``rgb`` is given.
        benchmark: Look at its sources only, and miss those that are not there; where None, the
            benchmarks whose MS source is found are judged.
        workers: Reading threads; chosen by the machine where None.
        rgb: The user's own RGB images.

    Raises:
        ConfigError: If there is no such benchmark, or one is named beside two folders.
        DataError: If there is no such folder, or nothing known in it.
    """
    if benchmark is not None and benchmark not in BENCHMARKS:
        raise unknown("benchmark", benchmark, BENCHMARKS, "--benchmark")
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {folder}; expected one with images (check DIR)."
            f"{nearest_path(folder)}"
        )
    report = Report(folder)
    if rgb is not None:
        if benchmark is not None:
            raise ConfigError(
                f"--benchmark {benchmark} judges one folder of publishers' archives, but two "
                "folders of your own images are given; leave one of them out."
            )
        check_own(folder, rgb, report, workers)
        return report
    if is_pack(folder):
        _check_prepared(folder, report)
        return report
    class_maps = [load_class_map(name) for name in ([benchmark] if benchmark else BENCHMARKS)]
    wanted = {
        name: SOURCES[name]
        for class_map in class_maps
        for side in (class_map.ms, class_map.rgb)
        for name in side
    } | ({} if benchmark else SOURCES)
    records = _known_sources(folder, wanted, report, workers)
    if records:
        for class_map in class_maps:
            if benchmark or any(records.get(name) for name in class_map.ms):
                _check_benchmark(class_map, records, folder, report)
        return report
    if (folder / "MS").is_dir() and (folder / "RGB").is_dir():
        _class_folders(folder, report, workers)
        return report
    packed = [path.name for source in wanted.values() for path in zipped(source, folder)]
    what = f" There are archives to unpack first: {', '.join(packed)}." if packed else ""
    raise DataError(
        f"{folder} holds nothing that can be checked: neither a prepared set, nor one of "
        f"{', '.join(source.folder for source in wanted.values())}, nor MS and RGB with one folder "
        f"per class. Two folders of your own images are checked by: check MS_DIR RGB_DIR.{what}"
    )


def _known_sources(
    root: Path, wanted: Mapping[str, Source], report: Report, workers: int | None
) -> dict[str, list[Record]]:
    """Open all images of the sources that are there; source -> images."""
    found: dict[str, list[Record]] = {}
    for name, source in wanted.items():
        if home_of(source, root) is None:
            continue
        try:
            found[name], absent = scan_present(source, root, source.classes)
        except DataError as error:
            report.add("error", "wrong layout", name, str(error))
            found[name] = []
            continue
        if absent:
            report.add(
                "note",
                "classes without images",
                name,
                f"{source.title} has no image of {', '.join(absent)} here.",
            )
        with bar(name) as progress:
            inspect_source(source, root, found[name], report, workers=workers, progress=progress)
    return found


def _class_folders(folder: Path, report: Report, workers: int | None) -> None:
    """Check ``MS/<class>`` and ``RGB/<class>``: one's own images, or as the authors released."""
    if not any((folder / "MS").glob("*/*.mat")):
        check_own(folder / "MS", folder / "RGB", report, workers)
        return
    class_map, known = released("m2s_gl")
    sides: Sides = {"ms": [], "rgb": []}
    for source in known.values():
        try:
            records = source.scan(folder, class_map.side(source.modality)[source.name])
        except DataError as error:
            report.add("error", "wrong layout", "MS and RGB", str(error))
            return
        with bar(source.name) as progress:
            inspect_source(source, folder, records, report, workers=workers, progress=progress)
        sides[source.modality] += [(record.scene_id, record.labels) for record in records]
    _check_sides(class_map, sides, class_map.name, report)


def _check_benchmark(
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
    _check_sides(class_map, sides, name, report)
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


def _check_sides(class_map: ClassMap, sides: Sides, name: str, report: Report) -> None:
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


def _check_prepared(folder: Path, report: Report) -> None:
    """Read every image of a pack, and compare it with what was packed.

    Args:
        folder: With ``pack.json``.
        report: Gets the findings.
    """
    try:
        pack = open_pack(folder)
    except DataError as error:
        report.add("error", "unreadable", "pack", str(error))
        return
    bench = pack.benchmark()
    sides: Sides = {"ms": [], "rgb": []}
    for scenes in (bench.ms, bench.rgb):
        _check_pixels(scenes, report, pack.options.get("nodata") == "zero")
        sides[scenes.modality] = [
            (str(scene), tuple(pack.classes[label] for label in np.flatnonzero(row)))
            for scene, row in zip(scenes.scene_ids, _table(scenes, len(pack.classes)), strict=True)
        ]
    verdict = verdict_on(bench.ms)
    for text in verdict.errors:
        report.add("error", "value range", "ms", text)
    for text in verdict.warnings:
        report.add("warning", "value range", "ms", text)
    _check_sides(_class_map(pack), sides, pack.name, report)
    try:
        read_head(folder / MANIFEST)
    except AckdError as error:
        report.add("warning", "manifest", pack.name, str(error))


def _class_map(pack: Pack) -> ClassMap:
    """Classes as packed, counts as of today's class map."""
    try:
        counts = load_class_map(pack.name).paper_counts
    except AckdError:
        counts = {}
    known = {label: counts[label] for label in pack.classes if label in counts}
    return ClassMap(pack.name, pack.classes, {}, {}, known)


def _table(scenes: SceneSet, classes: int) -> NDArray[np.bool_]:
    """(N, K), which image bears which class."""
    table: NDArray[np.bool_] = (
        scenes.labels if scenes.multilabel else np.eye(classes, dtype=np.bool_)[scenes.labels]
    )
    return table


def _check_pixels(scenes: SceneSet, report: Report, blank: bool) -> None:
    side: Modality = scenes.modality
    promised = digests_of(scenes.images)
    labels = _table(scenes, int(scenes.labels.max()) + 1 if not scenes.multilabel else 0)
    files: list[tuple[str, str, tuple[str, ...]]] = []
    with bar(side.upper()) as progress:
        for rows in row_blocks(scenes.images, np.arange(len(scenes))):
            block = scenes.images[rows]
            found = digests_of(block)
            for row, image, digest in zip(rows.tolist(), block, found, strict=True):
                name = str(scenes.files[row])
                if not np.array_equal(digest, promised[row]):
                    report.add(
                        "error",
                        "changed since it was packed",
                        side,
                        f"{name} in {side}.npy is not what was packed; prepare it anew (--force).",
                        [name],
                    )
                _check_image(image, name, scenes, report, blank)
                borne = tuple(map(str, np.flatnonzero(labels[row])))
                files.append((name, digest.tobytes().hex(), borne))
            progress(len(files), len(scenes))
    report.images[side] = len(files)
    same_files(files, side, report)


def _check_image(
    image: NDArray[Any], name: str, scenes: SceneSet, report: Report, blank: bool
) -> None:
    """Note down what is wrong with an image; NaN is in order where invalid pixels were kept."""
    if image.dtype.kind == "f" and not np.isfinite(image).all() and not blank:
        text = f"{name} holds NaN or infinite pixels."
        report.add("error", "NaN", scenes.modality, text, [name])
    flat = flat_bands(image, scenes.bands)
    if flat:
        text = f"{name} has one value everywhere in {', '.join(flat)}."
        report.add("warning", "constant band", scenes.modality, text, [name])
    if scenes.modality == "ms" and unmeasured(image):
        text = f"{name} has {unmeasured(image):,} pixels that are 0 in every band."
        report.add("warning", "zero in every band", scenes.modality, text, [name])
