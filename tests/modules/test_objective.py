"""The loss of eq 21, term by term, and the frozen teacher."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ackd.backbones import Outputs
from ackd.config.schema import Config
from ackd.data.benchmark import TRAIN
from ackd.losses import VanillaKD, coral
from ackd.modules import DistillationObjective, DistillModule, LiveTeacher, LossWeights
from ackd.stages.context import SceneContext
from ackd.stages.objective import make_objective
from tests.stages import toy
from tests.stages.toy import ToyBackbone


class Constant(nn.Module):
    """A distillation loss with two parts."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(
        self, student: Outputs, teacher: Outputs, target: Tensor, epoch: int
    ) -> dict[str, Tensor]:
        zero = student.logits.sum() * 0
        return {"kd": zero + self.value, "extra": zero + 10 * self.value + epoch}


class Ska(nn.Module):
    def forward(self, student: Outputs, teacher: Outputs) -> dict[str, Tensor]:
        return {"ot1": student.z.sum() * 0 + 5.0, "ot2": student.z.sum() * 0 + 7.0}


def outputs(width: int = 8) -> Outputs:
    torch.manual_seed(1)
    return Outputs(torch.randn(6, 4, width), torch.randn(6, width), torch.randn(6, 3), (2, 2))


TARGET = torch.tensor([0, 1, 2, 0, 1, 2])


def test_weights_of_eq_21_by_hand() -> None:
    objective = DistillationObjective(
        LossWeights(task=2.0, lambda1=0.4, lambda2=0.6, kd={"a": 1.0, "b": 0.5}),
        {"a": Constant(1.0), "b": Constant(3.0)}, None, Ska(),
    )  # fmt: skip
    terms = objective(torch.tensor(1.5), outputs(), outputs(), TARGET, epoch=2)
    raw = {"task": 1.5, "a": 1, "a_extra": 12, "b": 3, "b_extra": 32, "ot1": 5, "ot2": 7}
    factors = {
        "task": 2,
        "a": 0.4,
        "a_extra": 0.4,
        "b": 0.2,
        "b_extra": 0.2,
        "ot1": 0.6,
        "ot2": 0.6,
    }
    assert {k: v.item() for k, v in terms.raw.items()} == pytest.approx(raw)
    weighted = {k: factors[k] * raw[k] for k in raw}
    assert {k: v.item() for k, v in terms.weighted.items()} == pytest.approx(weighted)
    assert terms.total.item() == pytest.approx(3 + 0.4 * 13 + 0.2 * 35 + 0.6 * 12)


@pytest.mark.parametrize("name", ["task", "ot1"])
def test_a_term_cannot_hide_another(name: str) -> None:
    objective = DistillationObjective(
        LossWeights(1, 1, 1, {name: 1.0}), {name: Constant(1)}, None, Ska()
    )
    with pytest.raises(ValueError, match=f"called '{name}'"):
        objective(torch.tensor(0.0), outputs(), outputs(), TARGET, 0)


def test_without_a_teacher_the_task_is_all() -> None:
    objective = DistillationObjective(LossWeights(1, 0.4, 0.6, {}), {}, None, None)
    terms = objective(torch.tensor(1.5), outputs(), None, TARGET, 0)
    assert list(terms.raw) == ["task"]
    assert terms.total.item() == 1.5


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return toy.config(tmp_path_factory.mktemp("base"))


def built(config: Config, student_width: int = 6, **loss: Any) -> DistillModule:
    """The student stage's module for a configuration with these switches."""
    ska = {k: loss.pop(k) for k in ("ot1", "ot2") if k in loss}
    config = config.model_copy(
        update={
            "loss": config.loss.model_copy(update=loss),
            "ska": config.ska.model_copy(update=ska),
        }
    )
    torch.manual_seed(0)
    student = ToyBackbone(3, 3, width=student_width)
    teacher = LiveTeacher(ToyBackbone(4, 3)) if config.distils else None
    context = SceneContext(config, toy.benchmark())
    return DistillModule(
        student,
        make_objective(context.config, student, teacher),
        teacher,
        context.training("student").optimizer(),
    )


def step(module: DistillModule, monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """One training step with backward; returns what was logged."""
    served = toy.data()
    served.set_pairs(torch.from_numpy(served.rows(TRAIN, "ms")).repeat(2)[:27], 0)
    batch = served.prepare(next(iter(served.train_dataloader())))
    logged: dict[str, Tensor] = {}
    monkeypatch.setattr(module, "log", lambda name, value, **_: logged.update({name: value}))
    module.training_step(batch, 0)["loss"].backward()
    return logged


SWITCHES = list(itertools.product([0.0, 0.4, 1.0], [False, True], [False, True], [6, 8]))


@pytest.mark.parametrize(("lambda1", "ot1", "ot2", "width"), SWITCHES)
def test_every_parameter_gets_a_gradient_whatever_is_switched_off(
    lambda1: float, ot1: bool, ot2: bool, width: int, base: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = built(base, width, lambda1=lambda1, ot1=ot1, ot2=ot2)
    logged = step(module, monkeypatch)
    idle = [name for name, p in module.named_parameters() if p.grad is None]
    assert idle == []
    aligned = lambda1 < 1
    expected = {"task"} | ({"vanilla"} if lambda1 else set())
    expected |= {n for n, on in (("ot1", ot1), ("ot2", ot2)) if on and aligned}
    assert {n.removeprefix("loss/") for n in logged if n.startswith("loss/")} == expected
    factor = {"task": 1.0, "vanilla": lambda1, "ot1": 1 - lambda1, "ot2": 1 - lambda1}
    for name in expected:
        torch.testing.assert_close(
            logged[f"weighted/{name}"], factor[name] * logged[f"loss/{name}"]
        )
    total = torch.stack([logged[f"weighted/{name}"] for name in expected]).sum()
    torch.testing.assert_close(logged["train/loss"], total)
    assert (module.teacher is None) == (not lambda1 and not (ot1 or ot2))
    linear = {n for n, m in module.objective.named_modules() if isinstance(m, nn.Linear)}
    projections = {n for n in linear if n.startswith("projection")}
    differ = width != 8 and aligned
    needed = {f"projection.{n}" for n, on in (("z", ot1), ("zbar", ot2)) if on and differ}
    assert projections == needed


def test_logged_raw_terms_are_the_pure_functions(
    base: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = built(base, 8).eval()  # without dropout the outputs can be had again
    logged = step(module, monkeypatch)
    served = toy.data()
    served.set_pairs(torch.from_numpy(served.rows(TRAIN, "ms")).repeat(2)[:27], 0)
    batch = served.prepare(next(iter(served.train_dataloader())))
    assert module.teacher is not None
    with torch.no_grad():
        s = module.backbone(batch["rgb"])
        t = module.teacher(batch["ms_index"], batch["ms"])
    torch.testing.assert_close(logged["loss/ot2"], coral(t.zbar, s.zbar))
    expected = VanillaKD(temperature=3.0)(s, t, batch["rgb_target"], 0)["kd"]
    torch.testing.assert_close(logged["loss/vanilla"], expected)
    task = nn.functional.cross_entropy(s.logits, batch["rgb_target"])
    torch.testing.assert_close(logged["loss/task"], task)


def test_the_teacher_is_frozen_for_good(base: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    module = built(base)
    teacher = module.teacher
    assert isinstance(teacher, LiveTeacher)
    before = {k: v.clone() for k, v in teacher.backbone.state_dict().items()}
    module.train()
    optimizer = module.configure_optimizers()
    for _ in range(3):
        step(module, monkeypatch)
        optimizer.step()
    assert not any(part.training for part in teacher.backbone.modules())
    assert not any(p.requires_grad or p.grad is not None for p in teacher.backbone.parameters())
    assert all(torch.equal(v, before[k]) for k, v in teacher.backbone.state_dict().items())
    assert not {id(p) for p in teacher.backbone.parameters()} & {id(p) for p in module.parameters()}
    assert not any("teacher" in name.split(".")[0] for name in module.state_dict())
    trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert trained == {id(p) for p in module.parameters()}


def test_a_live_teacher_says_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="needs the MS images"):
        LiveTeacher(ToyBackbone(4, 3))(torch.arange(2), None)
