"""Paired tiles of any kind from their options: drawn on the spot, or read from files."""

from __future__ import annotations

from ackd.data.synthetic_tiles import SyntheticTileOptions, SyntheticTowns
from ackd.data.tiles.load import load_source, load_tiles
from ackd.data.tiles.options import ForestOptions, PairsOptions
from ackd.data.tiles.tile_set import TileSet
from ackd.utils.progress import Progress

__all__ = ["AnyTileOptions", "open_tiles"]

AnyTileOptions = PairsOptions | ForestOptions | SyntheticTileOptions


def open_tiles(
    options: AnyTileOptions, *, labels: bool = True, progress: Progress | None = None
) -> TileSet:
    """Read or draw paired tiles, from packs where there are some.

    Args:
        options: Which tiles, and how they are read.
        labels: Whether masks are wanted; otherwise no file of labels is opened.
        progress: Called as ``progress(done, total)`` while tiles are read or drawn.

    Returns:
        The tiles, split as the options say.

    Raises:
        ConfigError: An option is wrong.
        DataError: A folder, a file or an image is, with the names of the tiles.
    """
    if isinstance(options, SyntheticTileOptions):
        return load_source(SyntheticTowns(options), options, labels=labels, progress=progress)
    return load_tiles(options, labels=labels, progress=progress)
