"""Products that ignore autocast and TF32, in the backward pass too."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from ackd.ops import exact_gram, exact_matmul
from tests.losses.catalogue import draw


def precision() -> str:
    """How float32 matrices are multiplied at this moment."""
    if hasattr(torch.backends.mkldnn, "matmul"):
        return str(torch.backends.cuda.matmul.fp32_precision)
    # Before torch 2.9 one setting governs every device.
    return "ieee" if torch.get_float32_matmul_precision() == "highest" else "tf32"


def test_exact_matmul_ignores_a_lower_matmul_precision_and_leaves_it_set() -> None:
    a, b = draw(256, 512, dtype=torch.float32), draw(512, 256, seed=1, dtype=torch.float32)
    expected, before = a @ b, torch.get_float32_matmul_precision()
    seen: list[str] = []
    original = torch.matmul

    def watching(*args: Tensor) -> Tensor:
        seen.append(precision())
        return original(*args)

    try:
        torch.set_float32_matmul_precision("medium")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "matmul", watching)
            a.requires_grad_()
            found = exact_matmul(a, b)
            found.sum().backward()
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    assert torch.equal(found, expected)
    assert seen == ["ieee", "ieee"]  # forward and backward


def test_exact_matmul_is_differentiable_in_batches_and_twice() -> None:
    a, b = draw(3, 4, 2).requires_grad_(), draw(3, 2, 5, seed=1).requires_grad_()
    assert gradcheck(exact_matmul, (a, b))
    assert torch.autograd.gradgradcheck(exact_matmul, (a, b))


@pytest.mark.parametrize("shape", [(5, 3), (3, 7), (2, 4, 3)])
def test_exact_gram_is_the_product_with_the_transpose(shape: tuple[int, ...]) -> None:
    x = draw(*shape)
    one, two = x.clone().requires_grad_(), x.clone().requires_grad_()
    weights = draw(*shape[:-1], shape[-2], seed=1)  # not symmetric
    fast, slow = exact_gram(one), exact_matmul(two, two.mT)
    assert torch.equal(fast, slow)
    (fast * weights).sum().backward()
    (slow * weights).sum().backward()
    torch.testing.assert_close(one.grad, two.grad)
    assert gradcheck(exact_gram, (x.requires_grad_(),))
    assert torch.autograd.gradgradcheck(exact_gram, (x,))


def test_exact_gram_ignores_autocast_and_a_lower_matmul_precision() -> None:
    before = torch.get_float32_matmul_precision()
    seen: list[str] = []
    original = torch.matmul

    def watching(*args: Tensor) -> Tensor:
        seen.append(precision())
        return original(*args)

    a = draw(16, 512, dtype=torch.float32).requires_grad_()
    expected = a.detach() @ a.detach().T
    try:
        torch.set_float32_matmul_precision("medium")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "matmul", watching)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                found = exact_gram(a)
            found.sum().backward()
    finally:
        torch.set_float32_matmul_precision(before)
    assert torch.equal(found, expected)
    assert seen == ["ieee", "ieee"]  # forward and backward
