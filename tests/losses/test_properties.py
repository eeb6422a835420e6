"""What every loss promises: zeros, signs, order, gradients and a constant teacher."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from ackd.losses import hyperbolic_relational_terms
from tests.losses.catalogue import ALIGNING, DISTILLING, EVERY, ON_LOGITS, both, draw


# Without vpr: its st2ss terms hold the student as a constant, which a finite difference cannot.
@pytest.mark.parametrize("name", [name for name in EVERY if name != "vpr"])
def test_gradient_agrees_with_finite_differences(name: str) -> None:
    student, teacher = both()
    inputs = (student.requires_grad_(), teacher.requires_grad_(name in ALIGNING))
    assert gradcheck(EVERY[name], inputs)


def test_gradient_of_the_distil_vpr_parts_agrees_with_finite_differences() -> None:
    student, teacher = both()
    parts = ("dist_tt2st", "sim_tt2st", "geo_tt2st", "rkdg_geo_offdiag_mean")

    def total(s: Tensor) -> Tensor:
        terms = hyperbolic_relational_terms(0.4 * s, 0.4 * teacher)
        return torch.stack([terms[part] for part in parts]).sum()

    assert gradcheck(total, (student.requires_grad_(),))


@pytest.mark.parametrize("name", DISTILLING)
def test_no_gradient_reaches_the_teacher(name: str) -> None:
    student, teacher = (x.requires_grad_() for x in both())
    DISTILLING[name](student, teacher).backward()
    assert student.grad is not None
    assert student.grad.abs().max() > 0
    assert teacher.grad is None


@pytest.mark.parametrize("name", [*ON_LOGITS, "distance", "angle", "coral_gram", "coral_direct"])
def test_zero_with_zero_gradient_at_equality(name: str) -> None:
    student = draw(6, 5).requires_grad_()
    value = EVERY[name](student, student.detach().clone())
    value.backward()
    assert abs(value.item()) < 1e-12
    assert student.grad is not None
    assert student.grad.abs().max() < 1e-10


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("seed", range(5))
def test_never_negative(name: str, seed: int) -> None:
    assert EVERY[name](*both(seed)).item() >= 0


@pytest.mark.parametrize("name", EVERY)
def test_order_of_the_images_does_not_matter(name: str) -> None:
    student, teacher = both()
    # Images 3 and 4 share a target class, so the catalogue may keep its target.
    order = torch.tensor([0, 1, 2, 4, 3, 5]) if name == "dkd" else torch.tensor([3, 0, 5, 2, 1, 4])
    value = EVERY[name](student, teacher)
    assert EVERY[name](student[order], teacher[order]).item() == pytest.approx(value.item())


@pytest.mark.parametrize("name", ["kd", "dkd", "ctkd", "lskd"])
def test_adding_a_number_to_all_logits_changes_nothing(name: str) -> None:
    student, teacher = both()
    value = ON_LOGITS[name](student, teacher).item()
    assert ON_LOGITS[name](student + 7.0, teacher - 3.0).item() == pytest.approx(value, rel=1e-9)
