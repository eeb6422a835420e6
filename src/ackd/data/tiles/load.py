"""Reading a set of paired tiles: packed or into memory, with or without its labels."""

from __future__ import annotations

import logging

import numpy as np

from ackd.data.benchmark import TRAIN
from ackd.data.splits.tile_splits import split_tiles
from ackd.data.tiles.bigearthnet_forest import BigEarthNetForest
from ackd.data.tiles.decoded import InMemory, read_images, read_masks
from ackd.data.tiles.options import ForestOptions, PairsOptions, TileOptions
from ackd.data.tiles.packs import packed_images, packed_masks
from ackd.data.tiles.pairs_folder import PairsFolder
from ackd.data.tiles.source import TileSource
from ackd.data.tiles.tile_set import TileSet
from ackd.errors import counted
from ackd.utils.progress import Progress

__all__ = ["load_source", "load_tiles", "source_of", "split_as"]

log = logging.getLogger("ackd")

#: Of tiles that were read without labels, whose classes nobody has looked at.
_UNLABELLED = ("background", "foreground")


def source_of(options: PairsOptions | ForestOptions) -> TileSource:
    """The tiles on disk that options describe; names are matched, and no pixel is read."""
    if isinstance(options, PairsOptions):
        return PairsFolder(options)
    return BigEarthNetForest(options)


def load_tiles(
    options: PairsOptions | ForestOptions,
    *,
    labels: bool = True,
    progress: Progress | None = None,
) -> TileSet:
    """Read paired tiles.

    Args:
        options: Which tiles, and how they are read.
        labels: Whether masks are wanted; otherwise no file of labels is opened.
        progress: Called as ``progress(done, total)`` while images, and then masks, are read; not
            where they are packed already.

    Returns:
        The tiles, split as the options say.

    Raises:
        ConfigError: An option is wrong.
        DataError: A folder, a file or an image is, with the names of the tiles.
    """
    return load_source(source_of(options), options, labels=labels, progress=progress)


def load_source(
    source: TileSource,
    options: TileOptions,
    *,
    labels: bool = True,
    progress: Progress | None = None,
) -> TileSet:
    """Read the tiles of a source, see :func:`load_tiles`."""
    packs = options.pack_folder
    if packs is None:
        images = read_images(source, InMemory(), progress)
        masks = (
            read_masks(source, source.masks(), images.arrays["valid"], InMemory(), progress)
            if labels
            else None
        )
    else:
        images, folder = packed_images(source, packs, progress)
        masks = packed_masks(source, images, folder, progress) if labels else None
    empty = images.notes["tiles_without_data"]
    if empty:
        log.info("%s without data, which counts nowhere", counted(empty, "tile"))
    tiles = TileSet(
        name=source.name,
        optical=images.arrays["optical"],
        sar=images.arrays["sar"],
        valid=images.arrays["valid"],
        masks=None if masks is None else masks.array,
        ids=np.array(source.ids),
        split=np.full(len(source.ids), TRAIN, np.int8),
        classes=_UNLABELLED if masks is None else masks.classes,
        optical_bands=source.optical_bands,
        sar_bands=source.sar_bands,
        bounds=images.bounds,
        crs=images.crs,
        notes={**images.notes, **({} if masks is None else masks.notes)},
        digests={**images.digests, **({} if masks is None else {"masks": masks.digests})},
        moments=images.moments,
    )
    return split_as(tiles, options)


def split_as(tiles: TileSet, options: TileOptions) -> TileSet:
    """Split tiles as options say, and tell how much of the test ground is seen in training.

    Raises:
        ConfigError: The options need what the tiles have not.
        DataError: A part gets no tile, or the file of the split does not fit.
    """
    found = split_tiles(
        tiles.ids,
        tiles.bounds,
        how=options.split,
        val=options.val,
        test=options.test,
        seed=options.split_seed,
        file=options.split_path,
    )
    log.info("%s", found.sentence)
    return tiles.with_split(found.split, {"split": found.notes})
