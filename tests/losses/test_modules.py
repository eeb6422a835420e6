"""The modules: options, named parts, schedules, and what the optimiser and checkpoint see."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ackd.backbones.outputs import Outputs
from ackd.losses import (
    CurriculumTemperatureKD,
    DecoupledKD,
    DistillationLoss,
    HyperbolicRelationalKD,
    LogitMSE,
    RelationalKD,
    Standardized,
    StandardizedKD,
    VanillaKD,
    hyperbolic_relational_kd,
    needs_of,
    standardized_kd,
)
from tests.golden import Golden, assert_close
from tests.losses.catalogue import methods

Reader = Callable[[str], Golden]
TARGET = torch.tensor([0, 3, 1, 4, 4, 2])
METHODS = methods()
PARTS = {
    "vanilla": {"kd"},
    "dkd": {"tckd", "nckd"},
    "rkd": {"distance", "angle"},
    "logits": {"mse"},
    "ctkd": {"kd"},
    "lskd": {"kd"},
    "lskd_dkd": {"tckd", "nckd"},
    "vpr": {f"{r}_{s}" for r in ("dist", "sim", "geo") for s in ("st2ss", "tt2st")}
    | {"rkdg_dist", "rkdg_angle", "rkdg_geo_offdiag_mean"},
}


def outputs(seed: int = 0, requires_grad: bool = False) -> Outputs:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).requires_grad_(requires_grad)

    return Outputs(z=draw(6, 4, 8), zbar=draw(6, 8), logits=draw(6, 5), grid=(2, 2))


def total(loss: DistillationLoss, student: Outputs, teacher: Outputs, epoch: int) -> Tensor:
    parts = loss(student, teacher, TARGET, epoch)
    return torch.stack(list(parts.values())).sum()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_gives_named_scalars_that_train_the_student_only(name: str) -> None:
    student, teacher = outputs(requires_grad=True), outputs(1, requires_grad=True)
    loss = METHODS[name]()
    parts = loss(student, teacher, TARGET, 5)
    assert set(parts) == PARTS.get(name, set(parts))
    assert all(part.shape == () and torch.isfinite(part) for part in parts.values())
    torch.stack(list(parts.values())).sum().backward()
    for part in ("logits", "zbar", "z"):
        grad = getattr(student, part).grad
        if part in needs_of(loss):
            assert grad is not None, part
            assert grad.abs().sum() > 0
        else:
            assert grad is None, f"{name} reads {part} and does not say so"
    assert all(x.grad is None for x in (teacher.z, teacher.zbar, teacher.logits))


def test_warm_up_is_linear_from_nothing() -> None:
    loss = DecoupledKD()
    assert [loss.warmup(e) for e in (0, 1, 10, 20, 150)] == [0.0, 0.05, 0.5, 1.0, 1.0]
    assert DecoupledKD(warmup_epochs=0).warmup(0) == 1.0
    with pytest.raises(ValueError, match="epoch must be >= 0"):
        loss.warmup(-1)


@pytest.mark.parametrize(
    ("prefix", "dtype", "rtol", "atol"),
    [("f64", torch.float64, 1e-6, 1e-11), ("f32", torch.float32, 1e-4, 3e-5)],
)
def test_the_released_warm_up(
    golden: Reader, prefix: str, dtype: torch.dtype, rtol: float, atol: float
) -> None:
    loss, gradients = DecoupledKD(), 0
    for case in golden("02_dkd"):
        inputs = case.inputs(dtype)
        for epoch in (0, 1, 10, 20, 150):
            leaf = inputs["s"].clone().requires_grad_()
            student, teacher = (outputs()._replace(logits=x) for x in (leaf, inputs["t"]))
            parts = loss(student, teacher, inputs["y"], epoch)
            found = parts["tckd"] + parts["nckd"]
            name = f"ackd_dkd_epoch{epoch}"
            assert_close(found, case.get(f"{prefix}.{name}"), rtol, atol, f"{case.name}.{name}")
            if case.has(f"{prefix}.grad.{name}.s"):
                found.backward()
                assert leaf.grad is not None
                assert_close(leaf.grad, case.get(f"{prefix}.grad.{name}.s"), rtol, atol, name)
                gradients += 1
    assert gradients == 8


def test_the_parts_of_distil_vpr_sum_to_its_function() -> None:
    student, teacher = outputs(), outputs(1)
    found = total(HyperbolicRelationalKD(0.2, 0.3, 4.0), student, teacher, 0)
    expected = hyperbolic_relational_kd(student.zbar, teacher.zbar, 0.2, 0.3, 4.0)
    assert torch.allclose(found, expected)


def test_weights_multiply_their_parts() -> None:
    student, teacher = outputs(), outputs(1)
    plain = RelationalKD(1.0, 1.0)(student, teacher, TARGET, 0)
    weighted = RelationalKD(25.0, 50.0, factor=0.1)(student, teacher, TARGET, 0)
    assert torch.allclose(weighted["distance"], 2.5 * plain["distance"])
    assert torch.allclose(weighted["angle"], 5.0 * plain["angle"])
    assert plain["distance"] > 0
    assert plain["angle"] > 0


def test_detached_relations_are_reported_but_train_nothing() -> None:
    student, teacher = outputs(requires_grad=True), outputs(1)
    trained = total(RelationalKD(), student, teacher, 0)
    reported = total(RelationalKD(detach_student=True), student, teacher, 0)
    assert reported.item() == trained.item()
    assert trained.requires_grad
    assert not reported.requires_grad


def test_theta_is_in_the_parameters_and_in_the_checkpoint() -> None:
    loss = CurriculumTemperatureKD()
    assert [name for name, _ in loss.named_parameters()] == ["theta"]
    assert set(loss.state_dict()) == {"theta"}
    assert loss.temperature.item() == pytest.approx(15.6212, abs=1e-4)
    other = CurriculumTemperatureKD(theta=-2.0)
    other.load_state_dict(loss.state_dict())
    assert other.theta.item() == 1.0


def test_descending_theta_raises_the_loss() -> None:
    student, teacher = outputs(), outputs(1)
    loss = CurriculumTemperatureKD(scale_by_t2=False)
    before = total(loss, student, teacher, 100)
    before.backward()
    with torch.no_grad():
        loss.theta -= 0.1 * loss.theta.grad / loss.theta.grad.abs()  # type: ignore[union-attr]
    assert total(loss, student, teacher, 100).item() > before.item()


def test_curriculum_schedule_counts_from_its_first_epoch() -> None:
    loss = CurriculumTemperatureKD()
    values = [loss.reversal_strength(epoch) for epoch in range(12)]
    assert values[0] == pytest.approx((math.cos(math.pi / 10) - 1) / 2)
    assert values == sorted(values, reverse=True)
    assert values[9] == values[11] == -1.0
    released = CurriculumTemperatureKD(length=5, first_epoch=0)
    assert released.reversal_strength(0) == 0.0
    assert released.reversal_strength(5) == -1.0
    student, teacher = outputs(), outputs(1)
    total(released, student, teacher, 0).backward()
    assert released.theta.grad is not None
    assert released.theta.grad.item() == 0.0  # stands still in the first epoch


def test_standardised_distillation_is_the_wrapper_around_vanilla() -> None:
    student, teacher = outputs(), outputs(1)
    expected = 9 * standardized_kd(student.logits, teacher.logits, 2.0)
    assert torch.allclose(StandardizedKD()(student, teacher, TARGET, 0)["kd"], expected)
    wrapped = Standardized(VanillaKD(2.0), weight=9.0)
    assert torch.allclose(wrapped(student, teacher, TARGET, 0)["kd"], expected)
    inner = CurriculumTemperatureKD()
    assert list(Standardized(inner).parameters()) == [inner.theta]


@pytest.mark.parametrize(
    ("mode", "build"),
    [
        ("CKD", lambda: VanillaKD(3.0, scale_by_t2=False)),
        ("RKD", lambda: RelationalKD(factor=0.1, detach_student=True)),
        ("Logits", lambda: LogitMSE(factor=0.01)),
        ("LSKD", lambda: StandardizedKD(temperature=3.0, weight=1.0)),
        ("CTKD", lambda: CurriculumTemperatureKD(scale_by_t2=False)),
        ("DKD", DecoupledKD),
    ],
)
def test_the_released_settings_give_the_released_losses(
    golden: Reader, mode: str, build: Callable[[], Any]
) -> None:
    for case in golden("18_official_total_loss"):
        inputs = case.inputs()
        student, teacher = (
            Outputs(inputs[f"z_{m}"], inputs[f"zbar_{m}"], inputs[f"logits_{m}"], (1, 1))
            for m in ("S", "T")
        )
        loss = build().double()
        parts = loss(student, teacher, inputs["y"], case.meta["epoch"])
        found = torch.stack(list(parts.values())).sum()
        label = f"{case.name}.{mode}"
        assert_close(found, case.get(f"f64.{mode}.kd"), rtol=1e-6, atol=1e-11, what=label)
