"""The first pairing by nearest feature, eqs 2-3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ackd.backbones import Backbone
from ackd.data.benchmark import TRAIN
from ackd.data.pairs import Request
from ackd.matching import match_by_distance
from ackd.modules import DistillModule
from ackd.stages import pairing
from ackd.stages.context import Networks, SceneContext
from ackd.stages.pairing import make_pairing
from ackd.train import train
from tests.stages import toy
from tests.stages.toy import ToyBackbone


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def outputs_of(network: Backbone, side: str) -> Tensor:
    served = toy.data()
    rows = served.rows(TRAIN, side)  # type: ignore[arg-type]
    batch = served.load(Request(**{"ms": None, "rgb": None, side: rows}), torch.device("cpu"))
    with torch.no_grad():
        return network.eval()(batch[side]).zbar


@pytest.mark.parametrize("width", [8, 6])
def test_pairs_are_the_nearest_teachers_of_the_class(
    width: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[ToyBackbone] = []

    def build(name: str, bands: int, classes: int, **_: object) -> Backbone:
        built.append(ToyBackbone(bands, classes, width=width))
        return built[-1]

    searched: list[tuple[Tensor, ...]] = []

    def spy(*given: Tensor) -> Tensor:
        searched.append(given)
        return match_by_distance(*given)

    monkeypatch.setattr("ackd.stages.context.build_backbone", build)
    monkeypatch.setattr(pairing, "match_by_distance", spy)
    config = toy.config(tmp_path, "matching=nearest_feature", "seed=3")
    assert not config.needs_matcher
    context = SceneContext(config, toy.benchmark())
    torch.manual_seed(9)
    teacher = ToyBackbone(4, 3)
    state = torch.get_rng_state()
    made = make_pairing(context.config, toy.data(), context.networks, teacher, None)
    assert torch.equal(torch.get_rng_state(), state), "it drew from the training's generator"

    students, teachers, rgb_classes, ms_classes = searched[0]
    torch.testing.assert_close(teachers, outputs_of(teacher, "ms"))
    zbar = outputs_of(built[0], "rgb")
    if width == 8:
        torch.testing.assert_close(students, zbar)
    else:
        # Led to eight channels by one linear map without bias.
        assert students.shape == (27, 8)
        assert torch.linalg.lstsq(zbar, students).solution.isfinite().all()
        rest = students - zbar @ torch.linalg.lstsq(zbar, students).solution
        torch.testing.assert_close(rest, torch.zeros_like(rest), atol=1e-4, rtol=0)
    distance = torch.cdist(students.double(), teachers.double())
    distance[rgb_classes[:, None] != ms_classes[None]] = float("inf")
    assert torch.equal(made.pairs, made.gallery.index[distance.argmin(dim=1)])
    assert len(made.pairs.unique()) > 1


def test_it_is_the_student_that_training_starts_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    students: list[Backbone] = []
    build = Networks.build

    def watched(self: Networks, *words: Any, fresh: bool = True, **more: Any) -> Backbone:
        network = build(self, *words, fresh=fresh, **more)
        # not the one that is only tried on a small batch
        if words[-1] == "student.backbone" and fresh:
            students.append(network)
        return network

    start: dict[str, Tensor] = {}

    def at_start(self: DistillModule) -> None:
        start.update({k: v.clone() for k, v in self.backbone.state_dict().items()})

    monkeypatch.setattr(Networks, "build", watched)
    monkeypatch.setattr(DistillModule, "on_train_start", at_start)
    result = train(
        toy.composed(tmp_path, "matching=nearest_feature", "student.max_epochs=1", "seed=5"),
        tmp_path / "run",
    )
    assert result["student"]["metrics"]["oa"] is not None
    assert result["seconds"]["matcher"] == 0
    first, trained = students
    assert first is not trained
    assert all(torch.equal(v, start[k]) for k, v in first.state_dict().items())


def test_random_pairs_need_no_embeddings(tmp_path: Path) -> None:
    context = SceneContext(toy.config(tmp_path, "matching=random"), toy.benchmark())
    made = make_pairing(context.config, toy.data(), context.networks, ToyBackbone(4, 3), None)
    assert made.gallery.embeddings is None
    assert made.gallery.logits is not None
