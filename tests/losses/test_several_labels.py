"""Teachers of several labels: what their logits say to a student of single labels."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd import gradcheck

from ackd.losses import READINGS_OF_TEACHER_LOGITS, drawn_label_logits
from tests.losses.catalogue import ON_LOGITS, both, draw


def by_enumeration(logits: Tensor, weigh: Callable[[Tensor], Tensor]) -> Tensor:
    """The mean of ``weigh(labels)`` over all 2^C label sets, independent labels; rows sum to 1."""
    present = torch.sigmoid(logits)
    total = torch.zeros_like(logits)
    for chosen in itertools.product((0.0, 1.0), repeat=logits.shape[1]):
        labels = logits.new_tensor(chosen)
        chance = torch.where(labels > 0, present, 1 - present).prod(dim=1, keepdim=True)
        total += chance * weigh(labels)
    return total / total.sum(dim=1, keepdim=True)


def drawn_evenly(labels: Tensor) -> Tensor:
    return labels / labels.sum().clamp_min(1)


def only_one(labels: Tensor) -> Tensor:
    return labels * float(labels.sum() == 1)


@settings(max_examples=25, deadline=None)
@given(
    classes=st.integers(2, 7),
    seed=st.integers(0, 10_000),
    scale=st.floats(0.1, 5),
    shift=st.floats(-4, 4),
)
def test_both_readings_against_every_set_of_labels(
    classes: int, seed: int, scale: float, shift: float
) -> None:
    logits = scale * draw(3, classes, seed=seed) + shift
    drawn = drawn_label_logits(logits).exp()
    torch.testing.assert_close(drawn, by_enumeration(logits, drawn_evenly), rtol=1e-10, atol=1e-14)
    # What "raw" amounts to: the class, given that there is exactly one.
    raw = torch.softmax(READINGS_OF_TEACHER_LOGITS["raw"](logits), dim=1)
    torch.testing.assert_close(raw, by_enumeration(logits, only_one), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("classes", [43, 44])
def test_many_classes_against_the_number_of_other_labels(classes: int) -> None:
    logits = 2 * draw(1, classes, seed=4) - 1
    present = torch.sigmoid(logits[0])
    expected = []
    for chosen in range(classes):
        counts = logits.new_ones(1)  # chances of 0, 1, ... labels among the others
        for other in range(classes):
            if other != chosen:
                absent = torch.cat([counts * (1 - present[other]), counts.new_zeros(1)])
                absent[1:] += counts * present[other]
                counts = absent
        share = 1 / torch.arange(1, len(counts) + 1, dtype=counts.dtype)
        expected.append(present[chosen] * (counts * share).sum())
    found = drawn_label_logits(logits)[0].exp()
    reference = torch.stack(expected)
    torch.testing.assert_close(found, reference / reference.sum(), rtol=1e-11, atol=0)


def test_gradient_agrees_with_finite_differences() -> None:
    assert gradcheck(drawn_label_logits, (2 * draw(4, 5).requires_grad_(),))


def test_it_is_a_distribution_and_keeps_the_order_of_the_classes() -> None:
    logits = 3 * draw(50, 9)
    found = drawn_label_logits(logits)
    assert torch.allclose(found.exp().sum(dim=1), torch.ones(50, dtype=found.dtype))
    assert torch.equal(found.argsort(dim=1), logits.argsort(dim=1))
    order = torch.tensor([3, 0, 8, 2, 1, 7, 5, 4, 6])
    torch.testing.assert_close(drawn_label_logits(logits[:, order]), found[:, order])


def test_sure_labels_share_evenly_where_softmax_prefers_the_surest() -> None:
    logits = torch.tensor([[9.0, 14.0, -20.0, -20.0]], dtype=torch.float64)
    found = drawn_label_logits(logits).exp()[0]
    assert found[:2].tolist() == pytest.approx([0.5, 0.5], abs=1e-4)
    assert torch.softmax(logits, dim=1)[0, 1] > 0.99


def test_both_readings_agree_where_labels_are_rare() -> None:
    logits = draw(5, 6) - 25
    torch.testing.assert_close(
        drawn_label_logits(logits), torch.log_softmax(logits, dim=1), rtol=0, atol=1e-8
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_stay_finite(dtype: torch.dtype) -> None:
    rows = [[1e4, -1e4, 0.0], [1e4, 1e4, 1e4], [-1e4, -1e4, -1e4], [0.0, 0.0, 0.0]]
    logits = torch.tensor(rows, dtype=dtype, requires_grad=True)
    found = drawn_label_logits(logits)
    assert found.dtype == dtype
    assert torch.isfinite(found).all()
    third = [pytest.approx(1 / 3, rel=1e-5)] * 3
    assert all(row == third for row in found[1:].exp().tolist())
    assert found[0].exp().tolist() == pytest.approx([0.75, 0.0, 0.25], abs=1e-6)
    found.exp().square().sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_half_precision_is_raised() -> None:
    logits = (2 * draw(6, 5)).to(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = drawn_label_logits(logits)
    assert found.dtype == torch.float32
    assert torch.equal(found, drawn_label_logits(logits.float()))


@pytest.mark.parametrize("name", ON_LOGITS)
def test_every_loss_on_logits_takes_it_and_is_zero_where_the_student_says_the_same(
    name: str,
) -> None:
    student, teacher = both()
    target = drawn_label_logits(teacher)
    leaf = student.requires_grad_()
    value = ON_LOGITS[name](leaf, target)
    value.backward()
    assert value.item() > 0
    assert leaf.grad is not None
    assert torch.isfinite(leaf.grad).all()
    assert value.item() != pytest.approx(ON_LOGITS[name](leaf, teacher).item(), rel=1e-3)
    assert abs(ON_LOGITS[name](target.clone(), target).item()) < 1e-12


def test_what_has_no_labels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"logits must have the shape \(B, C\)"):
        drawn_label_logits(torch.zeros(3))
    with pytest.raises(ValueError, match="at least two classes"):
        drawn_label_logits(torch.zeros(3, 1))
    with pytest.raises(ValueError, match="holds no image"):
        drawn_label_logits(torch.zeros(0, 3))
    with pytest.raises(TypeError, match=r"floating-point numbers, but it holds torch\.int64"):
        drawn_label_logits(torch.zeros(3, 2, dtype=torch.int64))
