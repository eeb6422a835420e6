"""Drawing as many images a class as the benchmark has, from archives that hold more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ackd.errors import unknown

__all__ = ["DRAWS", "check_draw", "draw_images"]

#: The choices of ``data.draw``.
DRAWS: Final = ("paper", "all")

_STREAM = 3  # 0 to 2 shuffle splits and twins from the same seed


def check_draw(mode: str) -> None:
    """Raise ConfigError if ``mode`` is none of `DRAWS`."""
    if mode not in DRAWS:
        raise unknown("way to draw images", mode, DRAWS, "data.draw")


def draw_images(
    scene_ids: NDArray[np.str_],
    filed: NDArray[np.int64],
    limits: Mapping[int, int],
    seed: int,
    side: int = 0,
) -> NDArray[np.int64]:
    """Draw at most a given number of images of each class.

    A class that has no more than its limit keeps all, so the draw changes nothing where there is
    nothing to cut. The draw of one class depends neither on the other classes nor on the order of
    the images.

    Args:
        scene_ids: (N,) str.
        filed: (N,) the class under which each image is filed, of several the rarest.
        limits: Class -> images at most; a class that is not in it keeps all.
        seed: ``data.split_seed``.
        side: Different numbers give independent draws of one seed.

    Returns:
        Positions of the images that stay, ascending.
    """
    kept = np.ones(len(scene_ids), dtype=np.bool_)
    for label, limit in limits.items():
        members = np.flatnonzero(filed == label)
        if len(members) <= limit:
            continue
        ordered = members[np.argsort(scene_ids[members], kind="stable")]
        shuffled = np.random.default_rng([seed, _STREAM, side, label]).permutation(ordered)
        kept[shuffled[limit:]] = False
    return np.flatnonzero(kept).astype(np.int64)
