"""The benchmarks by name: which class map, where its archives lie, which defaults."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ackd.data.assemble import load_benchmark
from ackd.data.benchmark import Benchmark
from ackd.data.class_map import load_class_map
from ackd.data.scenes import Progress
from ackd.data.sensors import DEFAULT_BANDS

__all__ = ["BENCHMARKS", "load_s2s_eu"]

#: The benchmarks of the paper, and what can be had of M2S-GL from BigEarthNet v2.
BENCHMARKS = ("s2s_eu", "s2s_cn", "m2s_gl", "m2s_gl_v2")


def load_s2s_eu(
    root: Path,
    sources: Sequence[str] = ("eurosat", "nwpu_resisc45", "patternnet"),
    bands: Sequence[str] = DEFAULT_BANDS,
    size: int = 64,
    twins: str = "split",
    split_seed: int = 0,
    protocol: str = "strict",
    fold: int = 0,
    packed: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Benchmark:
    """Read S2S-EU: EuroSAT's Sentinel-2 scenes and RGB images of three data sets, ten classes.

    Args:
        root: The folder that holds ``EuroSAT_MS`` and the folders of the RGB sources.
        sources: RGB sources among ``eurosat``, ``nwpu_resisc45``, ``patternnet``; fewer than
            all mark the benchmark as partial.
        bands: Sentinel-2 bands by name; the paper's ten by default.
        size: Height and width in pixels; 64 in the paper.
        twins: ``split``, ``all`` or ``paired``; see `ackd.data.twins.select_scenes`.
        split_seed: Seed of the twins, of the draw and of the splits.
        protocol: ``strict`` (64/16/20) or ``paper`` (80/20).
        fold: Which of the folds 0 ... 4 is the test share.
        packed: The folder for packs; the images are read into memory where None.
        workers: Reading threads; chosen by the machine where None.
        progress: Called as ``progress(done, total)`` after each image, MS ones first.

    Returns:
        The benchmark, split.

    Raises:
        ConfigError: If an option is wrong.
        DataError: If a folder, a class or an image is.
    """
    return load_benchmark(
        {"ms": root, "rgb": root},
        load_class_map("s2s_eu"),
        sources,
        bands=bands,
        size=size,
        twins=twins,
        split_seed=split_seed,
        protocol=protocol,
        fold=fold,
        packed=packed,
        workers=workers,
        progress=progress,
    )
