"""Putting a benchmark together: select, split, then read the images, packed or directly."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ackd.data.benchmark import Benchmark, Modality
from ackd.data.cache import check_options, open_pack, pack_among
from ackd.data.cache.index import SideIndex
from ackd.data.datasets.class_map import ClassMap
from ackd.data.datasets.own_classes import OwnClassMap, partial_by_choice, regroup
from ackd.data.drop_invalid import without_invalid
from ackd.data.options import FileOptions, pixel_options, recorded
from ackd.data.reading.multispectral import Progress, decode
from ackd.data.reading.value_range import check_values
from ackd.data.sources import SOURCES, Source
from ackd.data.splits import assign_splits, check_split_options
from ackd.data.splits.selection import Selection, bands_of, reader_of, select
from ackd.errors import AckdError, ConfigError
from ackd.utils.progress import part_of

__all__ = ["load_benchmark", "load_prepared", "read_directly"]

log = logging.getLogger("ackd")


def load_benchmark(
    roots: Mapping[Modality, Path],
    class_map: ClassMap,
    options: FileOptions,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    known: Mapping[str, Source] = SOURCES,
    first: Callable[[Benchmark], None] | None = None,
) -> Benchmark:
    """Read a benchmark from the archives, packed or directly (``packed``).

    Every option, folder and count is checked before the first image is read.

    Args:
        roots: The folder that holds the archives of each side (``data.root``).
        class_map: Which sources it has and how their classes map.
        options: What is wanted.
        workers: Reading threads; chosen by the machine where None.
        progress: Called as ``progress(done, total)`` after each image, MS ones first.
        known: The sources by name; own ones beside the publishers' come in here.
        first: Called with a benchmark of one image per side before all others are read, which may
            take minutes: bands, size and number of classes are known by then.

    Returns:
        The benchmark, split, with `notes` on counts, twins, draw and what is missing.

    Raises:
        ConfigError: If an option is wrong.
        DataError: If a folder, a class or an image is.
    """
    split = options.protocol, options.split_seed, options.fold
    check_split_options(*split)
    if isinstance(options.size, int) and options.size < 1:
        raise ConfigError(
            f"data.size={options.size} is not an image size; expected at least 1 pixel."
        )
    selection = select(roots, class_map, options, known)
    options = replace(options, bands=bands_of(selection, options.bands)["ms"])
    selection.splits(*split)  # too few images per class: said before reading
    if first is not None and (small := _first_images(selection, options)) is not None:
        first(small)
    packs = options.pack_folder
    if options.nodata == "drop":
        selection = without_invalid(selection, options, packs, workers, progress)
        selection.splits(*split)
    if packs is None:
        benchmark = read_directly(selection, options, workers=workers, progress=progress)
    else:
        pack = pack_among(selection, packs, options, workers=workers, progress=progress)
        benchmark = pack.benchmark(options.bands)
    benchmark = understood(benchmark, options)
    published = {side.modality: side.splits for side in (selection.ms, selection.rgb)}
    return assign_splits(benchmark, *split, published)


def _first_images(selection: Selection, options: FileOptions) -> Benchmark | None:
    """The first image of each side; None where one cannot be read, which reading all will say."""
    one = np.zeros(1, dtype=np.int64)
    small = replace(selection, ms=selection.ms.take(one), rgb=selection.rgb.take(one))
    try:
        return read_directly(small, options, workers=1)
    except AckdError:
        return None


def read_directly(
    selection: Selection,
    options: FileOptions,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Benchmark:
    """Read a selection into memory, not split yet (protocol ``none``).

    Args:
        selection: Which images.
        options: ``bands``, and every option that shapes pixels.
        workers: Reading threads; chosen by the machine where None.
        progress: Called as ``progress(done, total)`` after each image, MS ones first.

    Raises:
        ConfigError: If there is no such band.
        DataError: If an image cannot be read.
    """
    wanted = bands_of(selection, options.bands)
    total = len(selection.ms.records) + len(selection.rgb.records)
    sides = {}
    done = 0
    for listing in (selection.ms, selection.rgb):
        side = listing.modality
        images = decode(
            selection.paths(side),
            reader_of(selection, side, wanted[side], options),
            workers,
            part_of(progress, done, total),
        )
        done += len(listing.records)
        sides[side] = SideIndex.of(listing, wanted[side]).scenes(images)
    return Benchmark(
        name=selection.class_map.name,
        classes=selection.class_map.classes,
        ms=sides["ms"],
        rgb=sides["rgb"],
        protocol="none",
        notes=dict(selection.notes),
    )


def load_prepared(
    folder: Path, options: FileOptions, class_map: OwnClassMap | None = None
) -> Benchmark:
    """Read a folder that holds a pack, without the archives it was made of.

    Which images it has was decided when it was prepared, by the seed of then (in the notes);
    splits are made here.

    Args:
        folder: With ``pack.json``.
        options: What is wanted. ``bands``, ``size`` and ``sources`` of None stand for whatever the
            folder has; ``missing_classes`` is asked only of a folder that lacks classes.
        class_map: The user's own, of the folder's classes.

    Raises:
        ConfigError: If the folder was prepared with other options, or a band is not in it.
        DataError: If it cannot be read.
    """
    pack = open_pack(folder)
    if pack.name != options.name:
        raise ConfigError(f"{folder} holds {pack.name}, not {options.name}; give data={pack.name}.")
    chosen = options.sources
    if chosen is not None:
        held = [source for source in pack.options["sources"] if source in chosen]
        chosen = tuple(held) if set(held) == set(chosen) else chosen
    asked = pixel_options(options)
    if options.size == pack.images["rgb"].shape[2]:
        del asked["size"]
    images = recorded(options, None if chosen is None else list(chosen))
    del images["seed"]  # that of when it was prepared
    if not pack.notes.get("dropped_classes"):
        del images["missing"]
    check_options(pack, **images, **asked)
    benchmark, rows = regroup(
        understood(pack.benchmark(options.bands), options), class_map, options.classes
    )
    published = {side: names[rows[side]] for side, names in pack.published.items()}
    benchmark = partial_by_choice(benchmark, class_map, options.classes)
    return assign_splits(benchmark, options.protocol, options.split_seed, options.fold, published)


def understood(benchmark: Benchmark, options: FileOptions) -> Benchmark:
    """Say what the numbers of the MS images mean, and look whether they can.

    Raises:
        DataError: If they cannot.
    """
    ms = replace(benchmark.ms, scale=options.scale, offset=options.offset)
    # each image's own maximum is white then, whatever the scale
    warned = check_values(ms, scaled=options.pseudo_rgb != "image_max")
    for warning in warned:
        log.warning("%s", warning)
    notes = {**benchmark.notes, "value_range": list(warned)} if warned else benchmark.notes
    return replace(benchmark, ms=ms, notes=notes)
