"""Batches: every image its share, every rank the same number, the order a function of the epoch."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ackd.data.pairs import SceneBatches, UnpairedScenes
from tests.stages.toy import benchmark

sizes = st.integers(1, 60)
worlds = st.integers(1, 4)


def ranks(images: int, batch: int, world: int, epoch: int = 0, **how: bool) -> list[SceneBatches]:
    found = []
    for rank in range(world):
        rows = np.arange(images) * 10
        batches = SceneBatches("rgb", rows, batch, seed=5, rank=rank, world_size=world, **how)
        batches.set_epoch(epoch)
        found.append(batches)
    return found


@given(images=sizes, batch=st.integers(1, 9), world=worlds)
def test_training_shares_are_equal_full_and_disjoint(images: int, batch: int, world: int) -> None:
    shares = [list(s) for s in ranks(images, batch, world, shuffle=True, drop_last=True)]
    lengths = [len(s) for s in ranks(images, batch, world, shuffle=True, drop_last=True)]
    assert [len(share) for share in shares] == lengths == [images // (batch * world)] * world
    seen = [int(row) for share in shares for request in share for row in request.rgb]
    assert len(seen) == len(set(seen)) == images // (batch * world) * batch * world
    assert all(len(request.rgb) == batch for share in shares for request in share)


@given(images=sizes, batch=st.integers(2, 9), world=worlds)
def test_evaluation_sees_every_image_once_in_equally_many_batches(
    images: int, batch: int, world: int
) -> None:
    if images < world:
        with pytest.raises(ValueError, match=r"trainer\.devices"):
            [list(s) for s in ranks(images, batch, world)]
        return
    shares = [list(s) for s in ranks(images, batch, world)]
    assert len({len(share) for share in shares}) == 1
    assert [len(s) for s in ranks(images, batch, world)] == [len(share) for share in shares]
    assert all(0 < len(request.rgb) <= batch for share in shares for request in share)
    seen = Counter(int(row) for share in shares for request in share for row in request.rgb)
    assert seen == Counter(range(0, images * 10, 10))


def order(seed: int, epoch: int) -> list[int]:
    batches = SceneBatches("rgb", np.arange(40), 8, shuffle=True, seed=seed)
    batches.set_epoch(epoch)
    return np.concatenate([request.rgb for request in batches]).tolist()


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    assert order(0, 3) == order(0, 3)
    orders = [order(0, 0), order(0, 1), order(1, 0), list(range(40))]
    assert all(a != b for i, a in enumerate(orders) for b in orders[i + 1 :])


def test_partners_follow_their_images() -> None:
    rows = np.array([4, 9, 2, 7])
    batches = SceneBatches("rgb", rows, 2, shuffle=True)
    batches.set_partners(rows + 100)
    for request in batches:
        assert request.ms is not None
        assert (request.ms == request.rgb + 100).all()
    with pytest.raises(ValueError, match="3 partners for 4 images"):
        batches.set_partners(rows[:3])


def test_a_request_brings_the_rows_it_names() -> None:
    bench = benchmark()
    batch = UnpairedScenes(bench)[next(iter(SceneBatches("ms", np.array([7, 3]), 2)))]
    assert set(batch) == {"ms", "ms_target", "ms_index"}
    assert batch["ms_index"].tolist() == [7, 3]
    assert (batch["ms"].numpy() == bench.ms.images[[7, 3]]).all()
    assert batch["ms_target"].tolist() == bench.ms.labels[[7, 3]].tolist()
    batch["ms"].fill_(0)
    assert bench.ms.images[7].any(), "the stored images were written to"
