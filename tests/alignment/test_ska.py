"""The alignment module: its options, its grids, its parameters."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ackd.alignment import SKA, Projection
from ackd.backbones import Outputs
from ackd.errors import ConfigError
from ackd.losses import coral


def outputs(seed: int, n: tuple[int, int] = (2, 2), dim: int = 8, width: int = 6) -> Outputs:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).relu() + 0.1

    return Outputs(draw(5, n[0] * n[1], dim), draw(5, width), draw(5, 3), n)


def build(seed: int = 0, **options: Any) -> SKA:
    torch.manual_seed(seed)
    return SKA(8, 4, **options).double()


@pytest.mark.parametrize("kind", ["intra", "cross"])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("terms", [(True, True), (True, False), (False, True)])
def test_only_active_terms_and_no_idle_parameter(
    kind: str, shared: bool, terms: tuple[bool, bool]
) -> None:
    ska = build(kind=kind, shared=shared, ot1=terms[0], ot2=terms[1])
    student = outputs(1)
    student.z.requires_grad_()
    student.zbar.requires_grad_()
    losses = ska(student, outputs(2))
    assert list(losses) == [name for name, on in zip(("ot1", "ot2"), terms, strict=True) if on]
    assert all(loss.ndim == 0 and loss >= 0 for loss in losses.values())
    sum(losses.values()).backward()
    parameters = list(ska.parameters())
    assert len(parameters) == (0 if not terms[0] else 2 if shared else 4)
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in parameters)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"normaliser": "patch"},
        {"rescale": "energy", "scaling": "official"},
        {"kind": "cross"},
        {"patches": "tokens"},
        {"patches": "pooled", "scaling": "deep_coral"},
    ],
)
def test_equal_sides_cost_nothing(options: dict[str, Any]) -> None:
    both = outputs(1)
    ska = build(shared=True, **options)
    for loss in ska(both, both).values():
        assert abs(loss.item()) < 1e-12


def test_patches_become_the_samples_that_they_are_named_after() -> None:
    student, teacher = outputs(1), outputs(2)
    d_t, d_s = build().planned(student, teacher)
    expected = {
        "flatten": coral(d_t.reshape(5, -1), d_s.reshape(5, -1)),
        "tokens": coral(d_t.reshape(-1, 8), d_s.reshape(-1, 8)),
        "pooled": coral(d_t.mean(1), d_s.mean(1)),
    }
    for patches, value in expected.items():
        torch.testing.assert_close(build(patches=patches)(student, teacher)["ot1"], value)
    torch.testing.assert_close(build()(student, teacher)["ot2"], coral(student.zbar, teacher.zbar))


def test_the_intra_plan_knows_nothing_of_the_other_side_and_the_cross_plan_does() -> None:
    teacher = outputs(2)
    for kind, differs in (("intra", False), ("cross", True)):
        ska = build(kind=kind)
        first, _ = ska.planned(outputs(1), teacher)
        second, _ = ska.planned(outputs(7), teacher)
        assert bool((first - second).abs().max() > 1e-6) == differs


def test_cross_ignores_the_order_of_the_other_sides_patches() -> None:
    ska = build(kind="cross")
    student, teacher = outputs(1), outputs(2)
    mixed = student._replace(z=student.z[:, [2, 0, 3, 1]])
    before, after = ska.planned(student, teacher), ska.planned(mixed, teacher)
    torch.testing.assert_close(before[0], after[0])
    torch.testing.assert_close(before[1][:, [2, 0, 3, 1]], after[1])


def test_cross_gradcheck() -> None:
    ska = build(kind="cross")
    teacher = outputs(2)
    z = outputs(1).z[:2].requires_grad_()
    small = Outputs(teacher.z[:2], teacher.zbar[:2], teacher.logits[:2], (2, 2))
    weights = tuple(ska.parameters())

    def planned(z: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        return ska.planned(small._replace(z=z), small)

    assert torch.autograd.gradcheck(planned, (z, *weights))


@pytest.mark.parametrize("kind", ["intra", "cross"])
def test_the_larger_grid_is_pooled_to_the_smaller(kind: str) -> None:
    ska = build(kind=kind)
    student, teacher = outputs(1, n=(2, 2)), outputs(2, n=(4, 6))
    by_hand = teacher.z.reshape(5, 2, 2, 2, 3, 8).mean(dim=(2, 4)).reshape(5, 4, 8)
    expected = ska(student, teacher._replace(z=by_hand, grid=(2, 2)))
    actual = ska(student, teacher)
    torch.testing.assert_close(actual["ot1"], expected["ot1"])
    d_t, d_s = ska.planned(teacher, student)
    assert d_t.shape == d_s.shape == (5, 4, 8)


def test_gather_is_applied_to_both_sides() -> None:
    student, teacher = outputs(1), outputs(2)
    doubled = build(gather=lambda x: torch.cat([x, x]))(student, teacher)
    twice = Outputs(*(torch.cat([x, x]) for x in student[:3]), student.grid)
    twice_t = Outputs(*(torch.cat([x, x]) for x in teacher[:3]), teacher.grid)
    plain = build()(twice, twice_t)
    for name in plain:
        torch.testing.assert_close(doubled[name], plain[name])


def test_projection_leads_to_the_teachers_widths() -> None:
    student, teacher = outputs(1, dim=10, width=4), outputs(2)
    projection = Projection((10, 4), (8, 6)).double()
    projected = projection(student)
    assert (projected.z.shape[-1], projected.zbar.shape[-1]) == (8, 6)
    assert torch.equal(projected.logits, student.logits)
    assert {k for k, _ in projection.named_parameters()} == {"z.weight", "zbar.weight"}
    build()(projected, teacher)
    with pytest.raises(ValueError, match="z is 10 wide in the student and 8 in the teacher"):
        build()(student, teacher)
    with pytest.raises(ValueError, match="zbar is 4 wide"):
        build(ot1=False)(student, teacher)


def test_projection_has_only_what_is_needed() -> None:
    assert not list(Projection((8, 6), (8, 6)).parameters())
    assert [k for k, _ in Projection((10, 4), (8, 6), z=False).named_parameters()] == [
        "zbar.weight"
    ]
    student = outputs(1)
    assert torch.equal(Projection((8, 6), (8, 6))(student).z, student.z)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "inter"}, "Did you mean 'intra'"),
        ({"patches": "flattened"}, "Did you mean 'flatten'"),
        ({"scaling": "papper"}, "ska.coral"),
        ({"normaliser": "plans"}, "Did you mean 'plan'"),
        ({"rescale": "on"}, "planner.rescale"),
        ({"ot1": False, "ot2": False}, "without a term"),
        ({"kind": "cross", "normaliser": "patch"}, "no effect"),
    ],
)
def test_options_that_cannot_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(**options)


def test_no_planner_without_ot1() -> None:
    with pytest.raises(ValueError, match="L_ot1 is off"):
        build(ot1=False).planned(outputs(1), outputs(2))
