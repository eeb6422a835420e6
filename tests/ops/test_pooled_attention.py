"""The pooled attention's own gradient is that of its definition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ackd.ops import pooled_attention, pooled_attention_definition


def heads(patches: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    seeded = torch.Generator().manual_seed(seed)
    # As split_heads makes them: a transposed view.
    flat = torch.randn(2, patches, 3, 5, dtype=torch.float64, generator=seeded).to(dtype)
    return flat.transpose(1, 2).requires_grad_()


@pytest.mark.parametrize(("asking", "asked"), [(4, 4), (6, 3), (1, 1)])
def test_value_and_gradient_of_the_definition(asking: int, asked: int) -> None:
    pair = heads(asking, 0), heads(asked, 1)
    fast, slow = pooled_attention(*pair), pooled_attention_definition(*pair)
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-14)
    weights = torch.arange(fast.numel(), dtype=fast.dtype).reshape(fast.shape)
    found = torch.autograd.grad((fast.square() * weights).sum(), pair)
    wanted = torch.autograd.grad((slow.square() * weights).sum(), pair)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_numerical_gradient() -> None:
    assert torch.autograd.gradcheck(pooled_attention, (heads(4, 0), heads(3, 1)))


def test_only_what_is_trained_gets_a_gradient() -> None:
    queries, keys = heads(4, 0), heads(4, 1).detach()
    pooled_attention(queries, keys)[..., 0].sum().backward()
    assert queries.grad is not None
    assert keys.grad is None


def test_bfloat16_stays_bfloat16_under_autocast() -> None:
    queries, keys = heads(4, 0, torch.bfloat16), heads(4, 1, torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plan = pooled_attention(queries, keys)
    plan[..., 0].sum().backward()
    assert queries.grad is not None
    assert queries.grad.dtype == torch.bfloat16
    exact = pooled_attention_definition(queries.double(), keys.double())
    torch.testing.assert_close(plan.double(), exact, rtol=0.05, atol=0.01)


def test_a_second_derivative_is_refused() -> None:
    queries, keys = heads(4, 0), heads(4, 1)
    with pytest.raises(NotImplementedError, match="second derivative"):
        torch.autograd.grad(
            pooled_attention(queries, keys).square().sum(), queries, create_graph=True
        )
