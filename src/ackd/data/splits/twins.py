"""Twins: scenes that both modalities show. Which side keeps which of them.

EuroSAT exists as MS and as RGB of the very same scenes. Left on both sides, an "unpaired" student
would be taught, and tested, on scenes its teacher has seen.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.options import choices_of
from ackd.errors import ConfigError, DataError, unknown

__all__ = ["TWINS", "count_leaks", "select_scenes", "shared_scenes"]

#: The choices of ``data.twins``.
TWINS: Final = choices_of("twins")

_STREAM = 2  # 0 and 1 shuffle the splits of the two sides from the same seed

Strings = NDArray[np.str_]
Indices = NDArray[np.int64]


def shared_scenes(ms_ids: Strings, rgb_ids: Strings) -> Strings:
    """Return the scene ids that stand on both sides, sorted."""
    return np.intersect1d(ms_ids, rgb_ids)


def select_scenes(
    mode: str,
    ms_ids: Strings,
    ms_strata: NDArray[Any],
    rgb_ids: Strings,
    rgb_strata: NDArray[Any],
    seed: int,
) -> tuple[Indices, Indices]:
    """Choose the images that each side keeps.

    - ``split``: every scene goes to one modality only. A class's scenes in the pools that have
      twins are halved: the MS side gets its scenes without a twin first, then twins drawn by
      ``seed`` until it has half of the pool's distinct scenes, the RGB side the rest. Where the
      MS side has no more than that half to begin with, it keeps all.
    - ``all``: everything stays on both sides, as in the paper's table.
    - ``paired``: both sides are exactly the twins.

    The MS side depends on the pools that have twins only, not on RGB sources of other scenes.

    Args:
        mode: One of `TWINS`.
        ms_ids: (N,) scene ids ``pool/class/name`` of the MS images.
        ms_strata: (N,) the class of each.
        rgb_ids: (M,) scene ids of the RGB images.
        rgb_strata: (M,) the class of each.
        seed: Draws the twins; independent of the order of the images.

    Returns:
        Positions of the MS and of the RGB images to keep, ascending.

    Raises:
        ConfigError: If ``mode`` is unknown, or a seed is negative.
        DataError: If ``paired`` finds no twins.
    """
    if mode not in TWINS:
        raise unknown("treatment of twins", mode, TWINS, "data.twins")
    if seed < 0:
        raise ConfigError(f"data.split_seed={seed} is negative; expected 0 or more.")
    twins = shared_scenes(ms_ids, rgb_ids)
    if mode == "all":
        return np.arange(len(ms_ids)), np.arange(len(rgb_ids))
    if mode == "paired":
        if not twins.size:
            raise DataError(
                "data.twins=paired needs scenes that stand on both sides, and there are none; add "
                "the RGB images of the MS scenes (data.sources=[eurosat,...]), or set "
                "data.twins=split."
            )
        return _where(ms_ids, twins), _where(rgb_ids, twins)
    to_ms, to_rgb = _divide(twins, ms_ids, ms_strata, rgb_ids, rgb_strata, seed)
    keep_ms = np.flatnonzero(~np.isin(ms_ids, to_rgb))
    keep_rgb = np.flatnonzero(~np.isin(rgb_ids, to_ms))
    return keep_ms, keep_rgb


def _divide(
    twins: Strings,
    ms_ids: Strings,
    ms_strata: NDArray[Any],
    rgb_ids: Strings,
    rgb_strata: NDArray[Any],
    seed: int,
) -> tuple[Strings, Strings]:
    """Deal the twins of each class to the MS and to the RGB side."""
    pools = np.unique(_pools(twins))
    in_pool_ms, in_pool_rgb = np.isin(_pools(ms_ids), pools), np.isin(_pools(rgb_ids), pools)
    to_ms, to_rgb = [], []
    for position, stratum in enumerate(np.unique(ms_strata)):
        ms_scenes = np.unique(ms_ids[in_pool_ms & (ms_strata == stratum)])
        rgb_scenes = np.unique(rgb_ids[in_pool_rgb & (rgb_strata == stratum)])
        here = np.intersect1d(ms_scenes, twins)
        half = len(np.union1d(ms_scenes, rgb_scenes)) // 2
        wanted = len(here) if len(ms_scenes) <= half else half - (len(ms_scenes) - len(here))
        shuffled = np.random.default_rng([seed, _STREAM, position]).permutation(here)
        to_ms.append(shuffled[: max(wanted, 0)])
        to_rgb.append(shuffled[max(wanted, 0) :])
    return np.concatenate([twins[:0], *to_ms]), np.concatenate([twins[:0], *to_rgb])


def _pools(ids: Strings) -> Strings:
    return np.array([scene.split("/", 1)[0] for scene in ids.tolist()], dtype=np.str_)


def _where(ids: Strings, chosen: Strings) -> Indices:
    return np.flatnonzero(np.isin(ids, chosen)).astype(np.int64)


def count_leaks(train_ms_ids: Strings, test_rgb_ids: Strings) -> int:
    """Count the RGB test images whose scene is an MS training scene."""
    return int(np.isin(test_rgb_ids, train_ms_ids).sum())
