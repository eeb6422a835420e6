"""The curriculum's epochs, random pairs, galleries and what is said of pairs."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from ackd.matching import (
    Gallery,
    distinct_teachers,
    mean_by_class,
    random_pairs,
    rematch_epochs,
    scale_epochs,
    share_changed,
    top_teacher_share,
)
from ackd.utils.networks import eval_mode

small = st.integers(0, 60)


@given(e0=small, delta=st.integers(1, 60), mu=small, count=st.integers(0, 12))
def test_gaps_start_at_delta_and_grow_by_mu(e0: int, delta: int, mu: int, count: int) -> None:
    epochs = rematch_epochs(e0, delta, mu, count)
    assert len(epochs) == count
    assert epochs[:1] == [e0][:count]
    gaps = [b - a for a, b in itertools.pairwise(epochs)]
    assert gaps == [delta + mu * i for i in range(len(gaps))]


def test_schedule_refuses_negative_numbers() -> None:
    with pytest.raises(ValueError, match="delta >= 0, but delta=-1"):
        rematch_epochs(30, -1, 5, 4)


@pytest.mark.parametrize(
    ("max_epochs", "expected"),
    [
        (200, [30, 60, 95, 135]),
        (400, [60, 120, 190, 270]),
        (100, [15, 30, 48, 68]),
        (10, [2, 3, 5, 7]),
        (2, [0, 1]),
        (1, [0]),
    ],
)
def test_scaled_schedules(max_epochs: int, expected: list[int]) -> None:
    assert scale_epochs([30, 60, 95, 135], max_epochs) == expected


@given(epochs=st.lists(st.integers(0, 400)), length=st.integers(1, 500))
def test_scaled_epochs_are_distinct_ascending_and_within_the_run(
    epochs: list[int], length: int
) -> None:
    scaled = scale_epochs(epochs, length)
    assert scaled == sorted(set(scaled))
    assert all(0 <= epoch < length for epoch in scaled)


def test_scaling_refuses_an_empty_run() -> None:
    with pytest.raises(ValueError, match="max_epochs=0"):
        scale_epochs([1], 0)


def test_random_pairs_are_seeded_uniform_and_in_class() -> None:
    cs, ct = torch.arange(3000) % 3, torch.arange(30) % 3
    pairs = random_pairs(cs, ct, seed=1)
    assert torch.equal(ct[pairs], cs)
    assert torch.equal(pairs, random_pairs(cs, ct, seed=1))
    assert share_changed(pairs, random_pairs(cs, ct, seed=2)) == pytest.approx(0.9, abs=0.03)
    assert torch.bincount(pairs, minlength=30).min() > 60, "100 expected"
    several = torch.stack([ct == 0, ct != 0, ct >= 0], dim=1)
    assert several[random_pairs(cs, several, seed=1), cs].all()
    with pytest.raises(ValueError, match="Class 7"):
        random_pairs(torch.tensor([7]), ct, seed=1)


def test_random_pairs_leave_the_global_stream_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    random_pairs(torch.zeros(5, dtype=torch.int64), torch.zeros(5, dtype=torch.int64), seed=3)
    assert torch.equal(torch.rand(3), expected)


def batches(order: list[int]) -> list[tuple[Tensor, Tensor, Tensor]]:
    index = torch.tensor(order)
    images = index.float()[:, None].repeat(1, 3)
    return [
        (images[i : i + 2], index[i : i + 2] % 2, index[i : i + 2]) for i in range(0, len(order), 2)
    ]


def test_a_gallery_holds_every_image_once_and_in_order() -> None:
    classes, index = torch.tensor([0, 1, 0]), torch.tensor([2, 5, 9])
    gallery = Gallery(torch.randn(3, 4), None, classes, index)
    assert len(gallery) == 3
    for wrong in ([2, 5, 5], [5, 2, 9]):
        with pytest.raises(ValueError, match=r"image . comes after 5; give every image once"):
            Gallery(None, None, classes, torch.tensor(wrong))
    with pytest.raises(ValueError, match="at least one image"):
        Gallery(None, None, classes[:0], index[:0])
    with pytest.raises(ValueError, match="logits has 2 for 3"):
        Gallery(None, torch.randn(2, 5), classes, index)


def test_eval_mode_gives_every_part_its_own_mode_back() -> None:
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Sequential(nn.Dropout()))
    net.train()
    net[0].eval()
    before = [part.training for part in net.modules()]
    with pytest.raises(RuntimeError, match="inside"), eval_mode(net):  # noqa: PT012
        assert not any(part.training for part in net.modules())
        raise RuntimeError("inside")
    assert [part.training for part in net.modules()] == before


def test_what_is_said_of_pairs() -> None:
    before, after = torch.tensor([0, 0, 0, 4]), torch.tensor([0, 1, 0, 2])
    assert share_changed(before, after) == 0.5
    assert distinct_teachers(before) == 2
    assert top_teacher_share(before) == 0.75
    means = mean_by_class(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 2]), 3)
    assert means[[0, 2]].tolist() == [2.0, 5.0]
    assert means[1].isnan()


def test_statistics_of_what_is_not_there() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    for statistic in (lambda: top_teacher_share(none), lambda: share_changed(none, none)):
        with pytest.raises(ValueError, match="no pairs"):
            statistic()
    with pytest.raises(ValueError, match="one length"):
        share_changed(torch.zeros(2), torch.zeros(3))
    with pytest.raises(ValueError, match=r"should lie in 0\.\.1"):
        mean_by_class(torch.zeros(2), torch.tensor([0, 2]), 2)
    with pytest.raises(ValueError, match="one value and one class"):
        mean_by_class(torch.zeros(2), torch.tensor([0]), 2)
