"""How large CORAL is on two samples of one and the same distribution."""

from __future__ import annotations

import torch
from torch import Tensor

from ackd.losses.coral import CoralScaling
from ackd.ops.precision import exact_matmul, full_precision

__all__ = ["coral_noise_floor"]


@torch.no_grad()
def coral_noise_floor(
    source: Tensor, target: Tensor, scaling: CoralScaling = "paper", rows: int | None = None
) -> Tensor:
    """Estimate what sampling alone adds to CORAL, the value that alignment cannot go below.

    The covariance C of B independent Gaussian rows with the true covariance S misses it by
    E|C - S|^2 = (|S|^2 + tr(S)^2) / (B - 1). The expected CORAL of two samples is therefore that of
    their true covariances plus

        [ (|S_1|^2 + tr(S_1)^2) / (B_1 - 1) + (|S_2|^2 + tr(S_2)^2) / (B_2 - 1) ] / (4 d)

    which for d independent features of variance s^2 on both sides is (d + 1) s^4 / (2 (B - 1)).
    |S|^2 and tr(S)^2 are estimated without bias from the samples, so on Gaussian rows the
    expectation of CORAL minus this floor is exactly CORAL of the true covariances. Features with
    heavier tails have a higher floor; rows that depend on each other (patches of one image) too.

    Args:
        source: (B_1, d) samples, B_1 >= 3.
        target: (B_2, d) samples, B_2 >= 3.
        scaling: That of the loss, see :func:`ackd.losses.coral`.
        rows: Rows a side that the loss itself sees, where that are more than are given here (the
            batch of all ranks); None for B_1 and B_2.

    Returns:
        A scalar >= 0 without gradient, in the unit of the loss. No (d, d) matrix is made where
        there are fewer rows than features.

    Raises:
        ValueError: Widths differ, or a side has fewer than three rows.
    """
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1]:
        raise ValueError(
            "source and target must be (B, d) of one width, but their shapes are "
            f"{tuple(source.shape)} and {tuple(target.shape)}."
        )
    if min(len(source), len(target)) < 3:
        raise ValueError(
            f"The noise of a covariance can be told from three rows on, but there are "
            f"{len(source)} and {len(target)}."
        )
    noise = source.new_zeros((), dtype=torch.promote_types(source.dtype, torch.float32))
    for side in (source, target):
        freedom = (rows or len(side)) - 1
        per_side = _spread(side) / freedom
        noise = noise + (per_side * freedom**2 if scaling == "official" else per_side)
    width = float(source.shape[1])
    power = {"paper": 1, "deep_coral": 2, "official": 3}[scaling]
    return noise / (4.0 * width**power)


@full_precision
def _spread(x: Tensor) -> Tensor:
    """Estimate |S|^2 + tr(S)^2 of the true covariance S without bias, for Gaussian rows."""
    n = len(x) - 1
    centred = x - x.mean(dim=0)
    wide = len(x) < x.shape[1]
    # The sample covariance C and the smaller of the two products have |.|^2 and trace in common.
    product = exact_matmul(centred, centred.mT) if wide else exact_matmul(centred.mT, centred)
    product = product / n
    squared, trace = product.square().sum(), product.diagonal().sum() ** 2
    # E|C|^2 = |S|^2 (1 + 1/n) + tr(S)^2 / n and E tr(C)^2 = tr(S)^2 + 2 |S|^2 / n, solved for both.
    true_squared = (squared - trace / n) * n**2 / ((n + 2) * (n - 1))
    true_trace = trace - 2 * true_squared / n
    return (true_squared + true_trace).clamp_min(0.0)
