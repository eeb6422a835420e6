"""From the options of a set of tiles to the tiles."""

from __future__ import annotations

from pathlib import Path

from ackd.config.schema.tiles import TilesConfig
from ackd.data.open_tiles import open_tiles
from ackd.data.tiles import TileSet
from ackd.data.tiles.mapped import MappedArray
from ackd.utils.progress import bar

__all__ = ["load", "packs_of"]


def load(options: TilesConfig) -> TileSet:
    """Read or draw the tiles, with their masks.

    Raises:
        DataError: A folder, a file or a tile is not what it should be.
        ConfigError: An option of the data set cannot be.
    """
    with bar("reading tiles") as report:
        return open_tiles(options, progress=report)


def packs_of(options: TilesConfig, tiles: TileSet) -> set[Path]:
    """The packs that tiles are read from; none where they lie in memory."""
    if options.pack_folder is None:
        return set()
    arrays = (tiles.optical, tiles.sar, tiles.valid)
    return {array.path.parent for array in arrays if isinstance(array, MappedArray)}
