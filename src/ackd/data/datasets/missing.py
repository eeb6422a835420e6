"""Classes that one side does not have: an error, or a benchmark cut to those that both have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from ackd.data.benchmark import Modality
from ackd.data.datasets.class_map import ClassMap
from ackd.data.datasets.listing import Listing
from ackd.data.sources import Source
from ackd.errors import DataError, MissingClassError, unknown

__all__ = ["MISSING", "check_missing", "cut_to_common", "present"]

#: The choices of ``data.missing_classes``.
MISSING: Final = ("error", "drop")


def check_missing(mode: str) -> None:
    """Raise ConfigError if ``mode`` is none of `MISSING`."""
    if mode not in MISSING:
        raise unknown("treatment of missing classes", mode, MISSING, "data.missing_classes")


def present(
    roots: Mapping[Modality, Path],
    class_map: ClassMap,
    rgb_sources: Sequence[str],
    known: Mapping[str, Source],
) -> tuple[ClassMap, dict[str, list[str]]]:
    """Leave out of the class map what the archives on disk do not have.

    Args:
        roots: The folder that holds the archives of each side.
        class_map: Source classes to benchmark classes.
        rgb_sources: Which RGB sources are looked at.
        known: The sources by name.

    Returns:
        The class map without the source classes that are missing or empty, and these by source.

    Raises:
        DataError: If an archive is missing altogether, or wrong in another way.
    """
    absent: dict[str, list[str]] = {}
    sides: dict[Modality, dict[str, dict[str, str]]] = {"ms": {}, "rgb": {}}
    for modality, found in sides.items():
        for name, mapping in class_map.side(modality).items():
            labels = dict(mapping)
            while modality == "ms" or name in rgb_sources:
                try:
                    known[name].scan(roots[modality], labels)
                    break
                except MissingClassError as error:
                    absent.setdefault(name, []).append(error.label)
                    del labels[error.label]
            found[name] = labels
    return replace(class_map, ms=sides["ms"], rgb=sides["rgb"]), absent


def cut_to_common(
    ms: Listing, rgb: Listing, class_map: ClassMap
) -> tuple[Listing, Listing, ClassMap, dict[str, str]]:
    """Cut a benchmark to the classes that both sides have.

    Images that bear no other class are left out; others lose the label.

    Returns:
        Both sides, the class map cut alike, and each class that was dropped with the side that has
        no image of it.

    Raises:
        DataError: If fewer than two classes remain.
    """
    found = {side.modality: side.counts(class_map.classes) for side in (ms, rgb)}
    dropped = {
        label: " and ".join(name.upper() for name, counts in found.items() if not counts[label])
        for label in class_map.classes
        if not all(counts[label] for counts in found.values())
    }
    if not dropped:
        return ms, rgb, class_map, {}
    kept = tuple(label for label in class_map.classes if label not in dropped)
    if len(kept) < 2:
        raise DataError(
            f"Of the classes of {class_map.name} both sides have {len(kept)} "
            f"({', '.join(kept) or 'none'}), and at least 2 are needed; without images are "
            + ", ".join(f"{label} ({sides})" for label, sides in dropped.items())
            + ". Add archives under data.root or to data.sources."
        )
    cut = replace(
        class_map,
        classes=kept,
        ms=_without(class_map.ms, dropped),
        rgb=_without(class_map.rgb, dropped),
        paper_counts={k: pair for k, pair in class_map.paper_counts.items() if k not in dropped},
    )
    positions = np.array([class_map.classes.index(label) for label in kept])
    return _cut(ms, positions), _cut(rgb, positions), cut, dropped


def _without(
    side: Mapping[str, Mapping[str, str]], dropped: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    return {
        source: {theirs: ours for theirs, ours in mapping.items() if ours not in dropped}
        for source, mapping in side.items()
    }


def _cut(listing: Listing, positions: np.ndarray) -> Listing:
    """Keep the classes at some positions, and the images that bear one of them."""
    if listing.labels.ndim == 2:
        labels = np.ascontiguousarray(listing.labels[:, positions])
        stays = labels.any(axis=1)
    else:
        table = np.full(max(int(positions.max()), int(listing.labels.max(initial=0))) + 1, -1)
        table[positions] = np.arange(len(positions))
        labels = table[listing.labels].astype(np.int64)
        stays = labels >= 0
    return replace(listing, labels=labels).take(np.flatnonzero(stays))
