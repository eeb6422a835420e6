"""What the losses on features promise: relations, covariances, contrasts."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from ackd.losses import (
    coral,
    hyperbolic_relational_terms,
    info_nce,
    relational_angle,
    relational_distance,
    soft_target_info_nce,
)
from ackd.losses.poincare import ball_distance, to_ball
from tests.losses.catalogue import ON_FEATURES, both, draw


@pytest.mark.parametrize("name", ["distance", "angle"])
def test_relations_ignore_rotation_shift_and_scale(name: str) -> None:
    student, teacher = both()
    rotation, _ = torch.linalg.qr(draw(5, 5, seed=3))
    value = ON_FEATURES[name](student, teacher).item()
    moved = ON_FEATURES[name](3.5 * student @ rotation + 2.0, 0.1 * teacher - 4.0).item()
    assert value > 1e-3
    assert moved == pytest.approx(value, rel=1e-9)


def test_relations_compare_features_of_different_widths() -> None:
    student, teacher = draw(6, 5), draw(6, 9, seed=1)
    padded = torch.nn.functional.pad(student, (0, 4))
    for loss in (relational_distance, relational_angle):
        assert loss(student, teacher).item() == pytest.approx(loss(padded, teacher).item())


@pytest.mark.parametrize("block", [1, 2, 4, 5, 6, 99])
def test_blocks_of_angles_change_neither_value_nor_gradient(block: int) -> None:
    student, teacher = both()
    found = []
    for size in (None, block):
        leaf = student.clone().requires_grad_()
        value = relational_angle(leaf, teacher, block=size)
        value.backward()
        found.append((value.detach(), leaf.grad))
    (whole, whole_grad), (parts, parts_grad) = found
    assert torch.allclose(whole, parts, rtol=1e-13)
    assert whole_grad is not None
    assert parts_grad is not None
    assert torch.allclose(whole_grad, parts_grad, rtol=1e-12, atol=1e-15)


def test_angles_against_three_nested_loops() -> None:
    student, teacher = both()

    def cosine(x: Tensor, i: int, j: int, k: int) -> Tensor:
        if i in (j, k):
            return x.new_zeros(())
        return torch.cosine_similarity(x[j] - x[i], x[k] - x[i], dim=0)

    terms = [
        torch.nn.functional.smooth_l1_loss(cosine(student, i, j, k), cosine(teacher, i, j, k))
        for i in range(6)
        for j in range(6)
        for k in range(6)
    ]
    assert torch.allclose(relational_angle(student, teacher), torch.stack(terms).mean())


def test_coinciding_features_give_finite_values_and_gradients() -> None:
    student = torch.ones(4, 3, requires_grad=True)  # a student whose features have collapsed
    terms = hyperbolic_relational_terms(student, draw(4, 3).float())
    torch.stack(list(terms.values())).sum().backward()
    assert all(torch.isfinite(value) for value in terms.values())
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


def test_ball_distance_is_a_distance() -> None:
    points = to_ball(0.7 * draw(6, 5), 0.1)
    distance = ball_distance(points, points, 0.1)
    assert distance.diagonal().abs().max() == 0
    assert torch.allclose(distance, distance.mT)
    for middle in range(6):
        detour = distance[:, middle, None] + distance[None, middle]
        assert (distance <= detour + 1e-3).all()  # the authors' 1e-5 bends it a little
    assert to_ball(1e6 * draw(6, 5), 0.1).norm(dim=1).max() <= (1 - 1e-3) / 0.1**0.5 + 1e-12


@pytest.mark.parametrize("scaling", ["paper", "official", "deep_coral"])
@pytest.mark.parametrize("shape", [(5, 9, 7), (9, 5, 64), (40, 30, 6), (8, 8, 8)])
def test_coral_paths_agree(scaling: Any, shape: tuple[int, int, int]) -> None:
    rows_s, rows_t, width = shape
    found = []
    for path in ("gram", "direct", "auto"):
        source = draw(rows_s, width).requires_grad_()
        target = (1.3 * draw(rows_t, width, seed=5) + 2.0).requires_grad_()
        value = coral(source, target, scaling, path)  # type: ignore[arg-type]
        value.backward()
        assert source.grad is not None
        assert target.grad is not None
        found.append((value.detach(), source.grad, target.grad))
    for other in found[1:]:
        for expected, actual in zip(found[0], other, strict=True):
            assert torch.allclose(expected, actual, rtol=1e-9, atol=1e-14)


def test_coral_scalings_are_related_as_documented() -> None:
    source, target = draw(6, 9), draw(6, 9, seed=1)
    paper = coral(source, target, "paper")
    assert torch.allclose(coral(source, target, "deep_coral"), paper / 9)
    assert torch.allclose(coral(source, target, "official"), paper * (5 / 9) ** 2)


def test_coral_ignores_shift_and_rotation_of_both_sides() -> None:
    source, target = draw(7, 5), draw(9, 5, seed=1)
    rotation, _ = torch.linalg.qr(draw(5, 5, seed=3))
    value = coral(source, target)
    assert torch.allclose(coral(source @ rotation + 3, target @ rotation - 1), value)
    assert coral(source, source[torch.randperm(7)] + 5, path="gram").item() < 1e-12


def test_coral_is_never_below_zero_though_rounding_would_take_it_there() -> None:
    largest = 0.0
    for seed in range(20):
        source = 100 * draw(16, 512, seed=seed, dtype=torch.float32)
        mirrored = 2 * source.mean(dim=0) - source  # the same covariance, but for rounding
        value = coral(source, mirrored, path="gram").item()
        scale = coral(source, 0 * source, path="gram").item()
        assert 0 <= value <= 1e-5 * scale
        largest = max(largest, value)
    assert largest > 0  # so that rounding did play a part


def test_info_nce_of_equal_similarities_is_the_logarithm_of_the_batch() -> None:
    same = torch.ones(7, 3, dtype=torch.float64)
    assert info_nce(same, same, 5.0).item() == pytest.approx(torch.log(torch.tensor(7.0)).item())


def test_info_nce_is_symmetric_and_trains_its_scale() -> None:
    ms, rgb = both()
    assert info_nce(ms, rgb, 3.0).item() == pytest.approx(info_nce(rgb, ms, 3.0).item())
    scale = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda k: info_nce(ms, rgb, k), (scale,))
    assert info_nce(ms, ms, 100.0).item() < info_nce(ms, rgb, 100.0).item()


def test_soft_targets_use_the_temperature_on_logits_and_on_targets() -> None:
    ms, rgb = (0.3 * x for x in both())
    targets = torch.softmax((ms @ ms.mT + rgb @ rgb.mT), dim=1)  # temperature 2 over 2
    logits = rgb @ ms.mT / 2
    expected = 0.5 * (
        -(targets * logits.log_softmax(1)).sum(1).mean()
        - (targets.mT * logits.mT.log_softmax(1)).sum(1).mean()
    )
    assert torch.allclose(soft_target_info_nce(ms, rgb, 2.0), expected)
