"""Measure packing and packed reading: ``python benchmarks/packing.py [--root DIR]``.

Packing is held against decoding the same files without writing them, in the same run. Reading is
held against a plain copy in memory: shuffled batches of packed images, as a loader asks for them,
against the same number of bytes copied from one array in memory to another. Without ``--root``,
tifs and jpgs of the benchmark's size are made on the spot; with it, those of S2S-EU are read.

Normalisation is not part of either: it happens a batch at a time, after the transfer to the device.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from PIL import Image
from rich.console import Console
from rich.table import Table

from ackd.data import DEFAULT_BANDS, Pack, Selection, decode, find_benchmark, pack, select
from ackd.data.reading import bands_of, reader_of
from ackd.data.sensors import EUROSAT_BANDS

SIZE = 64
BATCH = 128


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


def measure_packing(selection: Selection, folder: Path) -> dict[str, Any]:
    """Decode every file for nothing and into a pack, in turns; the medians of both."""
    bands = bands_of(selection, DEFAULT_BANDS)

    def bare() -> None:
        for side in ("ms", "rgb"):
            decode(selection.paths(side), reader_of(selection, side, bands[side], SIZE))

    files = len(selection.ms.records) + len(selection.rgb.records)
    bare()  # so that both find the files in the system's cache
    decoded, written = [], []
    for turn in range(3):
        decoded.append(seconds(bare))
        beside = folder.with_name(f"pack{turn}")
        written.append(
            seconds(lambda to=beside: pack(selection, to, bands=DEFAULT_BANDS, size=SIZE))
        )
    decoding, packing = float(np.median(decoded)), float(np.median(written))
    return {
        "files": files,
        "decoding_files_per_second": files / decoding,
        "packing_files_per_second": files / packing,
        "share": decoding / packing,
    }


def measure_reading(packed: Pack, passes: int) -> dict[str, Any]:
    """Read shuffled batches of MS images, and copy as many bytes in memory; the medians of both."""
    images = packed.images["ms"]
    memory = images[:]
    amount = (batches := len(images) // BATCH) * memory[:BATCH].nbytes / 1e9
    order = np.random.default_rng(0)
    reading, copying = [], []
    for _ in range(passes):
        rows = order.permutation(len(images))[: batches * BATCH].reshape(batches, BATCH)
        reading.append(seconds(lambda rows=rows: [images[batch] for batch in rows]))
        copying.append(
            seconds(lambda: [memory[i * BATCH : (i + 1) * BATCH].copy() for i in range(batches)])
        )
    read, copied = float(np.median(reading)), float(np.median(copying))
    return {
        "images": len(images),
        "packed_gigabytes_per_second": amount / read,
        "memory_copy_gigabytes_per_second": amount / copied,
        "share": copied / read,
    }


def main() -> None:
    """Measure, print a table, write JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="archives of S2S-EU; made on the spot if absent")
    parser.add_argument("--per-class", type=int, default=80, help="images made a class and side")
    parser.add_argument("--passes", type=int, default=9, help="over all images, reading")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = options.root or Path(scratch) / "raw"
        if options.root is None:
            make_archives(root, options.per_class)
        selection = select({"ms": root, "rgb": root}, find_benchmark("s2s_eu")[0], ["eurosat"])
        folder = Path(scratch) / "pack"
        found = {"cores": os.cpu_count(), "packing": measure_packing(selection, folder)}
        packed = pack(selection, folder, bands=DEFAULT_BANDS, size=SIZE)
        found["reading"] = measure_reading(packed, options.passes)
    table = Table("", "packed", "plain", "share")
    one, two = found["packing"], found["reading"]
    table.add_row(
        f"packing {one['files']} files against decoding, files/s",
        f"{one['packing_files_per_second']:.0f}",
        f"{one['decoding_files_per_second']:.0f}",
        f"{one['share']:.2f}",
    )
    table.add_row(
        f"shuffled batches of {BATCH} against a copy in memory, GB/s",
        f"{two['packed_gigabytes_per_second']:.2f}",
        f"{two['memory_copy_gigabytes_per_second']:.2f}",
        f"{two['share']:.2f}",
    )
    Console().print(table)
    print(json.dumps(found))
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
