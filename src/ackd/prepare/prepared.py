"""Checking a prepared folder: its pixels are those that were packed, and make a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd.data import MANIFEST, Pack, load_class_map, open_pack
from ackd.data.benchmark import Modality, SceneSet
from ackd.data.datasets.class_map import ClassMap
from ackd.data.reading.value_range import verdict_on
from ackd.data.splits.manifest import read_head
from ackd.data.stored import digests_of, row_blocks
from ackd.errors import AckdError, DataError
from ackd.prepare.findings import Report
from ackd.prepare.inspect import flat_bands, same_files, unmeasured
from ackd.prepare.sides import Sides, check_sides
from ackd.utils.progress import bar

__all__ = ["check_prepared"]


def check_prepared(folder: Path, report: Report) -> None:
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
    check_sides(_class_map(pack), sides, pack.name, report)
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
