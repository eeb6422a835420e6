"""The objective of recipe=official against the total loss of the authors' training script."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from ackd.backbones import Outputs
from ackd.modules import DistillationObjective
from ackd.stages.objective import make_objective
from tests.golden import Case, Golden, assert_close
from tests.stages import toy

MODES = {
    "CKD": "vanilla", "RKD": "rkd", "Logits": "logits", "LSKD": "lskd", "CTKD": "ctkd",
    "DKD": "dkd",
}  # fmt: skip
PRECISIONS = {
    "f64": (torch.float64, {"rtol": 1e-6, "atol": 1e-11}),
    "f32": (torch.float32, {"rtol": 1e-4, "atol": 1e-6}),
}


def built(
    folder: Path, kd: str, case: Case, dtype: torch.dtype = torch.float64
) -> DistillationObjective:
    """The objective as the student's stage builds it, with the Planners of the case."""
    heads = f"planner.heads={case.meta['H']}"
    config = toy.config(folder, "recipe=official", f"kd={kd}", heads)
    x = case.inputs()
    widths: Any = SimpleNamespace(z_dim=x["z_T"].shape[-1], zbar_dim=x["zbar_T"].shape[-1])
    objective = make_objective(config, widths, widths).to(dtype)
    with torch.no_grad():
        for side, letter in (("teacher", "T"), ("student", "S")):
            weights = {"query.weight": x[f"Wq_{letter}"], "key.weight": x[f"Wk_{letter}"]}
            getattr(objective.ska, f"{side}_planner").load_state_dict(weights)
    return objective


@pytest.mark.parametrize("prefix", PRECISIONS)
@pytest.mark.parametrize("mode", MODES)
def test_total_and_gradients(
    golden: Callable[[str], Golden], mode: str, prefix: str, tmp_path: Path
) -> None:
    dtype, bounds = PRECISIONS[prefix]
    for case in golden("18_official_total_loss"):
        objective = built(tmp_path, MODES[mode], case, dtype)
        x = case.inputs(dtype)
        names = {"z": "z_S", "zbar": "zbar_S", "logits": "logits_S"}
        leaves = {key: x[name].requires_grad_() for key, name in names.items()}
        side = int(x["z_T"].shape[1] ** 0.5)
        student = Outputs(**leaves, grid=(side, side))
        teacher = Outputs(x["z_T"], x["zbar_T"], x["logits_T"], (side, side))
        task = F.cross_entropy(student.logits, x["y"])
        terms = objective(task, student, teacher, x["y"], case.meta["epoch"])

        raw = {name: value.detach() for name, value in terms.raw.items()}
        kd = sum(v for name, v in raw.items() if name not in ("task", "ot1", "ot2"))
        assert_close(raw["task"], case.get(f"{prefix}.task_ce"), **bounds)
        assert_close(kd, case.get(f"{prefix}.{mode}.kd"), **bounds, what=mode)
        ot = 0.01 * (raw["ot1"] + raw["ot2"])
        assert_close(ot, case.get(f"{prefix}.loss_ot_times_0p01"), **bounds)
        assert_close(terms.total, case.get(f"{prefix}.{mode}.total"), **bounds, what=mode)

        terms.total.backward()
        for key, name in names.items():
            expected = case.get(f"{prefix}.grad.{mode}.total.{name}")
            gradient = leaves[key].grad
            assert gradient is not None
            assert_close(gradient, expected, **bounds, what=f"{case.name} {mode} {name}")


def test_released_rkd_does_not_teach(golden: Callable[[str], Golden], tmp_path: Path) -> None:
    """Its features are detached: with the weight of L_kd at 100 the gradients are the same."""
    case = golden("18_official_total_loss").case("c00")
    x = case.inputs()
    teacher = Outputs(x["z_T"], x["zbar_T"], x["logits_T"], (2, 2))
    gradients = []
    for factor in (1, 100):
        objective = built(tmp_path, "rkd", case)
        object.__setattr__(objective.weights, "lambda1", 0.4 * factor)
        leaves = [x[name].clone().requires_grad_() for name in ("z_S", "zbar_S", "logits_S")]
        student = Outputs(*leaves, (2, 2))
        task = F.cross_entropy(student.logits, x["y"])
        terms = objective(task, student, teacher, x["y"], 0)
        parts = [value for name, value in terms.raw.items() if name.startswith("rkd")]
        assert parts
        assert not any(value.requires_grad for value in parts)
        gradients.append(torch.autograd.grad(terms.total, leaves))
    for one, hundred in zip(*gradients, strict=True):
        assert torch.equal(one, hundred)
