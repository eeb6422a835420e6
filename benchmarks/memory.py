"""Peak memory: of each way to train a student, and of whole runs on data sets of two sizes.

Every number is of a process of its own.
"""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from ackd.data.benchmark import Benchmark, SceneSet
from ackd.data.cache import PackedImages
from ackd.stages.context import SceneContext
from ackd.stages.pipeline import run_pipeline
from ackd.utils.memory import keep_freed_memory
from benchmarks.arms import configure, noise, step_of
from benchmarks.device import chosen, use
from benchmarks.measure import in_process, peak_gb, watched_memory
from benchmarks.scale import Scale
from benchmarks.section import Row, Section
from benchmarks.steps import step_arm

__all__ = ["run", "run_peak", "step_peak", "write_packed"]

STEPS = 3
SIZE = 64
BATCH = 64
BLOCK = 256


def run(scale: Scale) -> Section:
    """Measure steps of the first pairing, and runs of the smallest network on packed images.

    Columns: ``peak GB``: all that was resident, with pages of mapped files, which the system takes
    back where it needs them; ``own GB``: without these; and both as ratios to the first row of
    their kind. Importing the libraries is part of all of them.
    """
    threads = torch.get_num_threads()
    pairing = scale.pairings[0]
    size, batch = next(iter(scale.batches.items()))
    rows: dict[str, Row] = {}
    steps = {
        f"step {pairing} {size} px, {batch}: {arm}": in_process(
            "memory", "step_peak",
            arm=arm, pairing=pairing, size=size, batch=batch, threads=threads,
            device=chosen().type,
        )
        for arm in scale.memory_arms
    }  # fmt: skip
    runs: dict[str, Row] = {}
    for images in scale.data_sizes:
        with tempfile.TemporaryDirectory() as folder:
            write_packed(Path(folder), images)
            label = f"whole run, {images:,} MS and {images:,} RGB images of {SIZE} px, packed"
            runs[label] = in_process(
                "memory", "run_peak", folder=folder, images=images, threads=threads
            )
    for kind in (steps, runs):
        first = next(iter(kind.values()))
        for label, row in kind.items():
            rows[label] = row | {
                column.replace("GB", "ratio"): row[column] / first[column] for column in row
            }
    return Section("memory", "Peak memory", rows, frozenset({"peak GB", "own GB", "GPU GB"}))


def step_peak(
    arm: str, pairing: str, size: int, batch: int, threads: int, device: str = "cpu"
) -> Row:
    """Peak of a few steps of one arm; ``GPU GB`` is what torch had allocated there."""
    torch.set_num_threads(threads)
    use(device)
    keep_freed_memory()
    with (
        warnings.catch_warnings(),
        tempfile.TemporaryDirectory() as folder,
        watched_memory() as own,
    ):
        warnings.simplefilter("ignore")
        step = step_of(step_arm(arm, pairing, size, batch, Path(folder)))
        for _ in range(STEPS):
            step()
    on_gpu = {"GPU GB": torch.cuda.max_memory_allocated() / 1e9} if device == "cuda" else {}
    return _peaks(own) | on_gpu


def run_peak(folder: str, images: int, threads: int) -> Row:
    """Peak of a run from the teacher to the tested student, all on mapped images."""
    torch.set_num_threads(threads)
    place = Path(folder)
    config = configure(
        "T/T", place, "matching=random", "teacher.max_epochs=1", "student.max_epochs=1",
        "dynm.e0=0", "dynm.count=1", f"teacher.batch_size={BATCH}", f"student.batch_size={BATCH}",
    )  # fmt: skip
    work = place / "run"
    work.mkdir()
    with warnings.catch_warnings(), watched_memory() as own:
        warnings.simplefilter("ignore")
        run_pipeline(SceneContext(config, _packed(place, images)), work, resume=False)
    return _peaks(own)


def write_packed(folder: Path, images: int) -> None:
    """Write both sides as a pack holds them, a block at a time."""
    rng = np.random.default_rng(0)
    like, count = noise(1, 1, SIZE), len(noise(images, images, 1).ms)
    for side in (like.ms, like.rgb):
        shape = (count, *side.images.shape[1:])
        path = folder / f"{side.modality}.npy"
        sums, squares = np.empty(shape[:2], np.int64), np.empty(shape[:2], np.int64)
        with path.open("wb") as file:
            header = {
                "descr": np.lib.format.dtype_to_descr(side.images.dtype),
                "fortran_order": False,
                "shape": shape,
            }
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, count, BLOCK):
                rows = slice(start, min(start + BLOCK, count))
                block = rng.integers(0, 256, (rows.stop - start, *shape[1:]), side.images.dtype)
                block.tofile(file)
                flat = block.reshape(*block.shape[:2], -1).astype(np.int64)
                sums[rows], squares[rows] = flat.sum(-1), np.square(flat).sum(-1)
        digests = rng.integers(0, 256, (*shape[:2], 16), np.uint8)
        np.savez(path.with_suffix(".npz"), digests=digests, sums=sums, squares=squares)


def _packed(folder: Path, images: int) -> Benchmark:
    like = noise(images, images, 1)

    def mapped(side: SceneSet) -> SceneSet:
        path = folder / f"{side.modality}.npy"
        return replace(side, images=PackedImages(path, path.with_suffix(".npz")))

    return replace(like, ms=mapped(like.ms), rgb=mapped(like.rgb))


def _peaks(own: list[float]) -> Row:
    return {"peak GB": peak_gb()} | ({"own GB": max(own)} if own else {})
