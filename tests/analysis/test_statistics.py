from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ackd.analysis import statistics
from ackd.analysis.statistics import holm, over_images, over_seeds, spread


def test_spread_is_the_sample_standard_deviation() -> None:
    found = spread([1.0, 2.0, 3.0])
    assert (found.mean, found.sd, found.n) == (2.0, 1.0, 3)
    assert spread([4.0]).sd is None
    with pytest.raises(ValueError, match="at least one"):
        spread([])


def test_seeds_are_compared_as_scipy_compares_them() -> None:
    ours, theirs = [0.9, 0.8, 0.85, 0.7], [0.8, 0.75, 0.7, 0.72]
    found = over_seeds(ours, theirs)
    test = stats.ttest_rel(ours, theirs)
    interval = test.confidence_interval(0.95)
    assert found.p == pytest.approx(test.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_one_seed_or_equal_differences_allow_no_test() -> None:
    for ours, theirs in (([0.9], [0.8]), ([0.9, 0.7], [0.8, 0.6])):
        found = over_seeds(ours, theirs)
        assert found.mean == pytest.approx(0.1)
        assert found.low is found.high is found.p is None
    with pytest.raises(ValueError, match="Paired seeds"):
        over_seeds([1.0], [1.0, 2.0])


def test_few_images_are_permuted_exactly() -> None:
    # Two-sided: of the 2^6 sign patterns, all plus and all minus are as extreme.
    found = over_images(np.array([1.0, 1, 1, 1, 1, 0.5]))
    assert found.p == pytest.approx(2 / 2**6)


def test_the_bootstrap_is_near_the_normal_interval_for_many_images() -> None:
    gains = np.random.default_rng(1).choice([-1.0, 0.0, 1.0], p=[0.1, 0.7, 0.2], size=800)
    found = over_images(gains)
    half = 1.96 * gains.std(ddof=1) / math.sqrt(len(gains))
    assert found.low == pytest.approx(gains.mean() - half, abs=0.005)
    assert found.high == pytest.approx(gains.mean() + half, abs=0.005)
    assert found.p is not None
    assert found.p < 0.001


def test_a_report_made_twice_is_the_same() -> None:
    gains = np.random.default_rng(2).choice([-1.0, 0.0, 1.0], size=50)
    assert over_images(gains) == over_images(gains)


def test_equal_answers_are_no_difference() -> None:
    found = over_images(np.zeros(9))
    assert (found.mean, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="two images"):
        over_images(np.zeros(1))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, None]) == [0.03, 0.06, 0.06, None]
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_makes_p_smaller_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    pairs = sorted(zip(p_values, adjusted, strict=True))
    assert all(a is not None and a >= p and a <= 1 for p, a in pairs)
    assert [a for _, a in pairs] == sorted(a for _, a in pairs if a is not None)


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, and 0 of 20
    assert statistics.wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert statistics.wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert statistics.wilson(1.0, 20)[1] == 1.0
    with pytest.raises(ValueError, match="at least one image"):
        statistics.wilson(0.5, 0)


@pytest.mark.parametrize("multilabel", [False, True])
def test_the_interval_of_f1_is_that_of_resampled_images(multilabel: bool) -> None:
    rng = np.random.default_rng(0)
    n, classes = 120, 3
    if multilabel:
        true = rng.random((n, classes)) < 0.4
        said = true ^ (rng.random((n, classes)) < 0.2)
    else:
        labels = rng.integers(0, classes, n)
        answers = np.where(rng.random(n) < 0.7, labels, rng.integers(0, classes, n))
        true, said = np.eye(classes, dtype=bool)[labels], np.eye(classes, dtype=bool)[answers]

    def f1(rows: np.ndarray) -> float:
        hits = (true[rows] & said[rows]).sum(0)
        return float(np.mean(2 * hits / (true[rows].sum(0) + said[rows].sum(0))))

    drawn = [f1(rng.integers(0, n, n)) for _ in range(3000)]
    found = statistics.f1_interval(true, said, absent_as_zero=multilabel)
    assert found == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.01)
    assert found == statistics.f1_interval(true, said, absent_as_zero=multilabel)
    assert found[0] < f1(np.arange(n)) < found[1]


def test_a_class_without_images_counts_as_torchmetrics_counts_it() -> None:
    true = np.array([[1, 0, 0], [0, 1, 0]] * 10, dtype=bool)
    assert statistics.f1_interval(true, true) == (1.0, 1.0)
    low, high = statistics.f1_interval(true, true, absent_as_zero=True)
    assert (low, high) == pytest.approx((2 / 3, 2 / 3))


def test_the_interval_of_a_mean_of_scores() -> None:
    scores = np.random.default_rng(0).uniform(0, 1, 200)
    low, high = statistics.mean_interval(scores)
    half = 1.96 * scores.std(ddof=1) / np.sqrt(200)
    assert (low, high) == pytest.approx((scores.mean() - half, scores.mean() + half), abs=0.004)
    assert (low, high) == statistics.mean_interval(scores)
    assert statistics.mean_interval(np.full(5, 0.25)) == (0.25, 0.25)
    with pytest.raises(ValueError, match="at least two images"):
        statistics.mean_interval(scores[:1])


def pooled(seed: int, seeds: int = 2, n: int = 40) -> np.ndarray:
    """Parts and wholes of images, (S, 2, N)."""
    rng = np.random.default_rng(seed)
    whole = rng.integers(5, 90, (seeds, n)).astype(float)
    return np.stack([np.floor(whole * rng.uniform(0.3, 0.7, (seeds, n))), whole], axis=1)


def test_a_pooled_gain_against_nothing_is_the_interval_of_the_share() -> None:
    ours = pooled(1, seeds=1)
    nothing = ours * np.array([0.0, 1.0])[None, :, None]
    found = statistics.over_images_pooled(ours, nothing)
    assert found.mean == pytest.approx(ours[0, 0].sum() / ours[0, 1].sum())
    low, high = statistics.ratio_interval(ours[0, 0][:, None], ours[0, 1][:, None])
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.p == pytest.approx(1e-4)


def test_a_pooled_gain_is_tested_by_exchanging_images() -> None:
    ours, theirs = pooled(1, n=8), pooled(2, n=8)
    found = statistics.over_images_pooled(ours, theirs)
    shares = [side[:, 0].sum(axis=1) / side[:, 1].sum(axis=1) for side in (ours, theirs)]
    assert found.mean == pytest.approx((shares[0] - shares[1]).mean())
    gains = []
    for signs in itertools.product([False, True], repeat=8):
        a, b = np.where(signs, theirs, ours).sum(axis=2), np.where(signs, ours, theirs).sum(axis=2)
        gains.append((a[:, 0] / a[:, 1] - b[:, 0] / b[:, 1]).mean())
    exact = np.mean(np.abs(gains) >= abs(found.mean) - 1e-12)
    assert 0.05 < exact < 0.95
    assert found.p == pytest.approx(exact, abs=0.02)
    assert found == statistics.over_images_pooled(ours, theirs)


def test_images_that_have_nothing_of_a_pooled_metric_are_no_images() -> None:
    ours, theirs = pooled(1), pooled(2)
    padded = [np.concatenate([side, np.zeros((2, 2, 5))], axis=2) for side in (ours, theirs)]
    assert statistics.over_images_pooled(*padded) == statistics.over_images_pooled(ours, theirs)
    same = statistics.over_images_pooled(ours, ours)
    assert (same.mean, same.low, same.high, same.p) == (0, 0, 0, 1)
    with pytest.raises(ValueError, match="two images"):
        statistics.over_images_pooled(ours[..., :1], theirs[..., :1])


def test_differences_that_are_equal_up_to_rounding_do_not_vary() -> None:
    found = statistics.over_images(np.array([0.3, 0.4, 0.5]) - np.array([0.2, 0.3, 0.4]))
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))
    assert found.p is None
