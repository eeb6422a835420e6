"""The distance of two covariances by three products: value and gradient of its definition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ackd.ops import gram_distance, gram_distance_definition


def features(rows: int, shift: float = 0.0) -> Tensor:
    seeded = torch.Generator().manual_seed(rows)
    return (shift + torch.randn(rows, 7, dtype=torch.float64, generator=seeded)).requires_grad_()


@pytest.mark.parametrize("shift", [0.0, 30.0])
@pytest.mark.parametrize("scales", [(1.0, 1.0), (0.3, 2.0)])
def test_value_and_gradient_of_the_definition(shift: float, scales: tuple[float, float]) -> None:
    source, target = features(5, shift), features(4)
    fast = gram_distance(source, target, *scales)
    expected = gram_distance_definition(source, target, *scales)
    torch.testing.assert_close(fast, expected, rtol=1e-9, atol=1e-12)
    # Behind another operation, so that the incoming gradient is not 1.
    found = torch.autograd.grad(fast.sqrt(), (source, target))
    wanted = torch.autograd.grad(expected.sqrt(), (source, target))
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def test_numerical_gradient() -> None:
    assert torch.autograd.gradcheck(gram_distance, (features(5), features(4), 0.5, 0.7))


@pytest.mark.parametrize("side", [0, 1])
def test_a_constant_side_gets_no_gradient(side: int) -> None:
    pair = [features(5), features(4)]
    pair[side] = pair[side].detach()
    gram_distance(pair[0], pair[1]).backward()
    assert pair[side].grad is None
    learnt = pair[1 - side]
    (wanted,) = torch.autograd.grad(gram_distance_definition(pair[0], pair[1], 1.0, 1.0), learnt)
    torch.testing.assert_close(learnt.grad, wanted, rtol=1e-9, atol=1e-11)


def test_a_second_derivative_is_refused() -> None:
    source, target = features(5), features(4)
    with pytest.raises(NotImplementedError, match="path='direct'"):
        torch.autograd.grad(gram_distance(source, target), source, create_graph=True)


def test_inputs_stay_as_they_are() -> None:
    source, target = features(5).detach(), features(4).detach()
    before = source.clone(), target.clone()
    gram_distance(source, target, 2.0, 2.0)
    assert torch.equal(source, before[0])
    assert torch.equal(target, before[1])
