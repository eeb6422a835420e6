"""The benchmarks by name: which class map, where its archives lie, which defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ackd.data.assemble import load_benchmark
from ackd.data.benchmark import Benchmark
from ackd.data.class_map import ClassMap, load_class_map
from ackd.data.released import released
from ackd.data.scenes import Progress
from ackd.data.sensors import DEFAULT_BANDS
from ackd.data.sources import SOURCES, Source
from ackd.errors import unknown

__all__ = ["BENCHMARKS", "LAYOUTS", "find_benchmark", "load_s2s_eu"]

#: The benchmarks of the paper, and what can be had of M2S-GL from BigEarthNet v2.
BENCHMARKS: Final = ("s2s_eu", "s2s_cn", "m2s_gl", "m2s_gl_v2")

#: The choices of ``data.layout``.
LAYOUTS: Final = ("publishers", "released")


def find_benchmark(name: str, layout: str = "publishers") -> tuple[ClassMap, Mapping[str, Source]]:
    """Return a benchmark's class map, and the sources that read its images.

    Args:
        name: One of `BENCHMARKS`.
        layout: ``publishers`` for the archives as published, ``released`` for the authors' own
            folders ``MS`` and ``RGB``.

    Raises:
        ConfigError: If there is no such benchmark or layout.
    """
    if name not in BENCHMARKS:
        raise unknown("benchmark", name, BENCHMARKS, "data.name")
    if layout not in LAYOUTS:
        raise unknown("layout", layout, LAYOUTS, "data.layout")
    return released(name) if layout == "released" else (load_class_map(name), SOURCES)


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
