"""Paired tiles: the same ground seen by an optical and by a SAR sensor, with a mask of classes."""

from ackd.data.tiles.tile_set import IGNORED, TileSet

__all__ = ["IGNORED", "TileSet"]
