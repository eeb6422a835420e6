"""A pack: one folder with the images of both sides, and all that a run must know of them.

``pack.json`` says what it is and is written last: a folder without it is no pack. Beside it lie
``ms.npy`` and ``rgb.npy`` with the images, ``ms.npz`` and ``rgb.npz`` with a row an image (labels,
files, scene ids, the publishers' splits, sources), a digest of every plane, and every plane's sum,
sum of squares and number of valid pixels. From these follow exact band statistics of any training
part, whatever the fold and the choice of bands, and the fingerprint, without a look at the pixels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import Benchmark, Modality
from ackd.data.cache.images import PackedImages
from ackd.data.cache.index import SideIndex
from ackd.data.options import RECORDED
from ackd.errors import ConfigError, DataError, unknown

__all__ = [
    "FORMAT",
    "INDEX",
    "SIDES",
    "Pack",
    "check_options",
    "is_pack",
    "open_pack",
    "read_index",
]

#: Raised by one whenever what is written changes.
FORMAT: Final = 1
INDEX: Final = "pack.json"
SIDES: Final[tuple[Modality, ...]] = ("ms", "rgb")


@dataclass(frozen=True, eq=False)
class Pack:
    """An open pack.

    Attributes:
        folder: Where it lies.
        name: The benchmark's name.
        classes: Its classes.
        options: What the images were selected with, see `Selection.options`, and the options
            that shaped their pixels.
        notes: What a result must say about its data.
        tables: The rows of each side.
        images: The images of each side; nothing is read before they are indexed.
    """

    folder: Path
    name: str
    classes: tuple[str, ...]
    options: Mapping[str, Any]
    notes: Mapping[str, Any]
    tables: Mapping[Modality, SideIndex]
    images: Mapping[Modality, PackedImages]

    @property
    def published(self) -> dict[Modality, NDArray[np.str_]]:
        """Of each side, the publishers' splits."""
        return {side: table.published for side, table in self.tables.items()}

    def has(self, bands: Sequence[str]) -> bool:
        """Whether all of these MS bands are packed."""
        return set(bands) <= set(self.tables["ms"].bands)

    def benchmark(self, bands: Sequence[str] | None = None) -> Benchmark:
        """Return both sides, not split yet (protocol ``none``).

        Args:
            bands: The MS bands in the order wanted; all as packed where None.

        Raises:
            ConfigError: If a band is not in the pack.
        """
        table, images = self.tables["ms"], self.images["ms"]
        wanted = table.bands if bands is None else tuple(bands)
        for band in wanted:
            if band not in table.bands:
                raise unknown(f"band packed in {self.folder}", band, table.bands, "data.bands")
        if wanted != table.bands:
            images = PackedImages(
                self.folder / "ms.npy",
                self.folder / "ms.npz",
                [table.bands.index(band) for band in wanted],
                images.stamp,
            )
        return Benchmark(
            name=self.name,
            classes=self.classes,
            ms=table.with_bands(wanted).scenes(images),
            rgb=self.tables["rgb"].scenes(self.images["rgb"]),
            protocol="none",
            notes=dict(self.notes),
        )


def is_pack(folder: Path) -> bool:
    """Whether a folder holds a whole pack."""
    return (folder / INDEX).is_file()


def read_index(folder: Path) -> dict[str, Any]:
    """Read ``pack.json``.

    Raises:
        DataError: If there is none, or it is of another version.
    """
    path = folder / INDEX
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version = content["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} cannot be read ({error}); expected a packed benchmark. Remove the file, and "
            "the images are packed again."
        ) from error
    if version != FORMAT:
        raise DataError(
            f"{folder} was packed in format {version}, but this version reads format {FORMAT}; "
            "pack it anew."
        )
    return content


def open_pack(folder: Path) -> Pack:
    """Open a pack without reading an image.

    Args:
        folder: Where it was written.

    Raises:
        DataError: If it is no pack, a file of it is missing or cut short, or it is being replaced
            at this very moment.
    """
    content = read_index(folder)
    tables: dict[Modality, SideIndex] = {}
    images: dict[Modality, PackedImages] = {}
    for side in SIDES:
        about = content["sides"][side]
        beside = folder / f"{side}.npz"
        try:
            tables[side] = SideIndex.read(beside, side, tuple(about["bands"]), about["sensor"])
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise DataError(
                f"{beside} cannot be read ({error}); remove {folder / INDEX}, and the images are "
                "packed again."
            ) from error
        images[side] = PackedImages(folder / f"{side}.npy", beside)
        if len(images[side]) != len(tables[side].files):
            raise DataError(
                f"{folder / side}.npy holds {len(images[side])} images, but its table "
                f"{len(tables[side].files)}; remove {folder / INDEX}, and they are packed anew."
            )
    if read_index(folder)["id"] != content["id"]:
        raise DataError(f"{folder} was packed anew at this very moment; start again.")
    return Pack(
        folder=folder,
        name=content["name"],
        classes=tuple(content["classes"]),
        options=content["options"],
        notes=content["notes"],
        tables=tables,
        images=images,
    )


def check_options(pack: Pack, **asked: Any) -> None:
    """Raise ConfigError if a pack was made with other options than a run asks for.

    Args:
        pack: A pack given as ``data.root``.
        asked: Option -> value; None where any will do.
    """
    for option, value in asked.items():
        if option not in pack.options:  # of an earlier version, which did not know it
            continue
        made = pack.options[option]
        if value is not None and value != made:
            key = next((name for name, old in RECORDED.items() if old == option), option)
            raise ConfigError(
                f"{pack.folder} was prepared with data.{key}={_plain(made)}, but data.{key} is "
                f"{_plain(value)}; give data.{key}={_plain(made)}, or prepare another folder."
            )


def _plain(value: Any) -> str:
    return f"[{','.join(value)}]" if isinstance(value, list | tuple) else str(value)
