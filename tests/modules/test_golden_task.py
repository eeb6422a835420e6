"""The task loss and its sums with a distillation loss, against the authors' loss classes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ackd.backbones import Outputs
from ackd.losses import LogitMSE, VanillaKD
from ackd.modules import DistillationObjective, LossWeights
from ackd.modules.teacher import TeacherModule
from tests.golden import F32, F64, Golden, assert_close
from tests.stages.toy import ToyBackbone

Reader = Callable[[str], Golden]
PRECISIONS = pytest.mark.parametrize(
    ("prefix", "dtype"), [("f64", torch.float64), ("f32", torch.float32)]
)
WITH_CE = ("01_vanilla_kd", "02_dkd", "04_logits_mse", "05_ctkd", "06_lskd")


def task_loss(logits: Tensor, target: Tensor) -> Tensor:
    return TeacherModule(ToyBackbone(3, 3), torch.optim.Adam).task_loss(logits, target)


@PRECISIONS
@pytest.mark.parametrize("topic", WITH_CE)
def test_cross_entropy(golden: Reader, topic: str, prefix: str, dtype: torch.dtype) -> None:
    bounds = F64 if prefix == "f64" else F32
    compared = 0
    for case in golden(topic):
        if not case.has(f"{prefix}.ackd_ce"):
            continue
        x = case.inputs(dtype)
        value = task_loss(x["s"].requires_grad_(), x["y"])
        expected = case.get(f"{prefix}.ackd_ce")  # stored once for each temperature in topic 05
        found = value.expand(expected.shape)
        assert_close(found, expected, **bounds, what=case.name)
        compared += 1
        if case.has(f"{prefix}.grad.ackd_ce.s"):
            value.backward()
            assert x["s"].grad is not None
            assert_close(x["s"].grad, case.get(f"{prefix}.grad.ackd_ce.s"), **bounds)
    assert compared == 8


@PRECISIONS
@pytest.mark.parametrize(
    ("topic", "name", "weights", "kd"),
    [
        (
            "01_vanilla_kd",
            "ackd_ce_plus_kd",
            LossWeights(1.0, 1.0, 0.0, {"kd": 1.0}),
            VanillaKD(3.0, scale_by_t2=False),
        ),
        (
            "04_logits_mse",
            "ackd_inner_total_unused",
            LossWeights(0.3, 0.7, 0.0, {"kd": 1.0}),
            LogitMSE(0.01),
        ),
    ],
)
def test_sums_of_task_and_distillation(
    golden: Reader,
    topic: str,
    name: str,
    weights: LossWeights,
    kd: torch.nn.Module,
    prefix: str,
    dtype: torch.dtype,
) -> None:
    bounds = F64 if prefix == "f64" else F32
    objective = DistillationObjective(weights, {"kd": kd}, None, None)
    for case in golden(topic):
        x = case.inputs(dtype)
        logits = x["s"].requires_grad_()
        features = torch.zeros(len(logits), 1, 2, dtype=dtype)
        student, teacher = (
            Outputs(features, features[:, 0], values, (1, 1)) for values in (logits, x["t"])
        )
        task = task_loss(logits, x["y"])
        total = objective(task, student, teacher, x["y"], 0).total
        assert_close(total, case.get(f"{prefix}.{name}"), **bounds, what=case.name)
        if case.has(f"{prefix}.grad.{name}.s"):
            total.backward()
            assert logits.grad is not None
            expected = case.get(f"{prefix}.grad.{name}.s")
            assert_close(logits.grad, expected, **bounds, what=f"{case.name}, gradient")
