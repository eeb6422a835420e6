"""What the losses on logits promise beside the reference numbers."""

from __future__ import annotations

import math

import pytest
import torch

from ackd.losses import (
    cosine_decay,
    curriculum_temperature_kd,
    decoupled_kd,
    decoupled_kd_terms,
    kd_divergence,
    standardize_logits,
    standardized_kd,
)
from tests.losses.catalogue import both, draw


def test_standardised_distillation_ignores_the_size_of_logits() -> None:
    student, teacher = both()
    value = standardized_kd(student, teacher, 2.0).item()
    assert standardized_kd(50 * student - 1, teacher, 2.0).item() == pytest.approx(value, rel=1e-5)
    found = standardize_logits(student)
    assert torch.allclose(found.mean(dim=1), torch.zeros(6, dtype=found.dtype), atol=1e-12)
    assert torch.allclose(found.std(dim=1), torch.ones(6, dtype=found.dtype), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("constant", [0.0, 0.1, -1e4, 1e-30])
def test_a_constant_row_has_a_finite_gradient(constant: float, dtype: torch.dtype) -> None:
    student, teacher = both(dtype=dtype)
    student[2] = constant
    student.requires_grad_()
    standardized_kd(student, teacher, 2.0).backward()
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()
    assert student.grad[2].abs().max() == 0
    assert student.grad[[0, 1, 3, 4, 5]].abs().min() > 0
    assert standardize_logits(student)[2].abs().max() == 0


def test_a_row_too_small_to_have_a_variance_has_a_finite_gradient() -> None:
    logits = torch.tensor([[0.0, 1e-30, 0.0]], requires_grad=True)  # its variance underflows
    standardize_logits(logits).square().sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_decoupled_parts_recombine_to_the_plain_divergence() -> None:
    # KL = TCKD + (1 - P_y) NCKD (eq 6 of Zhao et al.), for one image.
    student, teacher = draw(1, 5), 2 * draw(1, 5, seed=9)
    terms = decoupled_kd_terms(student, teacher, torch.tensor([2]), 4.0)
    p_target = torch.softmax(teacher / 4.0, dim=1)[0, 2]
    whole = kd_divergence(student, teacher, 4.0)
    assert torch.allclose(terms["tckd"] + (1 - p_target) * terms["nckd"], whole)


def test_decoupled_survives_cold_temperatures_and_confident_logits() -> None:
    student = torch.tensor([[200.0, -200.0, 0.0]], requires_grad=True)
    teacher = torch.tensor([[-200.0, 200.0, 0.0]])
    value = decoupled_kd(student, teacher, torch.tensor([0]), 1.0, 8.0, 0.05)
    value.backward()
    assert torch.isfinite(value)
    assert student.grad is not None
    assert torch.isfinite(student.grad).all()


def test_two_classes_leave_nothing_to_the_other_classes() -> None:
    terms = decoupled_kd_terms(draw(3, 2), draw(3, 2, seed=1), torch.tensor([0, 1, 1]), 2.0)
    assert terms["nckd"].item() == 0
    assert terms["tckd"].item() > 0


def test_reversal_scales_the_gradient_of_theta_and_nothing_else() -> None:
    student, teacher = both()
    found = []
    for strength in (0.0, -0.3, -1.0):
        theta = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
        leaf = student.clone().requires_grad_()
        value = curriculum_temperature_kd(leaf, teacher, theta, strength)
        value.backward()
        assert leaf.grad is not None
        assert theta.grad is not None
        found.append((value.item(), leaf.grad, theta.grad.item()))
    assert found[0][0] == found[1][0] == found[2][0]
    assert torch.equal(found[0][1], found[2][1])
    assert found[0][2] == 0
    assert found[1][2] == pytest.approx(0.3 * found[2][2])
    # The reversed gradient points against the true one, which finite differences give.
    step = 1e-6
    values = [
        kd_divergence(student, teacher, 1 + 20 / (1 + math.exp(-x)))
        for x in (0.4 - step, 0.4 + step)
    ]
    slope = (values[1] - values[0]).item() / (2 * step)
    assert found[2][2] == pytest.approx(-slope, rel=1e-3)


def test_cosine_decay_falls_monotonically_between_its_ends() -> None:
    values = [cosine_decay(epoch, 0.0, -1.0, 10) for epoch in range(-3, 15)]
    assert values == sorted(values, reverse=True)
    assert values[0] == 0.0
    assert values[-1] == -1.0
    assert cosine_decay(5, 0.0, -1.0, 10) == pytest.approx(-0.5)
