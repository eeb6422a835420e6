"""Synthetic towns, seen by an optical and by a SAR sensor: paired tiles without any download."""

from ackd.data.synthetic_tiles.generate import make_tiles

__all__ = ["make_tiles"]
