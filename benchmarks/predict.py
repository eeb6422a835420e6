"""``ackd.predict`` over what the bare network takes for the same windows, and its memory.

The scenes are mosaics of drawn towns. Every run is a process of its own, for its peak memory; the
arms take turns.
"""

from __future__ import annotations

import logging
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import rasterio
import rasterio.windows
import torch
from numpy.typing import NDArray
from PIL import Image
from rasterio.transform import from_origin

from ackd.backbones import build_backbone
from ackd.data.benchmark import TRAIN
from ackd.data.open_tiles import open_tiles
from ackd.data.synthetic_tiles import SyntheticTileOptions
from ackd.data.tiles import IGNORED, MaskedNormaliser, TileSet
from ackd.losses import masked_bce
from ackd.predict import predict_images, predict_raster, write_table
from ackd.predict.options import RasterOptions, grid_of
from ackd.predict.source import open_source
from ackd.segmentation import build_network
from ackd.students import SceneStudent, load_student
from ackd.students.given import Given
from ackd.students.scenes import BATCH as SCENES_BATCH
from ackd.students.segmentation import BATCH as TILES_BATCH
from ackd.utils.io import save_tensors
from ackd.utils.memory import keep_freed_memory
from benchmarks.measure import in_process, peak_gb, watched_memory
from benchmarks.scale import Scale
from benchmarks.section import SPREAD, Row, Section

__all__ = ["measure_photographs", "measure_raster", "run"]

log = logging.getLogger("benchmarks")

T = TypeVar("T")

SIZE: Final = 64
"""Pixels of a side of the images that the student of scenes was trained on."""
TILE, TILES, BATCH = 256, 12, 8
"""Of the drawn towns: a side in pixels, how many there are, and how many a training step sees."""
CLASSES = tuple(f"class {k}" for k in range(10))


def run(scale: Scale) -> Section:
    """Measure a large RGB raster, a large SAR one, and a folder of photographs.

    Columns: ``network s``, the forward passes of the same windows (for photographs with reading),
    by the wall clock; ``ratio``, predicting over it; ``network GB``, the memory of the network's
    process, and ``more GB``, what predicting needs beside it.
    """
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log.info("drawing towns, and a short training")
        tiles = open_tiles(
            SyntheticTileOptions(train=TILES, val=0, test=0, size=TILE, packed=False)
        )
        students = _scene_student(folder), _tile_student(folder, tiles, scale.train_steps)
        for student, images, backbone in zip(
            students, (tiles.optical, tiles.sar), ("RGB, mobilenetv2", "SAR, tiny"), strict=True
        ):
            scene = _mosaic(folder / "scene.tif", np.asarray(images), scale.scene)
            log.info("%s of %d pixels", backbone, scale.scene)
            rows[f"{backbone}, {scale.scene:,} px"] = _ratios(
                scale, "measure_raster", student=str(student), image=str(scene)
            )
            scene.unlink()
        photographs = folder / "photographs"
        _photographs(photographs, scale.photographs)
        log.info("%d photographs", scale.photographs)
        rows[f"{scale.photographs:,} jpgs of {TILE} px, mobilenetv2"] = _ratios(
            scale, "measure_photographs", student=str(students[0]), image=str(photographs)
        )
    title = "Predicting over the bare network (photographs: with reading them)"
    absolute = {"network s", "network GB", "more GB"}
    return Section("predict", title, rows, frozenset(absolute))


def _ratios(scale: Scale, function: str, **arguments: str) -> Row:
    threads = torch.get_num_threads()
    found: dict[bool, list[dict[str, float]]] = {True: [], False: []}
    for _ in range(scale.long_turns):
        for bare, taken in found.items():
            taken.append(in_process("predict", function, bare=bare, threads=threads, **arguments))
    ratios = [a["s"] / b["s"] for a, b in zip(found[False], found[True], strict=True)]
    memory = {bare: max(one["GB"] for one in taken) for bare, taken in found.items()}
    return {
        "network s": statistics.median(one["s"] for one in found[True]),
        "ratio": statistics.median(ratios),
        "ratio" + SPREAD: (max(ratios) - min(ratios)) / 2,
        "network GB": memory[True],
        "more GB": max(memory[False] - memory[True], 0.0),
    }


def measure_raster(student: str, image: str, bare: bool, threads: int) -> dict[str, float]:
    """Predict a raster, or run the network alone on as many windows of its size."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    loaded = load_student(student)
    with watched_memory() as own, tempfile.TemporaryDirectory() as out:
        began = time.perf_counter()
        if bare:
            with open_source(Path(image)) as source:
                grid = grid_of(loaded, source, RasterOptions(overlap=_overlap(loaded)))
            size = SCENES_BATCH if isinstance(loaded, SceneStudent) else TILES_BATCH
            window, stride = grid.windows[0], getattr(loaded, "stride", 1)
            sides = (-(-side // stride) * stride for side in (window.height, window.width))
            noise = torch.randn(size, len(loaded.bands), *sides)
            for _ in grid.rows:
                for batch in _batches(grid.cols, size):
                    _forward(loaded, noise[: len(batch)])
        else:
            predict_raster(loaded, image, out, overlap=_overlap(loaded))
        seconds = time.perf_counter() - began
    return {"s": seconds, "GB": max(own) if own else peak_gb()}


def measure_photographs(student: str, image: str, bare: bool, threads: int) -> dict[str, float]:
    """Predict a folder of photographs, or read them and run the network on as many."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    loaded = load_student(student)
    assert isinstance(loaded, SceneStudent)
    paths = sorted(Path(image).iterdir())
    with watched_memory() as own, tempfile.TemporaryDirectory() as out:
        began = time.perf_counter()
        if bare:
            noise = torch.randn(SCENES_BATCH, 3, *loaded.reader.size)
            for batch in _batches(paths, SCENES_BATCH):
                for path in batch:
                    loaded.reader.read(Given(path, str(path)))
                _forward(loaded, noise[: len(batch)])
        else:
            answers = predict_images(loaded, paths)
            write_table(Path(out) / "a.csv", loaded, ((one.path.name, one) for one in answers))
        seconds = time.perf_counter() - began
    return {"s": seconds, "GB": max(own) if own else peak_gb()}


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _overlap(student: Any) -> int | None:
    """Scenes without, for a full scene would take minutes more; it changes no ratio."""
    return 0 if isinstance(student, SceneStudent) else None


def _forward(student: Any, images: torch.Tensor) -> None:
    with torch.inference_mode():
        student.network(images).logits.cpu()


def _scene_student(folder: Path) -> Path:
    options = {"name": "mobilenetv2", "head": "paper", "pretrained": False}
    torch.manual_seed(0)
    network = build_backbone(**options, bands=3, classes=len(CLASSES))
    path = folder / "scenes.pt"
    save_tensors(
        path,
        {
            "format": 2, "task": "scene classification", "backbone": options, "sensor": "rgb",
            "bands": ["R", "G", "B"], "classes": list(CLASSES), "size": SIZE, "nodata": "error",
            "rgb_max": None, "mean": torch.full((3, 1, 1), 100.0),
            "std": torch.full((3, 1, 1), 50.0), "state_dict": network.state_dict(),
        },
    )  # fmt: skip
    return path


def _tile_student(folder: Path, tiles: TileSet, steps: int) -> Path:
    """A U-Net that has learned enough to draw buildings rather than noise."""
    torch.manual_seed(0)
    network = build_network("tiny", len(tiles.sar_bands))
    normaliser = MaskedNormaliser.of_tiles(tiles, "sar")
    rows = tiles.rows(TRAIN)
    assert tiles.masks is not None
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    draw = np.random.default_rng(0)
    for _ in range(steps):
        chosen = draw.choice(rows, BATCH)
        images, valid, masks = (
            torch.from_numpy(np.stack([np.asarray(array[row])[..., ::2, ::2] for row in chosen]))
            for array in (tiles.sar, tiles.valid, tiles.masks)
        )
        optimizer.zero_grad()
        logits = network(normaliser(images, valid)).logits
        assert logits is not None
        masked_bce(logits, masks, masks != IGNORED).backward()
        optimizer.step()
    path = folder / "tiles.pt"
    save_tensors(
        path,
        {
            "format": 2, "task": "segmentation", "network": {"name": "tiny"}, "sensor": "sar",
            "bands": list(tiles.sar_bands), "classes": list(tiles.classes), "size": [TILE, TILE],
            "unit": "db", "nodata": None, "zero_is_nodata": True, "mean": normaliser.mean,
            "std": normaliser.std, "state_dict": network.state_dict(),
        },
    )  # fmt: skip
    return path


def _mosaic(path: Path, tiles: NDArray[Any], side: int) -> Path:
    """A tiled, compressed GeoTIFF of tiles in random order, written a row of them at a time."""
    draw = np.random.default_rng(0)
    across = -(-side // TILE)
    with rasterio.open(
        path, "w", driver="GTiff", height=side, width=side, count=tiles.shape[1],
        dtype=tiles.dtype.name, crs="EPSG:32631", transform=from_origin(4e5, 6.5e6, 1, 1),
        tiled=True, blockxsize=512, blockysize=512, compress="deflate", zlevel=1,
    ) as file:  # fmt: skip
        for row in range(across):
            chosen = draw.integers(0, len(tiles), across)
            rows = np.concatenate([tiles[one] for one in chosen], axis=2)[:, :, :side]
            height = min(TILE, side - row * TILE)
            window = rasterio.windows.Window(0, row * TILE, side, height)
            file.write(rows[:, :height], window=window)
    return path


def _photographs(folder: Path, count: int) -> None:
    """Smooth noise, which is compressed as photographs are."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    for number in range(count):
        small = draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        large = Image.fromarray(small).resize((TILE, TILE), Image.Resampling.BICUBIC)
        large.save(folder / f"{number:05}.jpg", quality=90)
