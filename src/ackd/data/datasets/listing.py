"""Listing what is on disk: the images of one side of a benchmark, labelled but not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import Modality
from ackd.data.datasets.class_map import ClassMap
from ackd.data.sources import SOURCES, Record, Source
from ackd.errors import ConfigError, DataError

__all__ = ["Listing", "check_classes", "list_side"]


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
