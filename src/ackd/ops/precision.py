"""Keep the losses in float32 or better, whatever autocast and TF32 say.

Covariances, distances and divergences subtract large numbers that nearly agree. bfloat16 keeps 8
bits and TF32 11, so such a difference may be wrong in its first digit although every factor looks
fine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar, cast

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")
# torch 2.6 compiles neither `list | tuple` nor a type with parameters, also not in a cast.
_LISTS = (list, tuple)


def full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Run a loss without autocast, with float16 and bfloat16 tensors raised to float32.

    That holds for tensors among its arguments and for lists and tuples of tensors.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        device = _device_type((*args, *kwargs.values())) or "cpu"
        raised = tuple(_raise(a) for a in args)
        named = {name: _raise(a) for name, a in kwargs.items()}
        with torch.autocast(device_type=device, enabled=False):
            return cast("Callable[..., R]", function)(*raised, **named)

    return guarded


def exact_matmul(a: Tensor, b: Tensor) -> Tensor:
    """Multiply matrices without TF32, bfloat16 or autocast, in the backward pass too.

    A context around a product cannot do that: the backward pass runs after the context has ended.

    Args:
        a: (n, k) or (batch, n, k), floating point.
        b: (k, m) or (batch, k, m), of the same type.

    Returns:
        (n, m) or (batch, n, m).
    """
    return cast(Tensor, _exact_matmul(a, b))


@torch.library.custom_op("ackd::exact_matmul", mutates_args=())
def _exact_matmul(a: Tensor, b: Tensor) -> Tensor:
    with _ieee_float32(), torch.autocast(a.device.type, enabled=False):
        return torch.matmul(a, b)


@_exact_matmul.register_fake
def _(a: Tensor, b: Tensor) -> Tensor:
    return torch.matmul(a, b)


def _save_factors(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
    a, b = ctx.saved_tensors
    grad_a = exact_matmul(gradient, b.mT) if ctx.needs_input_grad[0] else None
    grad_b = exact_matmul(a.mT, gradient) if ctx.needs_input_grad[1] else None
    return grad_a, grad_b


_exact_matmul.register_autograd(_backward, setup_context=_save_factors)


def exact_gram(a: Tensor) -> Tensor:
    """Multiply a matrix with its own transpose, without TF32, bfloat16 or autocast.

    The same numbers as ``exact_matmul(a, a.mT)``. The backward pass is one product instead of
    two, because the gradients of both factors are added before they are multiplied.

    Args:
        a: (n, k) or (batch, n, k), floating point.

    Returns:
        (n, n) or (batch, n, n), symmetric.
    """
    return cast(Tensor, _exact_gram(a))


@torch.library.custom_op("ackd::exact_gram", mutates_args=())
def _exact_gram(a: Tensor) -> Tensor:
    with _ieee_float32(), torch.autocast(a.device.type, enabled=False):
        return torch.matmul(a, a.mT)


@_exact_gram.register_fake
def _(a: Tensor) -> Tensor:
    return torch.matmul(a, a.mT)


def _save_matrix(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _gram_backward(ctx: Any, gradient: Tensor) -> Tensor:
    (a,) = ctx.saved_tensors
    return exact_matmul(gradient + gradient.mT, a)


_exact_gram.register_autograd(_gram_backward, setup_context=_save_matrix)


@contextmanager
def _ieee_float32() -> Iterator[None]:
    if not hasattr(torch.backends.mkldnn, "matmul"):
        # Before torch 2.9 one setting governs every device.
        precision = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            torch.set_float32_matmul_precision(precision)
        return
    backends = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)
    before = [backend.fp32_precision for backend in backends]
    for backend in backends:
        backend.fp32_precision = "ieee"
    try:
        yield
    finally:
        for backend, precision in zip(backends, before, strict=True):
            backend.fp32_precision = precision


def _device_type(values: Iterable[object]) -> str | None:
    """Where the first tensor is; a plain loop, because torch 2.6 does not compile next()."""
    for value in values:
        if isinstance(value, Tensor):
            return value.device.type
        if isinstance(value, _LISTS):
            found = _device_type(value)
            if found is not None:
                return found
    return None


def _raise(value: object) -> object:
    if type(value) in (list, tuple):  # not a named tuple, which is made of its fields
        raised = [_raise(each) for each in cast("Iterable[object]", value)]
        return raised if isinstance(value, list) else tuple(raised)
    if isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16):
        return value.float()
    return value
