"""Paired tiles of synthetic towns in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ackd.data.synthetic_tiles.options import SyntheticTileOptions
from ackd.data.synthetic_tiles.source import SyntheticTowns
from ackd.data.tiles.load import load_source
from ackd.data.tiles.tile_set import TileSet
from ackd.utils.progress import Progress

__all__ = ["make_tiles"]


def make_tiles(
    seed: int = 0,
    train: int = 400,
    val: int = 80,
    test: int = 160,
    size: int = 128,
    *,
    progress: Progress | None = None,
    packs: Path | None = None,
    **options: Any,
) -> TileSet:
    """Make optical and SAR tiles of synthetic towns with masks of their buildings.

    Args:
        seed: Which world to make, >= 0.
        train: Tiles for training, >= 1.
        val: Tiles for validation, >= 0.
        test: Tiles for test, >= 0.
        size: Side of a tile in pixels, 32 to 1024.
        progress: Called as ``progress(done, total)`` after each tile that is drawn, and again
            after each mask.
        packs: Folder that keeps the drawn tiles for the next time and maps them into memory; None
            keeps nothing.
        options: Any other field of
            :class:`~ackd.data.synthetic_tiles.options.SyntheticTileOptions`.

    Returns:
        Tiles with R, G, B in uint8 and HH, HV, VH, VV in decibels, at the levels of SpaceNet 6;
        split by place, so that no ground of one part is seen in another.

    Raises:
        ConfigError: An option is of the wrong kind or out of range.
    """
    chosen = SyntheticTileOptions(
        seed=seed, train=train, val=val, test=test, size=size,
        packed=packs is not None, packs=str(packs), **options,
    )  # fmt: skip
    return load_source(SyntheticTowns(chosen), chosen, progress=progress)
