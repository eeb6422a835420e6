"""Synthetic towns, seen by an optical and by a SAR sensor: paired tiles without any download.

`town` draws the `ground` of a town from the plan of its `streets`, with buildings on their
`footprints`; `optical` and `radar` look at it; `world` says where towns and their tiles lie, and
`source` offers the tiles to whatever reads paired tiles. None of it knows what is learnt from them.

Names are imported when they are asked for: the schema needs the options alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ackd.utils.targets import lazily

if TYPE_CHECKING:
    from ackd.data.synthetic_tiles.generate import make_tiles
    from ackd.data.synthetic_tiles.options import SyntheticTileOptions
    from ackd.data.synthetic_tiles.source import SyntheticTowns

__all__ = ["SyntheticTileOptions", "SyntheticTowns", "make_tiles"]

__getattr__ = lazily(
    __name__,
    {
        "generate": "make_tiles",
        "options": "SyntheticTileOptions",
        "source": "SyntheticTowns",
    },
)
