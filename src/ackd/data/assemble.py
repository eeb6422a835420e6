"""Putting a benchmark together: select, split, then read the images, packed or directly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ackd.data.benchmark import Benchmark, Modality
from ackd.data.class_map import ClassMap
from ackd.data.own_classes import OwnClassMap
from ackd.data.packing import check_options, open_pack, pack_among
from ackd.data.packing.index import SideIndex
from ackd.data.reading import Sizes, bands_of, reader_of
from ackd.data.regroup import partial_by_choice, regroup
from ackd.data.scenes import Progress, decode
from ackd.data.selection import Selection, select
from ackd.data.sources import SOURCES, Source
from ackd.data.splits import assign_splits, check_split_options
from ackd.errors import ConfigError
from ackd.utils.progress import part_of

__all__ = ["load_benchmark", "load_prepared", "read_directly"]


def load_benchmark(
    roots: Mapping[Modality, Path],
    class_map: ClassMap,
    sources: Sequence[str] | None = None,
    *,
    bands: Sequence[str] | None,
    size: Sizes,
    twins: str = "split",
    draw: str = "paper",
    missing: str = "error",
    split_seed: int = 0,
    protocol: str = "strict",
    fold: int = 0,
    packed: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    known: Mapping[str, Source] = SOURCES,
) -> Benchmark:
    """Read a benchmark from the archives.

    Every option, folder and count is checked before the first image is read.

    Args:
        roots: The folder that holds the archives of each side (``data.root``).
        class_map: Which sources it has and how their classes map.
        sources: The RGB sources to use, some or all of the class map's; all where None.
        bands: The MS bands by name, in the order wanted; all of the files where None.
        size: Height and width of all images, or of those of each side, in pixels; as found where
            None.
        twins: One of `ackd.data.twins.TWINS`.
        draw: One of `ackd.data.draw.DRAWS`.
        missing: One of `ackd.data.missing.MISSING`.
        split_seed: Seed of the twins, of the draw and of the splits.
        protocol: One of `ackd.data.splits.PROTOCOLS`.
        fold: Which of the five folds is the test share.
        packed: The folder for packs; where None, the images are read into memory directly.
        workers: Reading threads; chosen by the machine where None.
        progress: Called as ``progress(done, total)`` after each image, MS ones first.
        known: The sources by name; own ones beside the publishers' come in here.

    Returns:
        The benchmark, split, with `notes` on counts, twins, draw and what is missing.

    Raises:
        ConfigError: If an option is wrong.
        DataError: If a folder, a class or an image is.
    """
    check_split_options(protocol, split_seed, fold)
    if isinstance(size, int) and size < 1:
        raise ConfigError(f"data.size={size} is no image size; expected at least 1 pixel.")
    selection = select(
        roots,
        class_map,
        sources,
        twins=twins,
        draw=draw,
        missing=missing,
        seed=split_seed,
        known=known,
    )
    bands = bands_of(selection, bands)["ms"]
    selection.splits(protocol, split_seed, fold)  # too few images a class: said before reading
    if packed is None:
        benchmark = read_directly(
            selection, bands=bands, size=size, workers=workers, progress=progress
        )
    else:
        benchmark = pack_among(
            selection, packed, bands=bands, size=size, workers=workers, progress=progress
        ).benchmark(bands)
    published = {side.modality: side.splits for side in (selection.ms, selection.rgb)}
    return assign_splits(benchmark, protocol, split_seed, fold, published)


def read_directly(
    selection: Selection,
    *,
    bands: Sequence[str] | None,
    size: Sizes,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Benchmark:
    """Read a selection into memory, not split yet (protocol ``none``).

    Args:
        selection: Which images.
        bands: The MS bands in the order wanted; all of the files where None.
        size: Height and width of all images in pixels; as found where None.
        workers: Reading threads; chosen by the machine where None.
        progress: Called as ``progress(done, total)`` after each image, MS ones first.

    Raises:
        ConfigError: If there is no such band.
        DataError: If an image cannot be read.
    """
    wanted = bands_of(selection, bands)
    total = len(selection.ms.records) + len(selection.rgb.records)
    sides = {}
    done = 0
    for listing in (selection.ms, selection.rgb):
        side = listing.modality
        images = decode(
            selection.paths(side),
            reader_of(selection, side, wanted[side], size),
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
    folder: Path,
    name: str,
    *,
    sources: Sequence[str] | None = None,
    bands: Sequence[str] | None = None,
    size: int | None = None,
    twins: str | None = None,
    draw: str | None = None,
    missing: str | None = None,
    split_seed: int = 0,
    protocol: str = "strict",
    fold: int = 0,
    class_map: OwnClassMap | None = None,
    classes: Sequence[str] | None = None,
) -> Benchmark:
    """Read a folder that holds a pack, without the archives it was made of.

    Which images it has was decided when it was prepared, by the seed of then (in the notes);
    splits are made here. None stands for whatever the folder has.

    Args:
        folder: With ``pack.json``.
        name: The benchmark it must be.
        sources: The RGB sources it must have.
        bands: The MS bands in the order wanted.
        size: The height and width it must have.
        twins: How its twins must have been dealt.
        draw: How its images must have been drawn.
        missing: How missing classes must have been treated; a folder with every class serves
            for either.
        split_seed: Seed of the splits.
        protocol: One of `ackd.data.splits.PROTOCOLS`.
        fold: Which of the five folds is the test share.
        class_map: The user's own, of the folder's classes.
        classes: The classes to use; all where None.

    Raises:
        ConfigError: If the folder was prepared with other options, or a band is not in it.
        DataError: If it cannot be read.
    """
    pack = open_pack(folder)
    if pack.name != name:
        raise ConfigError(f"{folder} holds {pack.name}, not {name}; give data={pack.name}.")
    chosen = None if sources is None else [s for s in pack.options["sources"] if s in sources]
    if chosen is not None and set(chosen) != set(sources or ()):
        chosen = list(sources or ())
    whole = not pack.notes.get("dropped_classes")
    height = pack.images["rgb"].shape[2]
    check_options(
        pack,
        sources=chosen,
        twins=twins,
        draw=draw,
        missing=None if whole else missing,
        size=None if size == height else size,
    )
    benchmark, rows = regroup(pack.benchmark(bands), class_map, classes)
    published = {side: names[rows[side]] for side, names in pack.published.items()}
    benchmark = partial_by_choice(benchmark, class_map, classes)
    return assign_splits(benchmark, protocol, split_seed, fold, published)
