"""Few labels: which training tiles may show theirs."""

from __future__ import annotations

from typing import Final

import numpy as np

from ackd.data.benchmark import TRAIN
from ackd.data.row_batches import Indices
from ackd.data.tiles.tile_set import TileSet
from ackd.errors import ConfigError

__all__ = ["LEAST_LABELLED", "labelled_rows"]

#: Tiles that are labelled whatever the fraction is.
LEAST_LABELLED: Final = 8


def labelled_rows(tiles: TileSet, fraction: float, seed: int) -> Indices:
    """Choose the training tiles whose labels may be used.

    The choice is a pure function of the tiles and the seed, so that everything that is trained with
    few labels gets the same ones, and a larger fraction has all tiles of a smaller one.

    Args:
        tiles: The tiles.
        fraction: Of the training tiles, above 0 and at most 1.
        seed: Of the choice.

    Returns:
        Rows, ascending: the fraction, rounded, and at least :data:`LEAST_LABELLED` or all there
        are.

    Raises:
        ConfigError: The fraction is out of range.
    """
    if not 0 < fraction <= 1:
        raise ConfigError(
            f"labels.fraction={fraction:g} is not a share of the training tiles; expected a number "
            "above 0 and at most 1, e.g. 0.1."
        )
    rows = tiles.rows(TRAIN)
    count = max(LEAST_LABELLED, round(fraction * len(rows)))
    order = np.random.default_rng(seed).permutation(len(rows))
    return np.sort(rows[order[:count]])
