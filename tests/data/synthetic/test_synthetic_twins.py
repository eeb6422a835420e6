"""The embedded scenes seen by both instruments at once."""

from __future__ import annotations

import numpy as np
import pytest

from ackd.analysis import information_by_class
from ackd.data.splits import assign_splits
from ackd.data.splits.twins import shared_scenes
from ackd.data.synthetic import make_synthetic, make_synthetic_twins
from ackd.errors import ConfigError

OPTIONS = {"size": 32, "classes": 3}


def test_the_ms_side_is_that_of_the_benchmark() -> None:
    alone = make_synthetic(ms_per_class=5, rgb_per_class=1, **OPTIONS)
    twins = make_synthetic_twins(per_class=5, **OPTIONS)
    assert twins.ms.fingerprint == alone.ms.fingerprint
    assert np.array_equal(twins.ms.scene_ids, twins.rgb.scene_ids)
    assert np.array_equal(twins.ms.labels, twins.rgb.labels)
    assert len(shared_scenes(alone.ms.scene_ids, alone.rgb.scene_ids)) == 0
    assert twins.rgb.images.shape == (15, 3, 32, 32)
    assert twins.rgb.images.std(axis=(1, 2, 3)).min() > 0


def test_they_are_reproducible_and_prefixes_of_longer_sets() -> None:
    twins, again, longer, other = (
        make_synthetic_twins(seed, per_class, **OPTIONS)
        for seed, per_class in ((0, 2), (0, 2), (0, 3), (1, 2))
    )
    assert twins.rgb.fingerprint == again.rgb.fingerprint
    of_class = longer.rgb.images.reshape(3, 3, 3, 32, 32)[:, :2].reshape(-1, 3, 32, 32)
    assert np.array_equal(twins.rgb.images, of_class)
    assert not np.array_equal(twins.rgb.images, other.rgb.images)
    with pytest.raises(ConfigError, match="per_class"):
        make_synthetic_twins(per_class=0)


def test_one_scene_tells_more_than_another_of_its_class() -> None:
    twins = make_synthetic_twins(per_class=8, **OPTIONS)
    found = information_by_class(twins)
    assert found.pairs.tolist() == [8, 8, 8]
    assert (found.symmetric > found.asymmetric).all()


def test_a_scene_is_in_the_same_split_on_both_sides() -> None:
    twins = assign_splits(make_synthetic_twins(per_class=6, **OPTIONS))
    assert np.array_equal(twins.ms.split, twins.rgb.split)
