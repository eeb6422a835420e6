"""What each paper says its loss does not see, and what it comes down to, on drawn inputs."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from ackd.losses import (
    coral,
    curriculum_temperature,
    curriculum_temperature_kd,
    decoupled_kd_terms,
    hyperbolic_relational_kd,
    info_nce,
    info_nce_terms,
    kd_divergence,
    logit_mse,
    relational_angle,
    relational_distance,
    soft_target_info_nce,
    standardized_kd,
)
from tests.losses.catalogue import draw

seeds = st.integers(0, 100_000)
rows, widths = st.integers(3, 9), st.integers(2, 9)
few = settings(max_examples=15, deadline=None)


def pair(seed: int, count: int, width: int) -> tuple[Tensor, Tensor]:
    return draw(count, width, seed=seed), 2 * draw(count, width, seed=seed + 1)


def rotation(width: int, seed: int) -> Tensor:
    return torch.linalg.qr(draw(width, width, seed=seed + 2))[0]


def close(found: Tensor, expected: Tensor, rtol: float = 1e-8) -> None:
    torch.testing.assert_close(found, expected, rtol=rtol, atol=1e-12)


@few
@given(seed=seeds, count=rows, width=widths, size=st.floats(0.01, 100))
def test_relations_see_neither_place_nor_size_nor_direction(
    seed: int, count: int, width: int, size: float
) -> None:
    student, teacher = pair(seed, count, width)
    moved = size * student @ rotation(width, seed) + draw(width, seed=seed + 3)
    for loss in (relational_distance, relational_angle):
        close(loss(moved, teacher), loss(student, teacher), rtol=1e-6)
        close(loss(student, moved), torch.zeros((), dtype=torch.float64))


@few
@given(seed=seeds, count=rows, width=widths)
def test_hyperbolic_relations_see_no_common_rotation(seed: int, count: int, width: int) -> None:
    student, teacher = pair(seed, count, width)
    turn = rotation(width, seed)
    value = hyperbolic_relational_kd(student, teacher)
    close(hyperbolic_relational_kd(student @ turn, teacher @ turn), value, rtol=1e-6)


def test_hyperbolic_relations_are_nothing_at_equality() -> None:
    student = draw(6, 5).requires_grad_()
    value = hyperbolic_relational_kd(student, student.detach().clone())
    value.backward()
    assert value.item() < 1e-12
    assert student.grad is not None
    assert student.grad.abs().max() < 1e-8


@few
@given(seed=seeds, count=rows, width=widths)
def test_standardised_logits_see_no_affine_map_of_any_row(
    seed: int, count: int, width: int
) -> None:
    student, teacher = pair(seed, count, width)
    size = draw(count, 1, seed=seed + 4).abs() + 0.5
    shift = 10 * draw(count, 1, seed=seed + 5)
    value = standardized_kd(student, teacher, 2.0)
    close(standardized_kd(size * student + shift, teacher, 2.0), value, rtol=1e-4)
    close(standardized_kd(student, size * teacher + shift, 2.0), value, rtol=1e-4)
    mapped = standardized_kd(student, size * student + shift, 2.0)
    assert mapped.item() < 1e-9  # the added 1e-7 is all that is left


@few
@given(seed=seeds, count=rows, classes=st.integers(3, 9), temperature=st.floats(0.5, 8))
def test_the_decoupled_parts_are_the_plain_divergence_of_every_image(
    seed: int, count: int, classes: int, temperature: float
) -> None:
    """KL = TCKD + (1 - P_y) NCKD, eq 6 of Zhao et al."""
    student, teacher = pair(seed, count, classes)
    target = torch.arange(count) % classes
    p_target = torch.softmax(teacher / temperature, dim=1)[torch.arange(count), target]
    total = torch.zeros((), dtype=torch.float64)
    for image in range(count):
        one = slice(image, image + 1)
        terms = decoupled_kd_terms(student[one], teacher[one], target[one], temperature)
        total += terms["tckd"] + (1 - p_target[image]) * terms["nckd"]
    close(total / count, kd_divergence(student, teacher, temperature))


@few
@given(seed=seeds, count=rows, classes=widths)
def test_hot_distillation_is_the_regression_of_centred_logits(
    seed: int, count: int, classes: int
) -> None:
    """T^2 KL tends to |s - t|^2 / (2 C) of logits of mean zero (Hinton et al., section 2.1)."""
    student, teacher = (x - x.mean(dim=1, keepdim=True) for x in pair(seed, count, classes))
    hot = kd_divergence(student, teacher, 1e3)
    torch.testing.assert_close(hot, logit_mse(student, teacher) / 2, rtol=0.02, atol=1e-6)


@few
@given(seed=seeds, theta=st.floats(-5, 5))
def test_a_learnt_temperature_is_the_plain_divergence_at_it(seed: int, theta: float) -> None:
    student, teacher = pair(seed, 5, 4)
    parameter = torch.tensor(theta, dtype=torch.float64)
    temperature = curriculum_temperature(parameter, -1.0).item()
    assert 1 < temperature < 21
    for scale in (True, False):
        found = curriculum_temperature_kd(student, teacher, parameter, -1.0, scale_by_t2=scale)
        close(found, kd_divergence(student, teacher, temperature, scale_by_t2=scale))


@few
@given(seed=seeds, source=rows, target=rows, width=widths)
def test_covariances_see_neither_place_nor_order_nor_a_common_rotation(
    seed: int, source: int, target: int, width: int
) -> None:
    x, y = draw(source, width, seed=seed), 2 * draw(target, width, seed=seed + 1)
    turn = rotation(width, seed)
    for path in ("gram", "direct"):
        value = coral(x, y, path=path)  # type: ignore[arg-type]
        moved = coral((x @ turn).flip(0) + 5, y @ turn - 3, path=path)  # type: ignore[arg-type]
        close(moved, value, rtol=1e-7)
        close(coral(y, x, path=path), value)  # type: ignore[arg-type]
        # In the fourth power of the size, as variances are squared once more.
        close(coral(3 * x, 3 * y, path=path), 81 * value)  # type: ignore[arg-type]


@few
@given(seed=seeds, count=rows, width=widths, scale=st.floats(0.1, 20))
def test_contrasts_see_a_common_rotation_as_little_as_the_order_of_the_pairs(
    seed: int, count: int, width: int, scale: float
) -> None:
    ms, rgb = (F.normalize(x, dim=1) for x in pair(seed, count, width))
    turn, order = rotation(width, seed), torch.arange(count).roll(1)
    value = info_nce(ms, rgb, scale)
    close(info_nce((ms @ turn)[order], (rgb @ turn)[order], scale), value)
    soft = soft_target_info_nce(ms, rgb, scale)
    close(soft_target_info_nce((ms @ turn)[order], (rgb @ turn)[order], scale), soft)
    terms, swapped = info_nce_terms(ms, rgb, scale), info_nce_terms(rgb, ms, scale)
    close(terms["ms_to_rgb"], swapped["rgb_to_ms"])
    # Pairs that are equal and sharply told apart cost nothing; taken wrongly, they cost the scale.
    own = torch.eye(count, dtype=torch.float64)
    assert info_nce(own, own, 50.0).item() < 1e-9
    assert info_nce(own, own[order], 50.0).item() == pytest.approx(50.0)
