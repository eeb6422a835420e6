"""From the options of a data set to its images."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from rich.progress import Progress

from ackd.config.data import DataConfig, SyntheticConfig
from ackd.data.benchmark import Benchmark

__all__ = ["build_benchmark"]

log = logging.getLogger("ackd")


def build_benchmark(options: DataConfig) -> Benchmark:
    """Read or make both modalities, and split them.

    Raises:
        DataError: A folder or file is not what it should be.
        ConfigError: An option of the data set cannot be.
    """
    if isinstance(options, SyntheticConfig):
        from ackd.data.splits import assign_splits
        from ackd.data.synthetic import make_synthetic

        scenes = make_synthetic(
            seed=options.seed,
            ms_per_class=options.ms_per_class,
            rgb_per_class=options.rgb_per_class,
            size=options.size,
            bands=options.bands,
            classes=options.classes,
        )
        return assign_splits(
            scenes, protocol=options.protocol, split_seed=options.split_seed, fold=options.fold
        )
    from ackd.data.benchmarks import load_s2s_eu

    with Progress(transient=True, disable=not sys.stdout.isatty()) as bar:
        task = bar.add_task("reading images", total=None)
        return load_s2s_eu(
            Path(options.root).expanduser(),
            sources=options.sources,
            bands=options.bands,
            size=options.size,
            twins=options.twins,
            split_seed=options.split_seed,
            protocol=options.protocol,
            fold=options.fold,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
