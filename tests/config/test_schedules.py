"""The learning rates of the named schedules, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR, PolynomialLR

from ackd.config.command_line import readable
from ackd.config.launch.schedules import schedule_of
from ackd.config.schema.identity import identity
from ackd.errors import ConfigError
from tests.stages import toy

STEPS, EPOCHS = 3, 10


def rates(build: Callable[[SGD], LRScheduler], count: int = STEPS * EPOCHS) -> list[float]:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler, found = build(optimizer), []
    for _ in range(count):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def ours(tmp_path: Path, *words: str) -> list[float]:
    options = toy.config(tmp_path, f"student.max_epochs={EPOCHS}", *readable(words)).student
    schedule = schedule_of(options, "student.scheduler")
    assert schedule is not None
    return rates(lambda optimizer: schedule.build(optimizer, STEPS, EPOCHS))


@pytest.mark.parametrize(
    ("words", "theirs"),
    [
        (("cosine",), lambda o: CosineAnnealingLR(o, STEPS * EPOCHS)),
        (("cosine", "min_lr=0.005"), lambda o: CosineAnnealingLR(o, STEPS * EPOCHS, 0.005)),
        (("poly",), lambda o: PolynomialLR(o, STEPS * EPOCHS, 0.9)),
        (("poly", "power=2"), lambda o: PolynomialLR(o, STEPS * EPOCHS, 2.0)),
        (("step",), lambda o: MultiStepLR(o, [9, 18, 27], 0.1)),
        (("step", "step_size=4", "gamma=0.5"), lambda o: MultiStepLR(o, [12, 24], 0.5)),
        (("step", "milestones=[8,5]"), lambda o: MultiStepLR(o, [15, 24], 0.1)),
    ],
)
def test_named_schedules_are_those_of_torch_by_steps(
    tmp_path: Path, words: tuple[str, ...], theirs: Any
) -> None:
    name, *more = words
    given = (f"student.scheduler={name}", *(f"student.scheduler.{word}" for word in more))
    lr = "student.optimizer.lr=0.5"
    assert ours(tmp_path, lr, *given) == pytest.approx(rates(theirs), abs=1e-9)


def test_a_warm_up_rises_by_steps_and_then_comes_down(tmp_path: Path) -> None:
    words = ("student.optimizer.lr=0.5", "student.scheduler=warmup_cosine")
    found = ours(tmp_path, *words, "student.scheduler.warmup_epochs=2")
    assert found[:7] == pytest.approx([0.5 * n / 6 for n in (1, 2, 3, 4, 5, 6, 6)])
    assert found[6:] == pytest.approx(rates(lambda o: CosineAnnealingLR(o, 24), 24))
    # a tenth of ten epochs
    assert ours(tmp_path, *words)[:4] == pytest.approx([0.5 / 3, 1 / 3, 0.5, 0.5])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("scheduler=cosin",), "Did you mean student.scheduler=cosine"),
        (("scheduler.name=cosine", "scheduler.gamma=0.5"), "student.scheduler.name=step"),
        (("scheduler.gamma=0.5",), "no effect with student.scheduler.name=none"),
        (("scheduler=cosine", "scheduler.min_lr=3"), "min_lr=3"),
        (("scheduler=cosine", "+scheduler.warmup=3"), "student.scheduler.warmup"),
        (("scheduler=cosine", "scheduler.warmup_epochs=9"), "student.max_epochs=5"),
        (("scheduler=step", "scheduler.milestones=[3,7]"), r"milestones=\[3,7\]"),
        (("scheduler=step", "scheduler.milestones=[3]", "scheduler.step_size=2"), "one of them"),
        (("scheduler._target_=torch.optim.lr_scheduler.StepLr",), "lr_scheduler.StepLR"),
        (("scheduler._target_=torch.optim.lr_scheduler.StepLR",), "step_size"),
        (("scheduler._target_=torch.optim.lr_scheduler.StepLR", "+scheduler.step_sise=2"),
         "student.scheduler.step_size"),
        (("scheduler._target_=torch.optim.Adam",), "not a schedule"),
        (("scheduler=cosine", "scheduler._target_=torch.optim.lr_scheduler.StepLR"), "two sched"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_way_out(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    given = [w.replace("scheduler", "student.scheduler", 1) for w in words]
    with pytest.raises(ConfigError, match=said):
        toy.config(tmp_path, *(readable(given) if "cosin" not in given[0][-5:] else given))


def test_a_name_alone_is_a_schedule_and_none_leaves_runs_what_they_were(tmp_path: Path) -> None:
    plain = toy.config(tmp_path)
    assert "scheduler" not in identity(plain)["student"]
    assert "scheduler" not in plain.teacher.model_dump(mode="json")
    alone = toy.config(tmp_path, "student.scheduler=poly")
    spelt = toy.config(tmp_path, *readable(["student.scheduler=poly"]))
    assert identity(alone) == identity(spelt) != identity(plain)
    assert identity(alone)["student"]["scheduler"] == {"name": "poly"}
