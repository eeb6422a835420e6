"""From the options of a data set to its images."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ackd.config.data import (
    ArchivesConfig,
    DataConfig,
    FoldersConfig,
    PackedData,
    SyntheticConfig,
)
from ackd.data.assemble import load_benchmark, load_prepared
from ackd.data.benchmark import Benchmark
from ackd.data.benchmarks import find_benchmark
from ackd.data.own_folders import own_folders
from ackd.data.packing import is_pack
from ackd.data.splits import assign_splits
from ackd.data.synthetic import make_synthetic
from ackd.utils.progress import bar

__all__ = ["build_benchmark"]


def build_benchmark(options: DataConfig) -> Benchmark:
    """Read or make both modalities, and split them.

    Raises:
        DataError: A folder or file is not what it should be.
        ConfigError: An option of the data set cannot be.
    """
    if isinstance(options, SyntheticConfig):
        scenes = _synthetic_scenes(
            options.seed, options.ms_per_class, options.rgb_per_class, options.size,
            tuple(options.bands), options.classes,
        )  # fmt: skip
        return assign_splits(
            scenes, protocol=options.protocol, split_seed=options.split_seed, fold=options.fold
        )
    if isinstance(options, FoldersConfig):
        return _own_folders(options)
    return _archives(options)


def _archives(options: ArchivesConfig) -> Benchmark:
    root = Path(options.root).expanduser()
    if is_pack(root):
        return load_prepared(
            root,
            options.name,
            sources=options.sources,
            bands=options.bands,
            size=options.size,
            twins=options.twins,
            draw=options.draw,
            missing=options.missing_classes,
            split_seed=options.split_seed,
            protocol=options.protocol,
            fold=options.fold,
        )
    class_map, known = find_benchmark(options.name, options.layout)
    with bar("reading images") as report:
        return load_benchmark(
            {"ms": root, "rgb": root},
            class_map,
            options.sources,
            bands=options.bands,
            size=options.size,
            twins=options.twins,
            draw=options.draw,
            missing=options.missing_classes,
            split_seed=options.split_seed,
            protocol=options.protocol,
            fold=options.fold,
            packed=_packs(options),
            progress=report,
            known=known,
        )


def _own_folders(options: FoldersConfig) -> Benchmark:
    ms, rgb = Path(options.ms).expanduser(), Path(options.rgb).expanduser()
    class_map, known = own_folders(ms, rgb, options.file_bands, options.sensor)
    with bar("reading images") as report:
        return load_benchmark(
            {"ms": ms, "rgb": rgb},
            class_map,
            bands=options.bands,
            size=options.size,
            split_seed=options.split_seed,
            protocol=options.protocol,
            fold=options.fold,
            packed=_packs(options),
            progress=report,
            known=known,
        )


def _packs(options: PackedData) -> Path | None:
    return Path(options.packs).expanduser() if options.packed else None


@lru_cache(maxsize=1)
def _synthetic_scenes(
    seed: int,
    ms_per_class: int,
    rgb_per_class: int,
    size: int,
    bands: tuple[str, ...],
    classes: int | None,
) -> Benchmark:
    """Make the scenes once for all jobs of a process; they are a function of the arguments."""
    with bar("making scenes") as report:
        return make_synthetic(
            seed=seed, ms_per_class=ms_per_class, rgb_per_class=rgb_per_class, size=size,
            bands=bands, classes=classes, progress=report,
        )  # fmt: skip
