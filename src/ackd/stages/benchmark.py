"""From the options of a data set to its images."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from ackd.config.check.own_data import given_words, look_at_own, own_class_map
from ackd.config.schema.data import ArchivesConfig, DataConfig, FoldersConfig, SyntheticConfig
from ackd.data.assemble import load_benchmark, load_prepared
from ackd.data.benchmark import VALIDATES_ON_TEST, Benchmark, Modality
from ackd.data.cache import is_pack
from ackd.data.datasets.benchmarks import find_benchmark
from ackd.data.datasets.own_classes import choose_classes, partial_by_choice, regroup
from ackd.data.own_folders import ready
from ackd.data.own_folders.questions import Answer, OpenQuestionsError, Question, invalid_pixels
from ackd.data.splits import assign_splits
from ackd.data.synthetic import make_synthetic
from ackd.errors import ImageError, SizesError
from ackd.utils.progress import bar

__all__ = ["build_benchmark"]

log = logging.getLogger("ackd")


def build_benchmark(
    options: DataConfig, first: Callable[[Benchmark], None] | None = None
) -> Benchmark:
    """Read or make both modalities, and split them.

    Args:
        options: Of the data set.
        first: Called before images are decoded or drawn, which may take minutes, with a benchmark
            that has a few of them; not called where they are at hand already.

    Raises:
        DataError: A folder or file is not what it should be.
        ConfigError: An option of the data set cannot be.
    """
    if isinstance(options, SyntheticConfig):
        return _synthetic(options, first)
    try:
        if isinstance(options, FoldersConfig):
            return _own_folders(options, first)
        return _archives(options, first)
    except SizesError as error:
        answer = Answer({"data.size": error.size}, "the most common size")
        question = Question(str(error), "several sizes", (answer,))
        raise OpenQuestionsError([question], given_words(options)) from error
    except ImageError as error:
        if error.marker is None:
            raise
        question = replace(invalid_pixels([error.marker]), text=str(error))
        raise OpenQuestionsError([question], given_words(options)) from error


def _synthetic(options: SyntheticConfig, first: Callable[[Benchmark], None] | None) -> Benchmark:
    own = own_class_map(options)
    names = options.classes if isinstance(options.classes, tuple) else None
    made = names if own is None else None
    shown = options.classes if isinstance(options.classes, int) else made
    if first is not None:
        few = make_synthetic(
            seed=options.seed, ms_per_class=1, rgb_per_class=1, size=options.size,
            bands=options.bands, classes=shown, ms_test_per_class=0, rgb_test_per_class=0,
        )  # fmt: skip
        first(regroup(few, own, names)[0])
    scenes = _synthetic_scenes(
        options.seed, options.ms_per_class, options.rgb_per_class, options.size,
        options.bands, shown,
        # Where the test images choose the epoch, they stay the fifth that is split off.
        *(0, 0) if options.protocol in VALIDATES_ON_TEST
        else (options.ms_test_per_class, options.rgb_test_per_class), options.pack_folder,
    )  # fmt: skip
    scenes, _ = regroup(scenes, own, names)
    return assign_splits(
        scenes, protocol=options.protocol, split_seed=options.split_seed, fold=options.fold
    )


def _archives(options: ArchivesConfig, first: Callable[[Benchmark], None] | None) -> Benchmark:
    root = Path(options.root).expanduser()
    if is_pack(root):
        return load_prepared(root, options, own_class_map(options))
    class_map, known = find_benchmark(options.name, options.layout)
    own = own_class_map(options)
    class_map = choose_classes(class_map, own, options.classes)
    roots: dict[Modality, Path] = {"ms": root, "rgb": root}
    with bar("reading images") as report:
        benchmark = load_benchmark(
            roots, class_map, options, progress=report, known=known, first=first
        )
    return partial_by_choice(benchmark, own, options.classes)


def _own_folders(options: FoldersConfig, first: Callable[[Benchmark], None] | None) -> Benchmark:
    own = ready(look_at_own(options))
    for said in own.remarks:
        log.info("%s", said)
    roots: dict[Modality, Path] = {"ms": own.ms.folder, "rgb": own.rgb.folder}
    with bar("reading images") as report:
        return load_benchmark(
            roots,
            own.class_map,
            options.with_rgb_size(own.size),
            progress=report,
            known=own.sources,
            first=first,
        )


@lru_cache(maxsize=1)
def _synthetic_scenes(
    seed: int,
    ms_per_class: int,
    rgb_per_class: int,
    size: int,
    bands: tuple[str, ...],
    classes: int | tuple[str, ...] | None,
    ms_test_per_class: int,
    rgb_test_per_class: int,
    packs: Path | None,
) -> Benchmark:
    """Make the scenes once for all jobs of a process; they are a function of the arguments."""
    with bar("making scenes") as report:
        return make_synthetic(
            seed=seed, ms_per_class=ms_per_class, rgb_per_class=rgb_per_class, size=size,
            bands=bands, classes=classes, progress=report, packs=packs,
            ms_test_per_class=ms_test_per_class, rgb_test_per_class=rgb_test_per_class,
        )  # fmt: skip
