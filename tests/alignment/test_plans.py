"""What the plans promise, whatever the weights."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ackd.alignment import (
    Planner,
    apply_plan,
    coupling_plan,
    cross_plans,
    energy_scale,
    patch_epsilon,
    plan_epsilon,
    planner_intermediates,
    pooled_plan,
)
from ackd.errors import ConfigError

sizes = st.integers(1, 7)


def planner(dim: int = 8, heads: int = 4, seed: int = 0) -> Planner:
    torch.manual_seed(seed)
    return Planner(dim, heads).double()


def patches(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


@settings(max_examples=25, deadline=None)
@given(n_t=sizes, n_s=sizes, seed=st.integers(0, 1000))
def test_plan_weights_sum_to_n_t_over_n_s(n_t: int, n_s: int, seed: int) -> None:
    pooled_t = planner(seed=seed)(patches(2, n_t, 8, seed=seed))
    pooled_s = planner(seed=seed + 1)(patches(2, n_s, 8, seed=seed + 1))
    cross_t, cross_s = cross_plans(
        pooled_t, pooled_s, plan_epsilon(pooled_t), plan_epsilon(pooled_s)
    )
    torch.testing.assert_close(cross_t.sum(-1), torch.full((2, 4), n_t / n_s).double())
    torch.testing.assert_close(cross_s.sum(-1), torch.full((2, 4), n_s / n_t).double())
    # The reduction: nothing of the student is left in the teacher's plan.
    torch.testing.assert_close(cross_t, pooled_t * n_t / n_s)


@settings(max_examples=25, deadline=None)
@given(n_t=sizes, n_s=sizes, seed=st.integers(0, 1000))
def test_coupling_weights_sum_to_n(n_t: int, n_s: int, seed: int) -> None:
    q_s, _ = planner(seed=seed).project(patches(2, n_s, 8, seed=seed))
    _, k_t = planner(seed=seed + 1).project(patches(2, n_t, 8, seed=seed + 1))
    plan = coupling_plan(q_s, k_t)
    assert plan.shape == (2, 4, n_t)
    torch.testing.assert_close(plan.sum(-1), torch.full((2, 4), float(n_t)).double())


def test_patch_epsilon_is_the_detached_mean_and_never_zero() -> None:
    z = torch.stack([patches(4, 6) + 1, torch.zeros(4, 6).double(), patches(4, 6) - 3])
    epsilon = patch_epsilon(z.requires_grad_())
    assert not epsilon.requires_grad
    torch.testing.assert_close(epsilon[[0, 2], 0, 0], z.detach().mean(dim=(1, 2))[[0, 2]])
    assert epsilon[1] > 0
    assert epsilon[2] < 0


def test_patch_normaliser_divides_the_literal_outer_product() -> None:
    z_t, z_s = patches(2, 5, 8) + 2, patches(2, 3, 8, seed=2) + 2
    pooled_t, pooled_s = planner()(z_t), planner(seed=3)(z_s)
    outer = pooled_s[..., :, None] * pooled_t[..., None, :]
    cross_t, cross_s = cross_plans(pooled_t, pooled_s, patch_epsilon(z_t), patch_epsilon(z_s))
    mean_t = z_t.mean(dim=(1, 2))[:, None, None]
    torch.testing.assert_close(cross_t, outer.mean(-2) / mean_t)
    torch.testing.assert_close(cross_s, outer.mean(-1) / z_s.mean(dim=(1, 2))[:, None, None])


def test_energy_scale_cancels_a_constant_factor_and_keeps_the_energy() -> None:
    z = patches(3, 5, 8) + 1
    weighted = apply_plan(planner()(z), z)
    first = energy_scale(z, weighted) * weighted
    second = energy_scale(z, 7 * weighted) * 7 * weighted
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(first.mean(1).square().sum(-1), z.mean(1).square().sum(-1))


def test_energy_scale_of_dead_patches_has_a_finite_gradient() -> None:
    z = torch.zeros(2, 4, 8, requires_grad=True)
    weighted = 0.5 * z
    (energy_scale(z, weighted) * weighted).sum().backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()


def test_heads_take_consecutive_channels() -> None:
    """With weights that read only the first head's channels, the other head is uniform."""
    w = torch.zeros(8, 8, dtype=torch.float64)
    w[:4, :4] = torch.eye(4)
    pooled = pooled_plan(3 * patches(1, 6, 8), w, w, heads=2)
    torch.testing.assert_close(pooled[0, 1], torch.full((6,), 1 / 6).double())
    assert (pooled[0, 0] - 1 / 6).abs().max() > 0.05


def test_planner_is_the_pure_function() -> None:
    module, z = planner(), patches(2, 6, 8)
    assert module.query.weight.shape == module.key.weight.shape == (8, 8)
    assert sum(p.numel() for p in module.parameters()) == 2 * 8 * 8
    expected = pooled_plan(z, module.query.weight, module.key.weight, heads=4)
    torch.testing.assert_close(module(z), expected)


def test_a_narrower_planner() -> None:
    module = Planner(8, 2, inner_dim=4).double()
    z = patches(2, 6, 8)
    expected = pooled_plan(z, module.query.weight, module.key.weight, heads=2)
    assert module(z).shape == (2, 2, 6)
    torch.testing.assert_close(module(z), expected)
    with pytest.raises(ConfigError, match=r"4 channels into 3.*planner\.dim=4.*fit: 1, 2, 4\."):
        Planner(8, 3, inner_dim=4)


def test_gradcheck_of_both_readings() -> None:
    ws = [
        p.detach().requires_grad_()
        for m in (planner(4, 2), planner(4, 2, 1))
        for p in m.parameters()
    ]
    z_t, z_s = patches(2, 3, 4).requires_grad_(), patches(2, 3, 4, seed=5).requires_grad_()

    def intra(z_t: Tensor, z_s: Tensor, *w: Tensor) -> tuple[Tensor, Tensor]:
        steps = planner_intermediates(z_t, z_s, *w, heads=2)
        return steps["D_T"], steps["D_S"]

    assert torch.autograd.gradcheck(intra, (z_t, z_s, *ws))


def test_wrong_heads() -> None:
    with pytest.raises(ConfigError, match=r"10 channels into 4.*1, 2, 5, 10"):
        Planner(10, 4)
    with pytest.raises(ValueError, match="divisor"):
        pooled_plan(patches(1, 2, 6), torch.eye(6).double(), torch.eye(6).double(), heads=4)
