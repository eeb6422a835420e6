"""The noise floor of CORAL against the loss itself on samples of known distributions."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ackd.analysis import coral_noise_floor
from ackd.losses import coral


def means(
    rows: int, first: torch.Tensor, second: torch.Tensor, scaling: Any = "paper"
) -> tuple[float, float]:
    """Mean loss and mean floor over 400 pairs of Gaussian samples."""
    generator = torch.Generator().manual_seed(0)
    losses, floors = [], []
    for _ in range(400):
        x, y = (
            torch.randn(rows, len(root), generator=generator, dtype=torch.float64) @ root
            for root in (first, second)
        )
        losses.append(coral(x, y, scaling))
        floors.append(coral_noise_floor(x, y, scaling))
    return float(torch.stack(losses).mean()), float(torch.stack(floors).mean())


@pytest.mark.parametrize("scaling", ["paper", "deep_coral", "official"])
@pytest.mark.parametrize(("rows", "width"), [(12, 40), (40, 12)])
def test_samples_of_one_distribution_cost_the_floor(scaling: Any, rows: int, width: int) -> None:
    torch.manual_seed(1)
    root = torch.randn(width, width, dtype=torch.float64) / width**0.5
    loss, floor = means(rows, root, root, scaling)
    assert loss == pytest.approx(floor, rel=0.03)


def test_the_loss_less_the_floor_is_the_loss_of_the_true_covariances() -> None:
    torch.manual_seed(2)
    first, second = torch.randn(2, 10, 10, dtype=torch.float64) / 10**0.5
    true = (first.T @ first - second.T @ second).square().sum() / 40
    loss, floor = means(30, first, second)
    assert loss - floor == pytest.approx(float(true), rel=0.05)
    assert loss > 1.1 * float(true)


def test_independent_features_cost_d_over_two_b() -> None:
    """(d + 1) sigma^4 / (2 (B - 1)): about 8 at d = 2048, sigma = 1, B = 128."""
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(2, 128, 2048, generator=generator)
    floor = float(coral_noise_floor(x, y))
    assert floor == pytest.approx(2049 / 254, rel=0.02)
    assert float(coral(x, y)) == pytest.approx(floor, rel=0.02)
    assert float(coral_noise_floor(3 * x, 3 * y)) == pytest.approx(81 * floor, rel=1e-4)


def test_a_share_of_the_batch_tells_of_the_whole_batch() -> None:
    generator = torch.Generator().manual_seed(4)
    x, y = torch.randn(2, 256, 300, generator=generator, dtype=torch.float64)
    for scaling in ("paper", "official"):
        whole = float(coral_noise_floor(x, y, scaling))  # type: ignore[arg-type]
        share = float(coral_noise_floor(x[:64], y[:64], scaling, rows=256))  # type: ignore[arg-type]
        assert share == pytest.approx(whole, rel=0.05)


def test_no_gradient_and_no_sense_without_three_rows() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    assert not coral_noise_floor(x, x).requires_grad
    with pytest.raises(ValueError, match="three rows"):
        coral_noise_floor(x[:2], x)
    with pytest.raises(ValueError, match="one width"):
        coral_noise_floor(x, x[:, :2])
