"""Paired tiles: the same ground seen by an optical and by a SAR sensor, with a mask of classes.

`tile_set` is what comes out, and what everything else is for: `options` say what a user may choose,
`source` is what a set of tiles has to offer, with `pairs_folder` and `bigearthnet_forest` as two of
them; `decoded` reads and checks all tiles of a source, `packs` keeps them, `load` puts it together.
`batches` makes windows and whole tiles of them, normalised by `statistics`.

Names are imported when they are asked for: the schema needs the options alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ackd.utils.targets import lazily

if TYPE_CHECKING:
    from ackd.data.tiles.batches import PairedTiles, TileBatches, TileRequest
    from ackd.data.tiles.crops import crop_back
    from ackd.data.tiles.labelled import labelled_rows
    from ackd.data.tiles.load import load_tiles, split_as
    from ackd.data.tiles.options import ForestOptions, PairsOptions, TileOptions
    from ackd.data.tiles.statistics import MaskedNormaliser, normalisers_of
    from ackd.data.tiles.tile_set import IGNORED, TileSet

__all__ = [
    "IGNORED",
    "ForestOptions",
    "MaskedNormaliser",
    "PairedTiles",
    "PairsOptions",
    "TileBatches",
    "TileOptions",
    "TileRequest",
    "TileSet",
    "crop_back",
    "labelled_rows",
    "load_tiles",
    "normalisers_of",
    "split_as",
]

__getattr__ = lazily(
    __name__,
    {
        "batches": "PairedTiles TileBatches TileRequest",
        "crops": "crop_back",
        "labelled": "labelled_rows",
        "load": "load_tiles split_as",
        "options": "ForestOptions PairsOptions TileOptions",
        "statistics": "MaskedNormaliser normalisers_of",
        "tile_set": "IGNORED TileSet",
    },
)
