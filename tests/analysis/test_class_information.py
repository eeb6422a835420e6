"""Mutual information within a class, figure 6."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ackd.analysis import information_by_class, mutual_information
from ackd.data.benchmark import Benchmark
from tests.data.small_archives import load_s2s_eu
from tests.stages import toy


def twins(ms: int = 6, rgb: int = 6) -> Benchmark:
    """Every RGB image is exactly what the stretch makes of its MS image, where it has one."""
    bench = toy.benchmark(ms, rgb)
    ids = np.array([f"{c}/{i}" for c in range(3) for i in range(rgb)])
    ms_ids = np.array([f"{c}/{i}" for c in range(3) for i in range(ms)])
    images = bench.rgb.images.copy()
    row = {scene: n for n, scene in enumerate(ms_ids)}
    for n, scene in enumerate(ids):
        if scene in row:
            visible = bench.ms.images[row[scene]][[2, 1, 0]]  # B04, B03, B02 of the toy's bands
            images[n] = np.clip(np.rint(visible * 255.0 / 2750.0), 0, 255).astype(np.uint8)
    return replace(
        bench,
        ms=replace(bench.ms, scene_ids=ms_ids),
        rgb=replace(bench.rgb, images=images, scene_ids=ids),
    )


def test_twins_share_their_whole_entropy_and_strangers_do_not() -> None:
    bench = twins()
    found = information_by_class(bench)
    assert found.classes == toy.CLASSES
    assert found.pairs.tolist() == [6, 6, 6]
    for number in range(3):
        own = [
            mutual_information(image, image)
            for image in bench.rgb.images[bench.rgb.labels == number]
        ]
        assert found.symmetric[number] == pytest.approx(np.mean(own))
        assert 0 <= found.asymmetric[number] < found.symmetric[number]


def test_draws_are_seeded_and_a_twin_is_never_drawn_as_a_stranger() -> None:
    bench = twins()
    first, again, other = (information_by_class(bench, seed=s) for s in (0, 0, 1))
    assert np.array_equal(first.asymmetric, again.asymmetric)
    assert np.array_equal(first.symmetric, other.symmetric)
    assert not np.array_equal(first.asymmetric, other.asymmetric)
    alone = information_by_class(twins(ms=1))
    assert alone.pairs.tolist() == [1, 1, 1]
    assert np.isnan(alone.asymmetric).all(), "the only MS image of the class is the twin"
    assert information_by_class(bench, limit=2).pairs.tolist() == [2, 2, 2]


def test_without_twins_the_asymmetric_side_remains() -> None:
    found = information_by_class(toy.benchmark(6, 6))
    assert np.isnan(found.symmetric).all()
    assert (found.asymmetric >= 0).all()


def test_the_larger_image_comes_to_the_smaller_grid() -> None:
    bench = twins()
    large = np.repeat(np.repeat(bench.rgb.images, 2, axis=2), 2, axis=3)
    found = information_by_class(
        replace(bench, rgb=replace(bench.rgb, images=np.ascontiguousarray(large)))
    )
    assert (found.symmetric > found.asymmetric).all()


@pytest.mark.slow
def test_real_twins_share_more_than_scenes_of_one_class(shared_data: Path) -> None:
    bench = load_s2s_eu(shared_data, sources=["eurosat"], twins="paired", size=64)
    found = information_by_class(bench, limit=8)
    told = found.pairs > 1
    assert told.sum() >= 5
    assert (found.symmetric[told] > found.asymmetric[told]).all()
    assert found.symmetric[told].mean() > 1.5 * found.asymmetric[told].mean()
