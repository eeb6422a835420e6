"""Splits: stratified, seeded, and fixed before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import (
    TEST,
    TRAIN,
    VAL,
    VALIDATES_ON_TEST,
    Benchmark,
    Modality,
    SceneSet,
)
from ackd.data.options import choices_of
from ackd.data.splits.twins import count_leaks
from ackd.errors import ConfigError, DataError, unknown

__all__ = [
    "FOLDS",
    "PROTOCOLS",
    "assign_splits",
    "check_split_options",
    "split_sides",
    "strata",
    "stratified_split",
]

#: ``strict`` keeps 64/16/20 % for train/val/test; ``paper`` 80/20, the best epoch being chosen on
#: the very 20 % it reports; ``publisher`` takes the publisher's own split where a side has one.
PROTOCOLS: Final = choices_of("protocol")

#: The test images of folds 0 ... 4 of one seed are disjoint and together all images.
FOLDS: Final = 5

_MS_STREAM, _RGB_STREAM = 0, 1

#: What publishers' splits are called in `ackd.data.sources.Record.split`.
_PUBLISHED: Final = {"train": TRAIN, "val": VAL, "test": TEST}


def strata(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the class under which each image is filed: of several, the rarest it bears.

    Args:
        labels: (N,) class indices, or (N, K) bool.

    Returns:
        (N,) int64.

    Raises:
        ValueError: If an image of a multi-label set bears no class.
    """
    if labels.ndim == 1:
        return labels.astype(np.int64)
    bare = np.flatnonzero(~labels.any(axis=1))
    if bare.size:
        raise ValueError(
            f"{len(bare)} images bear no class (the first is number {bare[0]}); expected at "
            "least one class an image."
        )
    # stable, so that of two equally rare classes the first in the list is taken
    by_rarity = np.argsort(labels.sum(axis=0), kind="stable")
    return np.asarray(by_rarity[labels[:, by_rarity].argmax(axis=1)], dtype=np.int64)


def stratified_split(
    scene_ids: NDArray[np.str_],
    labels: NDArray[Any],
    protocol: str,
    split_seed: int,
    fold: int,
    *,
    classes: Sequence[str] = (),
    side: str = "",
    stream: int = 0,
) -> NDArray[np.int8]:
    """Assign every image to training, validation or test.

    The scenes of a class are sorted by id, shuffled by the seed and dealt to five folds; fold
    number ``fold`` is the test share. Under ``strict`` a fifth of each class's rest validates.
    Images of one scene stay together, and the order of the images does not matter.

    Args:
        scene_ids: (N,) str.
        labels: (N,) class indices, or (N, K) bool (filed under the rarest class).
        protocol: One of `PROTOCOLS`.
        split_seed: ``data.split_seed``, 0 or more.
        fold: Which of the folds 0 ... 4 is the test share.
        classes: Class names for messages.
        side: ``"MS"`` or ``"RGB"``, for messages.
        stream: Different numbers give independent splits of one seed.

    Returns:
        (N,) int8 of ``TRAIN``, ``VAL``, ``TEST``.

    Raises:
        ConfigError: If an option is out of range.
        DataError: If a class has fewer scenes than the protocol needs.
    """
    check_split_options(protocol, split_seed, fold)
    scenes, first, inverse = np.unique(scene_ids, return_index=True, return_inverse=True)
    filed = strata(labels)[first]
    assigned = np.full(len(scenes), TRAIN, np.int8)
    dealt = 0
    for label in np.unique(filed):
        members = np.flatnonzero(filed == label)
        if len(members) < FOLDS:
            name = classes[label] if label < len(classes) else f"number {label}"
            where = f" on the {side} side" if side else ""
            raise DataError(
                f"Class '{name}' has {len(members)} scenes{where}; data.protocol={protocol} needs "
                f"at least {FOLDS}, one per fold. Add images of this class, or choose the other "
                "classes by data.classes."
            )
        shuffled = np.random.default_rng([split_seed, stream, int(label)]).permutation(members)
        # the deal goes on where the last class ended, so that the folds are of one size overall
        folds = (np.arange(len(members)) + dealt) % FOLDS
        dealt += len(members)
        rest = shuffled[folds != fold]
        assigned[shuffled[folds == fold]] = TEST
        if protocol not in VALIDATES_ON_TEST:
            assigned[rest[: max(1, round(len(rest) / FOLDS))]] = VAL
    return assigned[inverse.reshape(-1)]


def check_split_options(protocol: str, split_seed: int, fold: int) -> None:
    """Raise ConfigError if an option of the splits is unknown or out of range."""
    if protocol not in PROTOCOLS:
        raise unknown("split protocol", protocol, PROTOCOLS, "data.protocol")
    if split_seed < 0:
        raise ConfigError(f"data.split_seed={split_seed} is negative; expected 0 or more.")
    if not 0 <= fold < FOLDS:
        raise ConfigError(f"data.fold={fold} is no fold; expected 0 to {FOLDS - 1}.")


def split_sides(
    scene_ids: Mapping[Modality, NDArray[np.str_]],
    labels: Mapping[Modality, NDArray[Any]],
    protocol: str,
    split_seed: int,
    fold: int,
    *,
    paired: bool = False,
    classes: Sequence[str] = (),
    published: Mapping[Modality, NDArray[np.str_]] | None = None,
) -> dict[Modality, NDArray[np.int8]]:
    """Split both sides: independently, or every scene alike on both where they are paired.

    Under ``publisher`` a side all of whose images have a published split takes it, whatever seed
    and fold; the other side is split as under ``strict``.

    Args:
        scene_ids: Of each side, (N,) str.
        labels: Of each side, see `stratified_split`.
        protocol: One of `PROTOCOLS`.
        split_seed: ``data.split_seed``.
        fold: Which of the five folds is the test share.
        paired: Whether both sides are the same scenes.
        classes: Class names for messages.
        published: Of each side, (N,) ``train``, ``val``, ``test``, or "" where there is none.

    Returns:
        Of each side, (N,) int8.

    Raises:
        ConfigError: If an option is out of range, or ``publisher`` finds no published split.
        DataError: If a class has fewer scenes than the protocol needs, or a published split has
            no image in one of its parts.
    """
    check_split_options(protocol, split_seed, fold)
    streams: dict[Modality, int] = {
        "ms": _MS_STREAM,
        "rgb": _MS_STREAM if paired else _RGB_STREAM,
    }
    given: dict[Modality, NDArray[np.int8]] = {}
    if protocol == "publisher":
        given = {
            side: _published(side, names)
            for side, names in (published or {}).items()
            if len(names) and (names != "").all()
        }
        if not given:
            raise ConfigError(
                "data.protocol=publisher needs a side all of whose images have a split by their "
                "publisher (BigEarthNet v2 has one), and here neither has; use "
                "data.protocol=strict."
            )
        if paired and len(given) == 1:
            source = next(iter(given))
            of_scene = dict(zip(scene_ids[source].tolist(), given[source].tolist(), strict=True))
            for side, ids in scene_ids.items():
                given[side] = np.array([of_scene[scene] for scene in ids.tolist()], np.int8)
    return {
        side: given[side]
        if side in given
        else stratified_split(
            scene_ids[side],
            labels[side],
            protocol,
            split_seed,
            fold,
            classes=classes,
            side=side.upper(),
            stream=streams[side],
        )
        for side in scene_ids
    }


def _published(side: Modality, names: NDArray[np.str_]) -> NDArray[np.int8]:
    for part in _PUBLISHED:
        if not (names == part).any():
            raise DataError(
                f"The publisher's split of the {side.upper()} side has no image for {part}; use "
                "data.protocol=strict, or add the missing part of the archive under data.root."
            )
    return np.array([_PUBLISHED[name] for name in names.tolist()], dtype=np.int8)


def assign_splits(
    benchmark: Benchmark,
    protocol: str = "strict",
    split_seed: int = 0,
    fold: int = 0,
    published: Mapping[Modality, NDArray[np.str_]] | None = None,
) -> Benchmark:
    """Return the benchmark with both sides split anew, see `split_sides`.

    Whether the sides are paired (``twins=paired``) is told by the notes. The notes get the number
    of RGB test images whose twin trains the teacher (``twins.twin_leaks``), and under
    ``publisher`` which side is split by whom.

    Args:
        benchmark: Any benchmark; its own splits are replaced. Images that are marked as test under
            protocol "none" only ever test, whatever fold.
        protocol: One of `PROTOCOLS`.
        split_seed: ``data.split_seed``.
        fold: Which of the five folds is the test share.
        published: Of each side, (N,) ``train``, ``val``, ``test``, or "" where there is none.

    Raises:
        ConfigError: If an option is out of range, or ``publisher`` finds no published split.
        DataError: If a class has fewer scenes than the protocol needs.
    """
    twins = benchmark.notes.get("twins", {})
    sides: dict[Modality, SceneSet] = {"ms": benchmark.ms, "rgb": benchmark.rgb}
    dealt = {
        name: ~((side.split == TEST) & (benchmark.protocol == "none"))
        for name, side in sides.items()
    }
    splits = split_sides(
        {name: side.scene_ids[dealt[name]] for name, side in sides.items()},
        {name: side.labels[dealt[name]] for name, side in sides.items()},
        protocol,
        split_seed,
        fold,
        paired=twins.get("mode") == "paired",
        classes=benchmark.classes,
        published=published,
    )
    for name, side in sides.items():
        split = np.full(len(side), TEST, np.int8)
        split[dealt[name]] = splits[name]
        sides[name] = replace(side, split=split)
    ms, rgb = sides["ms"], sides["rgb"]
    leaks = count_leaks(ms.scene_ids[ms.indices(TRAIN)], rgb.scene_ids[rgb.indices(TEST)])
    notes = {**benchmark.notes, "twins": {**twins, "twin_leaks": leaks}}
    if protocol == "publisher":
        by_whom = {
            name: "publisher" if len(names) and (names != "").all() else "strict"
            for name, names in (published or {}).items()
        }
        notes["splits"] = by_whom
    return replace(benchmark, ms=ms, rgb=rgb, protocol=protocol, notes=notes)
