"""Splits: stratified, seeded, and fixed before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import TEST, TRAIN, VAL, VALIDATES_ON_TEST, Benchmark
from ackd.data.twins import count_leaks
from ackd.errors import ConfigError, DataError, unknown

__all__ = [
    "FOLDS",
    "PROTOCOLS",
    "assign_splits",
    "check_split_options",
    "strata",
    "stratified_split",
]

#: ``strict`` keeps 64/16/20 % for train/val/test; ``paper`` 80/20, the best epoch being chosen on
#: the very 20 % it reports.
PROTOCOLS: Final = ("strict", "paper")

#: The test images of folds 0 ... 4 of one seed are disjoint and together all images.
FOLDS: Final = 5

_MS_STREAM, _RGB_STREAM = 0, 1


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
                f"at least {FOLDS}, one a fold. Add images of this class under data.root."
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


def assign_splits(
    benchmark: Benchmark, protocol: str = "strict", split_seed: int = 0, fold: int = 0
) -> Benchmark:
    """Return the benchmark with both sides split anew.

    The sides are split independently, except under ``twins=paired`` (told by the notes), where
    a scene is in the same split on both. The notes get the number of RGB test images whose twin
    trains the teacher (``twins.twin_leaks``).

    Args:
        benchmark: Any benchmark; its own splits are replaced.
        protocol: One of `PROTOCOLS`.
        split_seed: ``data.split_seed``.
        fold: Which of the five folds is the test share.

    Raises:
        ConfigError: If an option is out of range.
        DataError: If a class has fewer scenes than the protocol needs.
    """
    paired = benchmark.notes.get("twins", {}).get("mode") == "paired"
    streams = {"ms": _MS_STREAM, "rgb": _MS_STREAM if paired else _RGB_STREAM}
    sides = {
        side.modality: replace(
            side,
            split=stratified_split(
                side.scene_ids,
                side.labels,
                protocol,
                split_seed,
                fold,
                classes=benchmark.classes,
                side=side.modality.upper(),
                stream=streams[side.modality],
            ),
        )
        for side in (benchmark.ms, benchmark.rgb)
    }
    ms, rgb = sides["ms"], sides["rgb"]
    leaks = count_leaks(ms.scene_ids[ms.indices(TRAIN)], rgb.scene_ids[rgb.indices(TEST)])
    notes = {**benchmark.notes, "twins": {**benchmark.notes.get("twins", {}), "twin_leaks": leaks}}
    return replace(benchmark, ms=ms, rgb=rgb, protocol=protocol, notes=notes)
