"""Paired tiles: the same ground seen by an optical and by a SAR sensor, with a mask of classes."""

from ackd.data.tiles.batches import PairedTiles, TileBatches, TileRequest
from ackd.data.tiles.crops import crop_back
from ackd.data.tiles.labelled import labelled_rows
from ackd.data.tiles.statistics import MaskedNormaliser, normalisers_of
from ackd.data.tiles.tile_set import IGNORED, TileSet

__all__ = [
    "IGNORED",
    "MaskedNormaliser",
    "PairedTiles",
    "TileBatches",
    "TileRequest",
    "TileSet",
    "crop_back",
    "labelled_rows",
    "normalisers_of",
]
