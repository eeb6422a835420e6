"""More publishers' layouts: folders of patches, tables of labels, MATLAB files, own folders."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from numpy.typing import NDArray

from ackd.data.sensors import BIGEARTHNET_STACKED_BANDS, SENTINEL2
from ackd.data.sources import ClassFolders
from ackd.data.sources.nasc_tg2 import NASC_TG2_MS
from tests.data.layouts import write_jpg, write_tif

ARABLE = "Arable land"
SEA = "Marine waters"


def numbered_pixels(bands: int, size: int = 8, seed: int = 0) -> NDArray[np.uint16]:
    """Bands of which the thousands tell the position in the file."""
    noise = np.random.default_rng(seed).integers(0, 100, (bands, size, size))
    return (noise + 1000 * np.arange(1, bands + 1)[:, None, None]).astype(np.uint16)


def rgb_pixels(size: int = 8) -> NDArray[np.uint8]:
    """A photograph of one colour: 10, 20, 30."""
    return np.broadcast_to(np.array([10, 20, 30], np.uint8)[:, None, None], (3, size, size)).copy()


def write_photographs(
    root: Path, source: ClassFolders, classes: Iterable[str], per_class: int = 2, inner: str = ""
) -> Path:
    """``<folder>/<inner>/<class>/<class>_<n>`` for any RGB data set of class folders."""
    folder = root / source.folder / inner
    for label in classes:
        for number in range(1, per_class + 1):
            name = f"{label}_{number}{source.suffixes[0]}"
            if source.suffixes[0] == ".tif":
                write_tif(folder / label / name, rgb_pixels())
            else:
                write_jpg(folder / label / name, number)
    return root / source.folder


def write_nasc_tg2(root: Path, per_class: int = 2) -> None:
    """``NaSC-TG2_MS/<class>/*.tif`` of 14 bands and ``NaSC-TG2_RGB/<class>/*.jpg``."""
    for label in NASC_TG2_MS.classes:
        for number in range(1, per_class + 1):
            name = f"{label}/{label}_{number}"
            write_tif(root / "NaSC-TG2_MS" / f"{name}.tif", numbered_pixels(14, seed=number))
            write_jpg(root / "NaSC-TG2_RGB" / f"{name}.jpg", number)


def write_patch(
    folder: Path,
    labels: Sequence[str] | None = None,
    seed: int = 0,
    bands: Sequence[str] = BIGEARTHNET_STACKED_BANDS,
) -> Path:
    """A tif a band at its own resolution; with ``labels`` also version 1's json."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number, name in enumerate(bands, start=1):
        side = round(1200 / (SENTINEL2.band(name).resolution or 10))
        pixels = 1000 * number + rng.integers(0, 100, (1, side, side))
        write_tif(folder / f"{folder.name}_{name}.tif", pixels.astype(np.uint16))
    if labels is not None:
        content = {"labels": list(labels), "tile_source": "S2A"}
        (folder / f"{folder.name}_labels_metadata.json").write_text(json.dumps(content))
    return folder


def write_stacked(root: Path, rows: Sequence[tuple[str, str, str]]) -> Path:
    """``BigEarthNet-v2-S2/tif/<patch>.tif`` and ``labels.csv`` of (patch, labels, split)."""
    home = root / "BigEarthNet-v2-S2"
    for seed, (patch, _, _) in enumerate(rows):
        write_tif(home / "tif" / f"{patch}.tif", numbered_pixels(12, 120, seed))
    lines = [f'{patch}.tif,{patch},"{labels}",{split}' for patch, labels, split in rows]
    (home / "labels.csv").write_text("\n".join(["file,patch_id,labels,split", *lines]) + "\n")
    return home


def write_mat(
    path: Path, labels: Sequence[int], dtype: Any = np.uint8, size: int = 8, **variables: Any
) -> Path:
    """``msi`` (size, size, 10), the tens telling the band, and a row vector ``label``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    msi = np.broadcast_to(10 * np.arange(1, 11), (size, size, 10)).astype(dtype)
    scipy.io.savemat(path, {"msi": msi, "label": np.array([labels], np.uint8), **variables})
    return path
