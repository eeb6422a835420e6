"""Steps of segmentation over what their networks cost alone, and the loader beside them.

Pixels are noise: nothing here measures accuracy.
"""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.tiles import IGNORED, TileSet
from ackd.losses import masked_bce
from ackd.modules import PairedDataModule, ReconstructionModule, TeacherModule
from ackd.segmentation import SegmentationNetwork, build_network, layer_set, start_from
from ackd.tasks import segmentation_task_of
from benchmarks.device import chosen
from benchmarks.measure import in_turns
from benchmarks.scale import Scale
from benchmarks.section import SPREAD, Row, Section

__all__ = ["run"]

log = logging.getLogger("benchmarks")

OPTICAL, SAR = ("R", "G", "B"), ("HH", "HV", "VH", "VV")
CLASSES = ("background", "building")
MARGIN = 1.125
"""The side of a tile over that of the window which training reads of it."""

Batch = dict[str, Tensor]
Step = Callable[[], None]


def run(scale: Scale) -> Section:
    """Measure every network.

    Columns: ``networks s``, the forward and backward pass of the student to the logits, the forward
    pass of the teacher and the optimizer's update, in seconds of processor time (on an accelerator
    by the wall clock); ``reconstruct``, a step of ``ReconstructionModule`` on all six layers over
    it; ``plain s``, forward, loss, backward and update without a module; ``fine-tune``, a step of
    ``TeacherModule`` over it; ``step images/s`` of the reconstruct step and ``loader images/s`` of
    a loader without workers that cuts windows of both sensors out of memory-mapped tiles, both by
    the wall clock.
    """
    rows: dict[str, Row] = {}
    side, batch_size = scale.tiles
    for name in scale.networks:
        log.info("steps of %s at %d px", name, side)
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            # Outside of a Trainer there is nobody to log to, and nothing to log.
            warnings.filterwarnings("ignore", message="You are trying to `self.log")
            rows[f"{name} {side} px, {batch_size}"] = _measure(
                name, side, batch_size, scale.turns, Path(folder)
            )
    title = "Steps of segmentation over what the networks cost (pixels, tiles a batch)"
    absolute = {"networks s", "plain s", "step images/s", "loader images/s"}
    return Section("segmentation", title, rows, frozenset(absolute))


def _measure(name: str, side: int, batch_size: int, turns: int, folder: Path) -> Row:
    data = _tiles(folder, side, batch_size)
    served = PairedDataModule(data, "both", batch_size, crop=side)
    loader_rate = _loader_rate(served, turns)
    batch = {
        key: value.to(chosen()) for key, value in next(iter(served.train_dataloader())).items()
    }
    reconstruct = in_turns(
        {"networks": _networks_step(name, batch), "module": _reconstruct_step(name, batch)}, turns
    )
    fine_tune = in_turns(
        {"plain": _plain_step(name, batch), "module": _fine_tune_step(name, batch)}, turns
    )
    return {
        "networks s": reconstruct["networks"].busy,
        "reconstruct": reconstruct["module"].ratio,
        "reconstruct" + SPREAD: reconstruct["module"].spread,
        "plain s": fine_tune["plain"].busy,
        "fine-tune": fine_tune["module"].ratio,
        "fine-tune" + SPREAD: fine_tune["module"].spread,
        "step images/s": batch_size / reconstruct["module"].wall,
        "loader images/s": loader_rate,
    }


def _networks(name: str) -> tuple[SegmentationNetwork, SegmentationNetwork]:
    """A teacher, and a student that starts from it."""
    torch.manual_seed(0)
    teacher, student = (build_network(name, len(bands)) for bands in (OPTICAL, SAR))
    start_from(student, teacher)
    teacher.eval().requires_grad_(False)
    return teacher.to(chosen()), student.train().to(chosen())


_optimizer = partial(torch.optim.SGD, lr=0.01, momentum=0.9)


def _networks_step(name: str, batch: Batch) -> Step:
    teacher, student = _networks(name)
    optimizer = _optimizer(student.parameters())

    def step() -> None:
        optimizer.zero_grad()
        with torch.no_grad():
            teacher(batch["optical"])
        logits = student(batch["sar"]).logits
        assert logits is not None
        logits.mean().backward()
        optimizer.step()

    return step


def _reconstruct_step(name: str, batch: Batch) -> Step:
    teacher, student = _networks(name)
    layers = layer_set(student, "int")
    module = ReconstructionModule(student, teacher, layers, _optimizer).to(chosen()).train()
    return _module_step(module, batch)


def _plain_step(name: str, batch: Batch) -> Step:
    _, student = _networks(name)
    optimizer = _optimizer(student.parameters())

    def step() -> None:
        optimizer.zero_grad()
        logits = student(batch["sar"]).logits
        assert logits is not None
        target = batch["sar_target"]
        masked_bce(logits, target, target != IGNORED).backward()
        optimizer.step()

    return step


def _fine_tune_step(name: str, batch: Batch) -> Step:
    _, student = _networks(name)
    task = segmentation_task_of(CLASSES)(CLASSES)
    module = TeacherModule(student, _optimizer, task=task, side="sar").to(chosen()).train()
    return _module_step(module, batch)


def _module_step(module: ReconstructionModule | TeacherModule, batch: Batch) -> Step:
    """What the Trainer does in a step, without the Trainer."""
    optimizer = _optimizer([p for p in module.parameters() if p.requires_grad])

    def step() -> None:
        optimizer.zero_grad()
        module.training_step(batch, 0).backward()
        optimizer.step()

    return step


def _loader_rate(served: PairedDataModule, turns: int) -> float:
    """Images (pairs) a second over some epochs; the first batch warms up."""
    loader = served.train_dataloader()
    next(iter(loader))
    images, began = 0, time.perf_counter()
    for _ in range(turns):
        for batch in loader:
            images += len(batch["sar"])
    return images / (time.perf_counter() - began)


def _tiles(folder: Path, side: int, batch_size: int) -> TileSet:
    """Noise in files that are memory-mapped, as packs are: four batches, and a few to validate."""
    count, width = 4 * batch_size + 2, int(side * MARGIN)
    rng = np.random.default_rng(0)
    shapes = {"optical": (len(OPTICAL), width, width), "sar": (len(SAR), width, width)}
    arrays: dict[str, np.ndarray] = {}
    for name, shape, kind in (
        ("optical", shapes["optical"], np.uint8),
        ("sar", shapes["sar"], np.float32),
        ("valid", (width, width), np.bool_),
        ("masks", (width, width), np.uint8),
    ):
        path = folder / f"{name}.npy"
        written = np.lib.format.open_memmap(path, "w+", kind, (count, *shape))
        for row in range(count):
            drawn = rng.random(shape, dtype=np.float32)
            written[row] = {
                "optical": drawn * 255,
                "sar": drawn * 40,
                "valid": drawn > 0.1,
                "masks": drawn < 0.2,
            }[name]
        written.flush()
        arrays[name] = np.load(path, mmap_mode="r")
    return TileSet(
        name="noise",
        **arrays,
        ids=np.array([f"tile_{row}" for row in range(count)]),
        split=np.array([TRAIN] * (count - 2) + [VAL, TEST], dtype=np.int8),
        classes=CLASSES,
        optical_bands=OPTICAL,
        sar_bands=SAR,
    )
