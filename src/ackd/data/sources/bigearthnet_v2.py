"""BigEarthNet, version 2 (reBEN): 19 classes and the publisher's split in one table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ackd.data.sources.base import Record
from ackd.data.sources.bigearthnet_classes import CLASSES_19
from ackd.data.sources.folders import inside, visible
from ackd.data.sources.label_tables import Row, read_table
from ackd.data.sources.patches import Patches
from ackd.errors import DataError

__all__ = ["BIGEARTHNET_V2", "BigEarthNetV2"]

_TIF = (".tif", ".tiff")


@dataclass(frozen=True)
class BigEarthNetV2(Patches):
    """Either of two layouts, whichever is found under the root.

    As published: ``<folder>/<tile>/<patch>/<patch>_B02.tif, ...`` and ``metadata.parquet`` (or a
    csv export of it) in that folder or beside it. The table may list patches that are not there:
    parts of the archive are in use everywhere.

    Stacked: ``<stacked>/tif/<patch>.tif`` of 12 bands and ``<stacked>/labels.csv``, in which every
    row has its tif and every tif its row. Implements `ackd.data.sources.Source`.

    Attributes:
        stacked: The folder of the stacked layout.
    """

    stacked: str = "BigEarthNet-v2-S2"

    def scan(self, root: Path, classes: Collection[str]) -> list[Record]:
        """List the patches that bear at least one of ``classes``, sorted by scene id.

        A class that no patch bears is no error here: labels decide, not folders.

        Raises:
            DataError: If the folder or the table is missing, an image is without labels, or the
                table leads out of the archive.
        """
        if (root / self.stacked / "labels.csv").is_file():
            home = root / self.stacked
            images = self._stacked(home)
        else:
            home = self.locate(root)
            images = self._patches(home)
        records = []
        for path, row in images:
            labels = self.check_labels(row.labels, row.where)
            if not set(labels).isdisjoint(classes):
                records.append(
                    Record(
                        file=path.relative_to(root).as_posix(),
                        labels=labels,
                        scene_id=f"{self.name}/{row.patch}",
                        split=row.split,
                    )
                )
        self.check_any(len(records), home, classes)
        return sorted(records, key=lambda record: record.scene_id)

    def _stacked(self, home: Path) -> Iterator[tuple[Path, Row]]:
        table = read_table(home / "labels.csv")
        tifs = home / "tif"
        rows = {inside(tifs, r.file or f"{r.patch}.tif", r.where): r for r in table.values()}
        for path, row in rows.items():
            if not path.is_file():
                raise DataError(
                    f"{row.where} names {path}, which is not there; expected a tif for each row of "
                    "labels.csv. Put it there, or take the row out."
                )
        for path in visible(tifs):
            if path.suffix.lower() in _TIF and path not in rows:
                raise DataError(
                    f"{path} has no row in {home / 'labels.csv'}; expected one for each tif. Add "
                    "the row, or take the tif out."
                )
        yield from rows.items()

    def _patches(self, home: Path) -> Iterator[tuple[Path, Row]]:
        path, table = self._metadata(home)
        for patch in _patch_folders(home):
            if patch.name not in table:
                raise DataError(
                    f"{patch} has no row in {path}; expected one for each patch. Get the table of "
                    f"the same version of {self.title}, or take the folder out."
                )
            yield patch, table[patch.name]

    def _metadata(self, home: Path) -> tuple[Path, Mapping[str, Row]]:
        # the csv first: it is there because somebody cannot read the other
        for name in ("metadata.csv", "metadata.parquet"):
            for path in (home / name, home.parent / name):
                if path.is_file():
                    return path, read_table(path)
        raise DataError(
            f"{home} has no metadata.parquet, neither inside nor beside it; it has the labels and "
            f"the split of {self.title}. {self.published} A csv export of it, metadata.csv with "
            "the columns patch_id, labels (| between them) and split, will do."
        )


def _patch_folders(home: Path) -> Iterator[Path]:
    """The patches, in folders of tiles as published or without."""
    for tile in visible(home):
        if tile.is_dir():
            patches = [child for child in visible(tile) if child.is_dir()]
            yield from patches or [tile]


BIGEARTHNET_V2: Final = BigEarthNetV2(
    name="bigearthnet_v2",
    title="BigEarthNet v2, 19 classes (Clasen et al. 2024)",
    folder="BigEarthNet-S2",
    aliases=("BigEarthNet-v2/BigEarthNet-S2", "BigEarthNet-v2.0/BigEarthNet-S2"),
    classes=tuple(sorted(CLASSES_19)),
    published="Zenodo record 10891137 has BigEarthNet-S2.tar.zst and metadata.parquet.",
)
