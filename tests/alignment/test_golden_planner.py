"""The Planner against the authors' numbers: every intermediate, the loss and its gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ackd.alignment import SKA, cross_plans, plan_epsilon, planner_intermediates, pooled_plan
from ackd.backbones import Outputs
from tests.golden import F32, F64, Case, Golden, assert_close

SMALL = [f"c0{i}" for i in range(6)]
WIDE = ["d512_h1_n4", "d512_h4_n4", "d512_h8_n4", "d512_h8_n16"]
WEIGHTS = ("Wq_T", "Wk_T", "Wq_S", "Wk_S")


@pytest.fixture(scope="module")
def planner_file(golden: Callable[[str], Golden]) -> Golden:
    return golden("09_planner")


def inputs(file: Golden, case: Case, dtype: torch.dtype) -> dict[str, Tensor]:
    found = case.inputs(dtype)
    if case.meta["weights"] == "shared512":
        shared = file.case("shared512").inputs(dtype)
        found |= {name: shared[name] for name in WEIGHTS}
    return found


def intermediates(case: Case, values: dict[str, Tensor]) -> dict[str, Tensor]:
    return planner_intermediates(
        values["z_T"], values["z_S"], *(values[w] for w in WEIGHTS), heads=case.meta["H"]
    )


@pytest.mark.parametrize("name", [*SMALL, *WIDE])
def test_every_intermediate_in_float64(planner_file: Golden, name: str) -> None:
    case = planner_file.case(name)
    steps = intermediates(case, inputs(planner_file, case, torch.float64))
    compared = set()
    for key in case.arrays:
        if not key.startswith("f64.") or "grad" in key or "aux" in key:
            continue
        step = key.removeprefix("f64.").removesuffix(".as_f32")
        rounded = key.endswith(".as_f32")
        tolerance = {"rtol": 1e-6, "atol": 1e-11} if rounded else F64
        assert_close(steps[step], case.get(key), **tolerance, what=key)
        compared.add(step)
    assert compared == set(steps), "every name of ours is one of the reference, and vice versa"


@pytest.mark.parametrize("name", [*SMALL, *WIDE])
def test_every_intermediate_in_float32(planner_file: Golden, name: str) -> None:
    case = planner_file.case(name)
    steps = intermediates(case, inputs(planner_file, case, torch.float32))
    keys = [key for key in case.arrays if key.startswith("f32.") and "aux" not in key]
    assert keys
    for key in keys:
        assert_close(steps[key.removeprefix("f32.")], case.get(key), **F32, what=key)


@pytest.mark.parametrize("name", SMALL)
def test_gradients(planner_file: Golden, name: str) -> None:
    case = planner_file.case(name)
    leaves = {k: v.requires_grad_() for k, v in inputs(planner_file, case, torch.float64).items()}
    steps = intermediates(case, leaves)
    if "loss_ot1_official" in steps:
        loss, prefix = steps["loss_ot1_official"], "f64.grad.loss_ot1_official."
    else:
        loss = steps["D_T"].square().mean() + steps["D_S"].pow(3).mean()
        prefix = "f64.grad.aux_loss."
        assert_close(loss, case.get("f64.aux_loss_meanDT2_plus_meanDS3"), **F64)
    loss.backward()
    expected = [key for key in case.arrays if key.startswith(prefix)]
    assert expected
    for key in expected:
        gradient = leaves[key.removeprefix(prefix)].grad
        assert gradient is not None
        assert_close(gradient, case.get(key), **F64, what=key)


@pytest.mark.parametrize("name", SMALL)
def test_the_cheap_plans_are_the_literal_ones(planner_file: Golden, name: str) -> None:
    case = planner_file.case(name)
    values = inputs(planner_file, case, torch.float64)
    heads = case.meta["H"]
    pooled_t = pooled_plan(values["z_T"], values["Wq_T"], values["Wk_T"], heads)
    pooled_s = pooled_plan(values["z_S"], values["Wq_S"], values["Wk_S"], heads)
    cross_t, cross_s = cross_plans(
        pooled_t, pooled_s, plan_epsilon(pooled_t), plan_epsilon(pooled_s)
    )
    assert_close(pooled_t, case.get("f64.pooled_T"), **F64)
    assert_close(cross_t, case.get("f64.cross_T"), **F64)
    assert_close(cross_s, case.get("f64.cross_S"), **F64)


@pytest.mark.parametrize("name", ["c00", "c01", "c02", "c03"])
def test_the_module_gives_the_official_loss_and_gradients(planner_file: Golden, name: str) -> None:
    case = planner_file.case(name)
    values = inputs(planner_file, case, torch.float64)
    z_t, z_s = values["z_T"].requires_grad_(), values["z_S"].requires_grad_()
    ska = official_ska(values, case.meta["H"], ot2=False)
    zbar = torch.zeros(len(z_t), 1, dtype=torch.float64)
    grid = (1, z_t.shape[1])
    loss = ska(Outputs(z_s, zbar, zbar, grid), Outputs(z_t, zbar, zbar, grid))["ot1"]
    assert_close(loss, case.get("f64.loss_ot1_official"), **F64)
    loss.backward()
    planners = {"T": ska.teacher_planner, "S": ska.student_planner}
    gradients = {"z_T": z_t.grad, "z_S": z_s.grad}
    for side, planner in planners.items():
        gradients[f"Wq_{side}"] = planner.query.weight.grad
        gradients[f"Wk_{side}"] = planner.key.weight.grad
    for key, gradient in gradients.items():
        assert gradient is not None
        assert_close(gradient, case.get(f"f64.grad.loss_ot1_official.{key}"), **F64, what=key)


@pytest.mark.parametrize("name", ["c00", "c01"])
def test_both_terms_of_the_official_total(golden: Callable[[str], Golden], name: str) -> None:
    case = golden("18_official_total_loss").case(name)
    values = case.inputs(torch.float64)
    ska = official_ska(values, case.meta["H"])
    grid = (1, values["z_T"].shape[1])
    student = Outputs(values["z_S"], values["zbar_S"], values["logits_S"], grid)
    teacher = Outputs(values["z_T"], values["zbar_T"], values["logits_T"], grid)
    losses = ska(student, teacher)
    total = case.meta["ot_weights"] * (losses["ot1"] + losses["ot2"])
    assert_close(total, case.get("f64.loss_ot_times_0p01"), rtol=1e-6, atol=1e-11)


def official_ska(values: dict[str, Tensor], heads: int, ot2: bool = True) -> SKA:
    ska = SKA(
        values["z_T"].shape[-1], heads, rescale="energy", scaling="official", ot2=ot2
    ).double()
    with torch.no_grad():
        for planner, side in ((ska.teacher_planner, "T"), (ska.student_planner, "S")):
            planner.query.weight.copy_(values[f"Wq_{side}"])
            planner.key.weight.copy_(values[f"Wk_{side}"])
    return ska
