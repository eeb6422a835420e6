"""BigEarthNet, version 1: a folder a patch, labels of 43 classes in a json file beside the tifs."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ackd.data.sources.base import Record
from ackd.data.sources.bigearthnet_classes import CLASSES_43
from ackd.data.sources.folders import is_image, visible
from ackd.data.sources.patches import Patches
from ackd.errors import DataError

__all__ = ["BIGEARTHNET_V1", "BigEarthNetV1"]


@dataclass(frozen=True)
class BigEarthNetV1(Patches):
    """``<folder>/<patch>/<patch>_B02.tif, ..., <patch>_labels_metadata.json``.

    The publisher's split is read where its ``train.csv``, ``val.csv`` and ``test.csv`` (a patch a
    line) lie beside the patches or in ``splits`` there. Patches under snow or cloud, of which the
    publisher has lists, are not left out by themselves. Implements `ackd.data.sources.Source`.
    """

    def scan(self, root: Path, classes: Collection[str]) -> list[Record]:
        """List the patches that bear at least one of ``classes``, sorted by scene id.

        A class that no patch bears is no error here: labels decide, not folders.

        Raises:
            DataError: If the folder is missing or has no such patch, or labels are missing or
                damaged.
        """
        home = self.locate(root)
        splits = _splits(home)
        records = []
        for patch in visible(home):
            file = _labels_file(patch)
            if not patch.is_dir() or (not file.is_file() and not _holds_images(patch)):
                continue
            labels = self._labels(file)
            if not set(labels).isdisjoint(classes):
                records.append(
                    Record(
                        file=patch.relative_to(root).as_posix(),
                        labels=labels,
                        scene_id=f"{self.name}/{patch.name}",
                        split=splits.get(patch.name),
                    )
                )
        self.check_any(len(records), home, classes)
        return sorted(records, key=lambda record: record.scene_id)

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the tifs of a patch and its labels.

        Raises:
            DataError: If a band is missing.
        """
        return (*super().files(path), _labels_file(path))

    def _labels(self, file: Path) -> tuple[str, ...]:
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise DataError(
                f"{file.parent} has no {file.name}, which has its labels; expected one beside the "
                f"tifs of every patch. Unpack {self.title} under data.root again, or take the "
                "folder out."
            ) from error
        except (OSError, ValueError) as error:
            raise DataError(
                f"{file} cannot be read as JSON ({error}). Put the file of the publisher's "
                "archive in its place."
            ) from error
        labels = content.get("labels") if isinstance(content, dict) else None
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise DataError(
                f"{file} has no list 'labels' of class names. Put the file of the publisher's "
                "archive in its place."
            )
        return self.check_labels(labels, str(file))


def _labels_file(patch: Path) -> Path:
    return patch / f"{patch.name}_labels_metadata.json"


def _holds_images(folder: Path) -> bool:
    return any(is_image(path) for path in folder.iterdir())


def _splits(home: Path) -> dict[str, str]:
    """Read the publisher's lists: patch -> train, val or test; empty where they are not there."""
    for folder in (home, home / "splits"):
        lists = {split: folder / f"{split}.csv" for split in ("train", "val", "test")}
        there = [file for file in lists.values() if file.is_file()]
        if not there:
            continue
        if len(there) < len(lists):
            missing = next(file for file in lists.values() if not file.is_file())
            raise DataError(
                f"{there[0]} is there, but {missing} is not; expected all three of the "
                "publisher's lists (train.csv, val.csv, test.csv) or none."
            )
        splits: dict[str, str] = {}
        for split, file in lists.items():
            with file.open(newline="", encoding="utf-8") as lines:
                for row in csv.reader(lines):
                    if row and splits.setdefault(row[0].strip(), split) != split:
                        raise DataError(
                            f"{file} lists {row[0].strip()}, which {splits[row[0].strip()]}.csv "
                            "lists too; expected every patch in one part of the split."
                        )
        return splits
    return {}


BIGEARTHNET_V1: Final = BigEarthNetV1(
    name="bigearthnet_v1",
    title="BigEarthNet v1, 43 classes (Sumbul et al. 2019)",
    folder="BigEarthNet-v1.0",
    aliases=(
        "BigEarthNet-S2-v1.0/BigEarthNet-v1.0",
        "BigEarthNet-S2-v1.0",
        "BigEarthNet-v1-sample/BigEarthNet-S2-Example",
        "BigEarthNet-S2-Example",
    ),
    classes=tuple(sorted(CLASSES_43)),
    published="Its authors (bigearth.net) publish BigEarthNet-S2-v1.0.tar.gz.",
)
