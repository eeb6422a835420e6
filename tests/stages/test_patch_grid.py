"""A word where the Planner has a single patch."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from ackd.alignment import SKA
from ackd.backbones import Backbone, Outputs
from ackd.stages.patch_grid import warn_of_a_single_patch
from ackd.train import train
from tests.stages import toy
from tests.stages.toy import ToyBackbone

WORDS = "the Planner has nothing to plan"


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if WORDS in r.getMessage()]


class OnePatch(ToyBackbone):
    """Pools its patches to one, as a network of stride 64 gives for 64 pixels."""

    def run(self, x: torch.Tensor) -> Outputs:
        return super().run(x)._replace(z=super().run(x).z.mean(1, keepdim=True), grid=(1, 1))


def test_either_side_alone_is_enough(caplog: pytest.LogCaptureFixture) -> None:
    bench = toy.benchmark()
    teachers: list[Backbone] = [ToyBackbone(4, 3), OnePatch(4, 3)]
    students: list[Backbone] = [ToyBackbone(3, 3), OnePatch(3, 3)]
    counts = []
    with caplog.at_level(logging.WARNING, logger="ackd"):
        for teacher in teachers:
            for student in students:
                warn_of_a_single_patch(bench, teacher, student)
                counts.append(len(told(caplog)))
                caplog.clear()
    assert counts == [0, 1, 1, 1]


def test_asking_leaves_network_and_generators_alone() -> None:
    student, teacher = ToyBackbone(3, 3), ToyBackbone(4, 3)
    student.norm.eval()  # a part with a mode of its own
    before = {name: value.clone() for name, value in student.state_dict().items()}
    stream = torch.get_rng_state()
    warn_of_a_single_patch(toy.benchmark(), teacher, student)
    assert torch.equal(torch.get_rng_state(), stream)
    assert student.training
    assert not student.norm.training
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())


def test_with_one_patch_both_terms_are_the_same_number() -> None:
    torch.manual_seed(0)
    zbar = {side: torch.randn(6, 8, dtype=torch.float64) for side in "st"}
    student, teacher = (
        Outputs(zbar[side][:, None], zbar[side], zbar[side][:, :3], (1, 1)) for side in "st"
    )
    terms = SKA(8, heads=2).double()(student, teacher)
    assert terms["ot1"].item() == pytest.approx(terms["ot2"].item())
    assert terms["ot1"].item() > 0


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [((), 1), (("ska.ot1=false",), 0), (("method=baseline",), 0)],
)
def test_a_run_says_it_once_and_only_where_there_is_a_planner(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    overrides: tuple[str, ...],
    expected: int,
) -> None:
    toy.small(monkeypatch)

    def build(name: str, bands: int, classes: int, **_: object) -> Backbone:
        return OnePatch(bands, classes)

    monkeypatch.setattr("ackd.stages.context.build_backbone", build)
    with caplog.at_level(logging.WARNING, logger="ackd"):
        train(
            toy.composed(
                tmp_path,
                "student.max_epochs=1",
                "matching=random",
                "teacher.max_epochs=1",
                "transport=off",
                *overrides,
            ),
            tmp_path / "run",
        )
    assert len(told(caplog)) == expected
