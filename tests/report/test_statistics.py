from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ackd.report.statistics import holm, over_images, over_seeds, spread


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
