"""Putting a benchmark together: list the sources, deal the twins, split, then read the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ackd.data.benchmark import TRAIN, Benchmark, SceneSet
from ackd.data.class_map import ClassMap
from ackd.data.listing import Listing, check_classes, list_side
from ackd.data.scenes import Progress, decode
from ackd.data.sensors import RGB_BANDS
from ackd.data.sources import SOURCES, Source
from ackd.data.splits import assign_splits, check_split_options, strata, stratified_split
from ackd.data.twins import select_scenes, shared_scenes
from ackd.errors import ConfigError, DataError, unknown

__all__ = ["load_benchmark"]


def load_benchmark(
    root: Path,
    class_map: ClassMap,
    sources: Sequence[str],
    *,
    bands: Sequence[str],
    size: int,
    twins: str = "split",
    split_seed: int = 0,
    protocol: str = "strict",
    fold: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
    known: Mapping[str, Source] = SOURCES,
) -> Benchmark:
    """Read a benchmark from the archives under ``root``.

    Every option, folder and count is checked before the first image is read.

    Args:
        root: The folder that holds the archives' folders (``data.root``).
        class_map: Which sources it has and how their classes map.
        sources: The RGB sources to use, some or all of the class map's.
        bands: The MS bands by name, in the order wanted.
        size: Height and width of all images in pixels.
        twins: One of `ackd.data.twins.TWINS`.
        split_seed: Seed of the twins and of the splits.
        protocol: One of `ackd.data.splits.PROTOCOLS`.
        fold: Which of the five folds is the test share.
        workers: Reading threads; chosen by the machine where None.
        progress: Called as ``progress(done, total)`` after each image, MS ones first.
        known: The sources by name; own ones beside the publishers' come in here.

    Returns:
        The benchmark, split, with `notes` on counts, twins and what is missing.

    Raises:
        ConfigError: If an option is wrong.
        DataError: If a folder, a class or an image is.
    """
    check_split_options(protocol, split_seed, fold)
    if size < 1:
        raise ConfigError(f"data.size={size} is no image size; expected at least 1 pixel.")
    chosen = _chosen_sources(class_map, sources)
    for name in class_map.ms:
        bands = known[name].sensor.check(bands)
    all_ms = list_side(root, "ms", list(class_map.ms), class_map, known)
    all_rgb = list_side(root, "rgb", chosen, class_map, known)
    check_classes(all_ms, all_rgb, class_map)
    keep_ms, keep_rgb = select_scenes(
        twins,
        all_ms.scene_ids,
        strata(all_ms.labels),
        all_rgb.scene_ids,
        strata(all_rgb.labels),
        split_seed,
    )
    ms, rgb = all_ms.take(keep_ms), all_rgb.take(keep_rgb)
    _check_dealt(ms, rgb, class_map, twins)
    for side in (ms, rgb):  # too few images a class: said now, not after reading
        stratified_split(
            side.scene_ids,
            side.labels,
            protocol,
            split_seed,
            fold,
            classes=class_map.classes,
            side=side.modality.upper(),
        )
    reasons = _partial_reasons(class_map, chosen, all_ms, all_rgb)
    total = len(ms.records) + len(rgb.records)
    benchmark = Benchmark(
        name=class_map.name,
        classes=class_map.classes,
        ms=_read(root, ms, bands, size, workers, _part(progress, 0, total)),
        rgb=_read(root, rgb, RGB_BANDS, size, workers, _part(progress, len(ms.records), total)),
        protocol="none",
        notes={
            "class_map": class_map.name,
            "sources": {"ms": list(class_map.ms), "rgb": chosen},
            "partial": bool(reasons),
            "partial_reasons": reasons,
            "twins": _twin_notes(twins, all_ms, all_rgb, ms, rgb),
            "counts": _count_notes(class_map, all_ms, all_rgb, ms, rgb),
        },
    )
    return assign_splits(benchmark, protocol, split_seed, fold)


def _chosen_sources(class_map: ClassMap, sources: Sequence[str]) -> list[str]:
    known = list(class_map.rgb)
    if isinstance(sources, str):
        raise ConfigError(
            f"data.sources={sources} is one text; expected a list: data.sources=[{sources}]."
        )
    for name in sources:
        if name not in known:
            raise unknown("RGB source", str(name), known, "data.sources")
    if not sources or len(set(sources)) < len(sources):
        raise ConfigError(
            f"data.sources=[{','.join(sources)}] should name at least one source, and each once; "
            f"known: {', '.join(known)}."
        )
    # the order given must not matter: neither for the images' order nor for a fingerprint
    return [name for name in known if name in sources]


def _check_dealt(ms: Listing, rgb: Listing, class_map: ClassMap, twins: str) -> None:
    for side in (ms, rgb):
        empty = [label for label, count in side.counts(class_map.classes).items() if not count]
        if empty:
            raise DataError(
                f"data.twins={twins} leaves class '{empty[0]}' without an image on the "
                f"{side.modality.upper()} side; add scenes of it under data.root or choose "
                "another data.twins."
            )


def _part(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Let one side report as part of both."""
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)


def _read(
    root: Path,
    listing: Listing,
    bands: Sequence[str],
    size: int,
    workers: int | None,
    progress: Progress | None,
) -> SceneSet:
    paths = [root / record.file for record in listing.records]
    owner = {path: listing.sources[i] for path, i in zip(paths, listing.origins, strict=True)}
    images = decode(
        paths,
        lambda path: owner[path].read(path, bands, size),
        workers,
        progress,
    )
    return SceneSet(
        modality=listing.modality,
        images=images,
        labels=listing.labels,
        files=np.array([record.file for record in listing.records], dtype=np.str_),
        scene_ids=listing.scene_ids,
        split=np.full(len(paths), TRAIN, np.int8),
        bands=tuple(bands),
        sensor=listing.sources[0].sensor.name,
    )


def _partial_reasons(
    class_map: ClassMap, chosen: Sequence[str], ms: Listing, rgb: Listing
) -> list[str]:
    reasons = []
    absent = [name for name in class_map.rgb if name not in chosen]
    if absent:
        reasons.append(f"without the RGB images of {', '.join(absent)}")
    for column, side in enumerate((ms, rgb)):
        found = side.counts(class_map.classes)
        short = [
            f"{label} {found[label]} of {counts[column]}"
            for label, counts in class_map.paper_counts.items()
            if found[label] < counts[column]
        ]
        if short:
            reasons.append(
                f"fewer {side.modality.upper()} images than in the paper's Table 10: "
                + ", ".join(short)
            )
    return reasons


def _twin_notes(
    mode: str, all_ms: Listing, all_rgb: Listing, ms: Listing, rgb: Listing
) -> dict[str, Any]:
    twins = shared_scenes(all_ms.scene_ids, all_rgb.scene_ids)
    return {
        "mode": mode,
        "found": len(twins),
        "kept_as_ms": int(np.isin(twins, ms.scene_ids).sum()),
        "kept_as_rgb": int(np.isin(twins, rgb.scene_ids).sum()),
        "on_both_sides": len(shared_scenes(ms.scene_ids, rgb.scene_ids)),
    }


def _count_notes(
    class_map: ClassMap, all_ms: Listing, all_rgb: Listing, ms: Listing, rgb: Listing
) -> Mapping[str, Any]:
    classes = class_map.classes
    return {
        "found": {side.modality: side.counts(classes) for side in (all_ms, all_rgb)},
        "used": {side.modality: side.counts(classes) for side in (ms, rgb)},
        "rgb_used_by_source": {
            source.name: rgb.counts(classes, origin) for origin, source in enumerate(rgb.sources)
        },
        "paper": {
            modality: {label: counts[column] for label, counts in class_map.paper_counts.items()}
            for column, modality in enumerate(("ms", "rgb"))
        },
    }
