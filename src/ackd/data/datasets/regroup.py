"""Other classes for images that are read already: embedded scenes and prepared folders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import Benchmark, Modality, SceneSet
from ackd.data.datasets.class_map import ClassMap
from ackd.data.datasets.own_classes import OwnClassMap, choose_classes
from ackd.data.stored import ChosenRows, Images
from ackd.errors import ConfigError, DataError

__all__ = ["class_map_of", "partial_by_choice", "regroup"]

Rows = Mapping[Modality, NDArray[np.int64]]


def regroup(
    benchmark: Benchmark, own: OwnClassMap | None = None, classes: Sequence[str] | None = None
) -> tuple[Benchmark, Rows]:
    """Apply a user's class map and choice of classes; images of no class are left out.

    Args:
        benchmark: Not split yet.
        own: ``data.class_map``, which must name the benchmark's own classes.
        classes: ``data.classes``.

    Returns:
        The benchmark of these classes, and the rows of each side that it kept.

    Raises:
        ConfigError: If a class is not there, or the map names publishers' sources.
        DataError: If a class is left without an image on one side.
    """
    sides: dict[Modality, SceneSet] = {"ms": benchmark.ms, "rgb": benchmark.rgb}
    if own is None and classes is None:
        return benchmark, {side: np.arange(len(scenes)) for side, scenes in sides.items()}
    for side in sides:
        named = [source for source in (own.side(side) if own else ()) if source]
        if named and own is not None:
            raise ConfigError(
                f"data.class_map={own.where} names the sources {', '.join(named)}, but "
                f"{benchmark.name} is put together already; map its own classes "
                f"({', '.join(benchmark.classes)}) under '{side}'."
            )
    chosen = choose_classes(class_map_of(benchmark.name, benchmark.classes), own, classes)
    rows: dict[Modality, NDArray[np.int64]] = {}
    for side, scenes in sides.items():
        labels, rows[side] = _relabelled(
            scenes, benchmark.classes, chosen.side(side)[""], chosen.classes
        )
        sides[side] = _taken(scenes, rows[side], labels)
        counts = sides[side].class_counts(classes=len(chosen.classes))
        empty = [label for label, count in zip(chosen.classes, counts, strict=True) if not count]
        if empty:
            raise DataError(
                f"{benchmark.name} has no {side.upper()} image of {', '.join(empty)}; both sides "
                "must have every class. Leave it out of data.classes or data.class_map."
            )
    regrouped = replace(benchmark, classes=chosen.classes, ms=sides["ms"], rgb=sides["rgb"])
    return regrouped, rows


def class_map_of(name: str, classes: Sequence[str]) -> ClassMap:
    """The class map of images that are of these classes already, from one source without a name."""
    same = {label: label for label in classes}
    return ClassMap(name, tuple(classes), {"": same}, {"": same}, {})


def partial_by_choice(
    benchmark: Benchmark, own: OwnClassMap | None, classes: Sequence[str] | None
) -> Benchmark:
    """Mark a published benchmark as partial where the user chose other classes than its own."""
    if own is None and classes is None:
        return benchmark
    reasons = [f"with the classes of {own.where}"] if own is not None else []
    if classes is not None:
        reasons.append(f"with the classes {', '.join(benchmark.classes)} alone")
    before = benchmark.notes.get("partial_reasons", [])
    notes = {**benchmark.notes, "partial": True, "partial_reasons": [*before, *reasons]}
    return replace(benchmark, notes=notes)


def _relabelled(
    scenes: SceneSet, old: Sequence[str], names: Mapping[str, str], new: Sequence[str]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The labels in other classes, of the rows that keep one."""
    table = np.zeros((len(old), len(new)), dtype=np.bool_)
    for theirs, ours in names.items():
        table[list(old).index(theirs), list(new).index(ours)] = True
    marks = scenes.labels @ table if scenes.multilabel else table[scenes.labels]
    rows = np.flatnonzero(marks.any(axis=1)).astype(np.int64)
    labels = marks[rows] if scenes.multilabel else marks[rows].argmax(axis=1).astype(np.int64)
    return labels, rows


def _taken(scenes: SceneSet, rows: NDArray[np.int64], labels: NDArray[Any]) -> SceneSet:
    images: Images = scenes.images
    if len(rows) < len(scenes):
        if isinstance(images, np.ndarray):
            images = np.ascontiguousarray(images[rows])
        else:
            images = ChosenRows(images, rows)
    return replace(
        scenes,
        images=images,
        labels=labels,
        files=scenes.files[rows],
        scene_ids=scenes.scene_ids[rows],
        split=scenes.split[rows],
    )
