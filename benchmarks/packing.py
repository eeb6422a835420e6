"""Packing and packed reading.

Packing is held against decoding the same files without writing them. Reading is held against a
plain copy in memory: shuffled batches of packed images, as a loader asks for them, against the same
number of bytes copied from one array in memory to another. The archive is made on the spot, with
noise in EuroSAT's formats.

Normalisation is not part of either: it happens a batch at a time, after the transfer to the device.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image

from ackd.data import (
    DEFAULT_BANDS,
    ArchiveOptions,
    Pack,
    Selection,
    decode,
    find_benchmark,
    pack,
    select,
)
from ackd.data.sensors import EUROSAT_BANDS
from ackd.data.splits.selection import bands_of, reader_of
from benchmarks.scale import Scale
from benchmarks.section import Row, Section

__all__ = ["make_archives", "run"]

SIZE = 64
OPTIONS = ArchiveOptions(
    name="s2s_eu", root="", sources=("eurosat",), bands=DEFAULT_BANDS, size=SIZE
)
BATCH = 128
TURNS = 3


def run(scale: Scale) -> Section:
    """Measure both; ``share`` is the packed rate over the plain one."""
    with tempfile.TemporaryDirectory() as scratch:
        root, folder = Path(scratch) / "raw", Path(scratch) / "pack"
        make_archives(root, scale.packed)
        selection = select({"ms": root, "rgb": root}, find_benchmark("s2s_eu")[0], OPTIONS)
        packing = measure_packing(selection, folder)
        reading = measure_reading(pack(selection, folder, OPTIONS), scale.passes)
    title = "Packing against decoding; packed batches against a copy in memory"
    rows = {"packing, files/s": packing, "reading, GB/s": reading}
    return Section("packing", title, rows, frozenset({"packed", "plain"}))


def make_archives(root: Path, per_class: int) -> None:
    """Write EuroSAT's two folders with noise in the publisher's format."""
    rng = np.random.default_rng(0)
    for label in find_benchmark("s2s_eu")[0].classes:
        for folder in ("EuroSAT_MS", "EuroSAT_RGB"):
            (root / folder / label).mkdir(parents=True)
        for number in range(per_class):
            pixels = rng.integers(0, 3000, (len(EUROSAT_BANDS), SIZE, SIZE)).astype(np.uint16)
            path = root / "EuroSAT_MS" / label / f"{label}_{number}.tif"
            about = {"count": len(pixels), "height": SIZE, "width": SIZE, "dtype": "uint16"}
            with rasterio.open(path, "w", driver="GTiff", **about) as dataset:
                dataset.write(pixels)
            photograph = rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
            name = f"{label}_{number + per_class}.jpg"
            Image.fromarray(photograph).save(root / "EuroSAT_RGB" / label / name)


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure_packing(selection: Selection, folder: Path) -> Row:
    """Decode every file for nothing and into a pack, in turns; the medians of both."""
    bands = bands_of(selection, DEFAULT_BANDS)

    def bare() -> None:
        for side in ("ms", "rgb"):
            decode(selection.paths(side), reader_of(selection, side, bands[side], OPTIONS))

    files = len(selection.ms.records) + len(selection.rgb.records)
    bare()  # so that both find the files in the system's cache
    decoded, written = [], []
    for turn in range(TURNS):
        decoded.append(seconds(bare))
        beside = folder.with_name(f"pack{turn}")
        written.append(seconds(lambda to=beside: pack(selection, to, OPTIONS)))
    decoding, packing = float(np.median(decoded)), float(np.median(written))
    return {"packed": files / packing, "plain": files / decoding, "share": decoding / packing}


def measure_reading(packed: Pack, passes: int) -> Row:
    """Read shuffled batches of MS images, and copy as many bytes in memory; the medians of both."""
    images = packed.images["ms"]
    memory = images[:]
    batch = min(BATCH, len(images))
    amount = (batches := len(images) // batch) * memory[:batch].nbytes / 1e9
    order = np.random.default_rng(0)
    reading, copying = [], []
    for _ in range(passes):
        rows = order.permutation(len(images))[: batches * batch].reshape(batches, batch)
        reading.append(seconds(lambda rows=rows: [images[some] for some in rows]))
        copying.append(
            seconds(lambda: [memory[i * batch : (i + 1) * batch].copy() for i in range(batches)])
        )
    read, copied = float(np.median(reading)), float(np.median(copying))
    return {"packed": amount / read, "plain": amount / copied, "share": copied / read}
