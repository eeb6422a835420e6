"""Listing what is on disk: the images of one side of a benchmark, labelled but not read.

Classes that one side does not have are an error, or leave a benchmark of those that both have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import Modality
from ackd.data.datasets.class_map import ClassMap
from ackd.data.options import choices_of
from ackd.data.sources import SOURCES, Record, Source
from ackd.errors import ConfigError, DataError, MissingClassError, unknown

__all__ = [
    "MISSING",
    "Listing",
    "check_classes",
    "check_missing",
    "cut_to_common",
    "list_side",
    "present",
]

#: The choices of ``data.missing_classes``.
MISSING: Final = choices_of("missing_classes")


@dataclass(frozen=True)
class Listing:
    """The images of one side, sorted by scene id.

    Attributes:
        modality: ``"ms"`` or ``"rgb"``.
        sources: Where they come from; one sensor for all.
        records: The N images.
        origins: (N,) int64, the position of each image's source in ``sources``.
        labels: (N,) int64 class indices, or (N, K) bool for several classes an image.
    """

    modality: Modality
    sources: tuple[Source, ...]
    records: tuple[Record, ...]
    origins: NDArray[np.int64]
    labels: NDArray[Any]

    @property
    def scene_ids(self) -> NDArray[np.str_]:
        """(N,) the scene id of each image."""
        return np.array([record.scene_id for record in self.records], dtype=np.str_)

    @property
    def splits(self) -> NDArray[np.str_]:
        """(N,) the publisher's own split, ``train``, ``val`` or ``test``; "" where it has none."""
        return np.array([record.split or "" for record in self.records], dtype=np.str_)

    def take(self, positions: NDArray[np.int64]) -> Listing:
        """Return the listing of the images at some positions."""
        records = tuple(self.records[position] for position in positions)
        origins, labels = self.origins[positions], self.labels[positions]
        return Listing(self.modality, self.sources, records, origins, labels)

    def counts(self, classes: Sequence[str], origin: int | None = None) -> dict[str, int]:
        """Count the images of each class, of all sources or of the one at position ``origin``."""
        labels = self.labels if origin is None else self.labels[self.origins == origin]
        per_class = (
            labels.sum(axis=0) if labels.ndim == 2 else np.bincount(labels, minlength=len(classes))
        )
        return dict(zip(classes, per_class.tolist(), strict=True))


def list_side(
    root: Path,
    modality: Modality,
    names: Sequence[str],
    class_map: ClassMap,
    known: Mapping[str, Source] = SOURCES,
) -> Listing:
    """List the images of some sources under ``root``, labelled by the class map.

    Args:
        root: The folder that holds the sources' folders.
        modality: Which side of the class map.
        names: Which of its sources.
        class_map: Source classes to benchmark classes.
        known: The sources by name.

    Raises:
        ConfigError: If the sources are of different sensors.
        DataError: If a source finds its folder missing or wrong.
    """
    found: list[tuple[str, int, Record, list[int]]] = []
    sources = tuple(known[name] for name in names)
    for origin, source in enumerate(sources):
        mapping = class_map.side(modality)[source.name]
        for record in source.scan(root, mapping):
            labels = {mapping[label] for label in record.labels if label in mapping}
            found.append(
                (record.scene_id, origin, record, sorted(map(class_map.classes.index, labels)))
            )
    found.sort(key=lambda entry: entry[:2])
    sensors = sorted({source.sensor.name for source in sources})
    if len(sensors) > 1:
        raise ConfigError(
            f"The class map {class_map.name} joins sensors {', '.join(sensors)} on its {modality} "
            "side; expected one sensor, because bands go by its names."
        )
    return Listing(
        modality=modality,
        sources=sources,
        records=tuple(record for _, _, record, _ in found),
        origins=np.array([origin for _, origin, _, _ in found], dtype=np.int64),
        labels=_labels([labels for *_, labels in found], len(class_map.classes)),
    )


def _labels(borne: Sequence[Sequence[int]], classes: int) -> NDArray[Any]:
    if all(len(labels) == 1 for labels in borne):
        return np.array([labels[0] for labels in borne], dtype=np.int64)
    table = np.zeros((len(borne), classes), dtype=np.bool_)
    for row, labels in zip(table, borne, strict=True):
        row[list(labels)] = True
    return table


def check_classes(ms: Listing, rgb: Listing, class_map: ClassMap) -> None:
    """Raise DataError if a class of the benchmark has no image on one side."""
    counts = {"ms": ms.counts(class_map.classes), "rgb": rgb.counts(class_map.classes)}
    for label in class_map.classes:
        for here, there in (("ms", "rgb"), ("rgb", "ms")):
            if counts[here][label]:
                continue
            givers = [
                f"{name} ({', '.join(sorted(k for k, v in mapping.items() if v == label))})"
                for name, mapping in class_map.side(here).items()
                if label in mapping.values()
            ]
            way = (
                f"Add one of these to data.sources: {'; '.join(givers)}"
                if givers
                else "No source of the class map has it: map one, or take the class out"
            )
            raise DataError(
                f"Class '{label}' is empty on the {here.upper()} side "
                f"({counts[there][label]} images on the {there.upper()} side); both sides must "
                f"have every class of {class_map.name}. {way}."
            )


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
