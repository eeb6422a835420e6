"""From the options of a data set to its images."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path

from ackd.config.data import (
    ArchivesConfig,
    DataConfig,
    FoldersConfig,
    PackedData,
    SyntheticConfig,
)
from ackd.config.own_data import look_at_own, own_class_map
from ackd.data.assemble import load_benchmark, load_prepared
from ackd.data.benchmark import Benchmark
from ackd.data.benchmarks import find_benchmark
from ackd.data.own_classes import choose_classes
from ackd.data.own_folders import ready
from ackd.data.packing import is_pack
from ackd.data.regroup import partial_by_choice, regroup
from ackd.data.splits import assign_splits
from ackd.data.synthetic import make_synthetic
from ackd.utils.progress import bar

__all__ = ["build_benchmark"]

log = logging.getLogger("ackd")


def build_benchmark(options: DataConfig) -> Benchmark:
    """Read or make both modalities, and split them.

    Raises:
        DataError: A folder or file is not what it should be.
        ConfigError: An option of the data set cannot be.
    """
    if isinstance(options, SyntheticConfig):
        own = own_class_map(options)
        names = options.classes if isinstance(options.classes, list) else None
        made = tuple(names) if names and own is None else None
        scenes = _synthetic_scenes(
            options.seed, options.ms_per_class, options.rgb_per_class, options.size,
            tuple(options.bands), options.classes if isinstance(options.classes, int) else made,
        )  # fmt: skip
        scenes, _ = regroup(scenes, own, names)
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
            class_map=own_class_map(options),
            classes=options.classes,
        )
    class_map, known = find_benchmark(options.name, options.layout)
    own = own_class_map(options)
    class_map = choose_classes(class_map, own, options.classes)
    with bar("reading images") as report:
        benchmark = load_benchmark(
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
    return partial_by_choice(benchmark, own, options.classes)


def _own_folders(options: FoldersConfig) -> Benchmark:
    own = ready(look_at_own(options))
    for said in own.remarks:
        log.info("%s", said)
    ms_size = options.size if isinstance(options.size, int) else None
    with bar("reading images") as report:
        return load_benchmark(
            {"ms": own.ms.folder, "rgb": own.rgb.folder},
            own.class_map,
            bands=options.bands,
            size={"ms": ms_size, "rgb": own.size},
            split_seed=options.split_seed,
            protocol=options.protocol,
            fold=options.fold,
            packed=_packs(options),
            progress=report,
            known=own.sources,
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
    classes: int | tuple[str, ...] | None,
) -> Benchmark:
    """Make the scenes once for all jobs of a process; they are a function of the arguments."""
    with bar("making scenes") as report:
        return make_synthetic(
            seed=seed, ms_per_class=ms_per_class, rgb_per_class=rgb_per_class, size=size,
            bands=bands, classes=classes, progress=report,
        )  # fmt: skip
