"""Transport cost and mutual information against two independent libraries' numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from ackd.analysis import mutual_information, nearest_distance, wasserstein2
from tests.golden import F64, Golden, assert_close


@pytest.fixture(scope="module")
def numbers(golden: Callable[[str], Golden]) -> Golden:
    return golden("13_wasserstein_mi")


@pytest.mark.parametrize("name", ["w00", "w01", "w02", "w03", "w04", "w05"])
def test_wasserstein2(numbers: Golden, name: str) -> None:
    case = numbers.case(name)
    x = case.inputs()
    distance = wasserstein2(x["x"], x["y"])
    assert_close(distance, case.get("W2_sqrt"), **F64)
    assert_close(distance**2, case.get("W2sq_emd2_sqeuclidean"), **F64)


@pytest.mark.parametrize("name", ["w00", "w01", "w03", "w04", "w05"])
def test_wasserstein2_of_single_features(numbers: Golden, name: str) -> None:
    """In one dimension sorting gives the plan: a second way to the same number."""
    case = numbers.case(name)
    x = case.inputs()
    found = [wasserstein2(x["x"][:, [k]], x["y"][:, [k]]) ** 2 for k in range(x["x"].shape[1])]
    assert_close(np.array(found), case.get("wasserstein1d_p2_pow2_per_dim"), **F64)


@pytest.mark.parametrize("name", ["w00", "w01", "w02", "w03", "w04", "w05"])
def test_nearest_distance(numbers: Golden, name: str) -> None:
    case = numbers.case(name)
    x = case.inputs()
    total = len(x["x"]) * nearest_distance(x["x"], x["y"]) ** 2
    assert_close(total, case.get("paper_eq3_nearest_teacher_sum"), **F64)


@pytest.mark.parametrize("name", ["m00", "m01", "m02", "m03", "m04"])
def test_mutual_information(numbers: Golden, name: str) -> None:
    case = numbers.case(name)
    a, b = case.get("in.A"), case.get("in.B")
    nats = mutual_information(a, b)
    assert_close(nats, case.get("nats.MI"), rtol=1e-9, atol=1e-10)
    assert_close(nats / math.log(2), case.get("bits.MI"), rtol=1e-9, atol=1e-10)
    # What an image knows of itself is its entropy, and H_AB = H_A + H_B - MI.
    entropy = {side: mutual_information(x, x) for side, x in (("A", a), ("B", b))}
    for unit, factor in (("nats", 1.0), ("bits", 1 / math.log(2))):
        for side, value in entropy.items():
            assert_close(factor * value, case.get(f"{unit}.H_{side}"), rtol=1e-9, atol=1e-10)
        joint = factor * (entropy["A"] + entropy["B"] - nats)
        assert_close(joint, case.get(f"{unit}.H_AB"), rtol=1e-9, atol=1e-10)
    for channel, expected in enumerate(case.get("nats.MI_per_channel")):
        alone = mutual_information(a[..., channel], b[..., channel])
        assert_close(alone, expected, rtol=1e-9, atol=1e-10)
