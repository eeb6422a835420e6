"""Mean and deviation of each band over valid pixels, and what a network sees of tiles with them."""

from __future__ import annotations

import warnings
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ackd.data.benchmark import TRAIN
from ackd.data.normalise import Normaliser
from ackd.data.tiles.mapped import Array
from ackd.data.tiles.tile_set import Side, TileSet
from ackd.errors import DataError

__all__ = ["MaskedNormaliser", "Moments", "band_statistics", "moments_of", "normalisers_of"]

#: Of the squared mean: a smaller variance is what rounding leaves of a constant band.
_ROUNDING: Final = 1e-12


class Moments(NamedTuple):
    """What is summed over the valid pixels of each band of each tile.

    Attributes:
        pixels: (N,) how many pixels are valid.
        mean: (N, C) float64; 0 where none is.
        squares: (N, C) float64, the sum of squared differences from that mean.
    """

    pixels: NDArray[np.int64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]


class MaskedNormaliser(Normaliser):
    """Standardise every band, (x - mean) / std, and put 0 where there is no data."""

    @classmethod
    def of_tiles(cls, tiles: TileSet, side: Side) -> MaskedNormaliser:
        """Build it from the valid training pixels of a sensor."""
        return cls(*band_statistics(tiles, side))

    def forward(self, images: Tensor, valid: Tensor | None = None) -> Tensor:
        """Normalise a batch.

        Args:
            images: (B, C, H, W) numbers as stored, of any type.
            valid: (B, H, W) bool, True where there is data; None where there is everywhere.

        Returns:
            (B, C, H, W) float32, 0 where there is no data.
        """
        standardised = super().forward(images)
        return standardised if valid is None else standardised.where(valid[:, None], 0.0)


def moments_of(images: Array, valid: Array, rows: NDArray[np.int64] | None = None) -> Moments:
    """Count and sum, tile by tile in float64.

    Args:
        images: (N, C, H, W).
        valid: (N, H, W) bool.
        rows: Which tiles; all where None.
    """
    chosen = np.arange(len(images)) if rows is None else rows
    count = np.zeros(len(chosen), np.int64)
    mean = np.zeros((len(chosen), images.shape[1]))
    squares = np.zeros_like(mean)
    for place, row in enumerate(chosen.tolist()):
        pixels = np.asarray(images[row])[:, np.asarray(valid[row])].astype(np.float64)
        count[place] = pixels.shape[1]
        if count[place]:
            mean[place] = pixels.mean(axis=1)
            squares[place] = np.square(pixels - mean[place, :, None]).sum(axis=1)
    return Moments(count, mean, squares)


def band_statistics(
    tiles: TileSet, side: Side, rows: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each band over valid pixels.

    Labels play no part in it: few labelled tiles change nothing.

    Args:
        tiles: The tiles.
        side: Whose bands.
        rows: Of which tiles; those of the training part where None.

    Returns:
        Mean and (population) standard deviation, each (C,) float64, in the unit of the stored
        numbers. A constant band gets the standard deviation 1 and is named in a warning.

    Raises:
        DataError: None of these tiles has a valid pixel.
    """
    chosen = tiles.rows(TRAIN) if rows is None else rows
    known = tiles.moments.get(side)
    count, mean, squares = (
        moments_of(getattr(tiles, side), tiles.valid, chosen)
        if known is None
        else (part[chosen] for part in known)
    )
    total = int(count.sum())
    if not total:
        raise DataError(
            f"None of the {len(chosen)} training tiles of {tiles.name} has a valid pixel, so its "
            f"{side} bands have no mean. Look at the nodata value and at the split."
        )
    centre = (count[:, None] * mean).sum(axis=0) / total
    between = (count[:, None] * np.square(mean - centre)).sum(axis=0)
    variance = (squares.sum(axis=0) + between) / total
    deviation = np.sqrt(np.where(variance > _ROUNDING * np.square(centre), variance, 0.0))
    names: tuple[str, ...] = getattr(tiles, f"{side}_bands")
    constant = [name for name, value in zip(names, deviation, strict=True) if value == 0]
    if constant:
        warnings.warn(
            f"Constant over all valid {side} training pixels: {', '.join(constant)}. A constant "
            "band teaches nothing; its standard deviation is taken as 1.",
            stacklevel=2,
        )
        deviation[deviation == 0] = 1.0
    return centre, deviation


def normalisers_of(tiles: TileSet) -> dict[Literal["optical", "sar"], MaskedNormaliser]:
    """The normalisers of both sensors."""
    return {
        "optical": MaskedNormaliser.of_tiles(tiles, "optical"),
        "sar": MaskedNormaliser.of_tiles(tiles, "sar"),
    }


def normalised(
    normaliser: MaskedNormaliser, images: NDArray[Any], valid: NDArray[np.bool_]
) -> Tensor:
    """Normalise arrays (B, C, H, W) and (B, H, W) outside of a network."""
    with torch.no_grad():
        found: Tensor = normaliser(torch.from_numpy(images), torch.from_numpy(valid))
    return found
