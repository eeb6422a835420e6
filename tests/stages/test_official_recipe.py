"""recipe=official from images to result: every difference arrives where it belongs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from ackd.alignment import SKA
from ackd.config.schema import Config
from ackd.data.benchmark import Benchmark
from ackd.errors import ConfigError
from ackd.losses import soft_target_info_nce
from ackd.modules import DistillModule, MatcherModule, TeacherModule
from ackd.stages.context import SceneContext, open_context
from ackd.stages.matcher import MatcherStage
from ackd.stages.stage import Done, KeptStage
from ackd.stages.teacher import TeacherStage
from ackd.train import train
from ackd.utils.values import digest
from tests.stages import toy


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def test_it_runs_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, list[dict[str, Tensor]]] = {}
    students: list[DistillModule] = []
    for module in (TeacherModule, MatcherModule, DistillModule):
        step = module.training_step

        def watched(self: Any, batch: Any, batch_idx: int, step: Any = step) -> Tensor:
            seen.setdefault(type(self).__name__, []).append(batch)
            if isinstance(self, DistillModule):
                students.append(self)
            return step(self, batch, batch_idx)

        monkeypatch.setattr(module, "training_step", watched)
    losses: list[Tensor] = []

    def soft(v: Tensor, g: Tensor, temperature: float) -> Tensor:
        assert temperature == 1.0
        losses.append(v)
        return soft_target_info_nce(v, g, temperature)

    monkeypatch.setattr("ackd.modules.matcher.soft_target_info_nce", soft)
    cfg = toy.composed(tmp_path, "recipe=official", "student.max_epochs=2")
    result = train(cfg, tmp_path / "run")
    assert result["recipe"] == "official"
    assert result["student"]["metrics"]["oa"] is not None

    for batch in seen["TeacherModule"] + seen["MatcherModule"]:
        # Every image's brightest pixel over all bands is 1.
        assert torch.equal(batch["ms"].amax(dim=(1, 2, 3)), torch.ones(len(batch["ms"])))
        assert batch["ms"].min() >= -1
    for batch in seen["DistillModule"]:
        levels = batch["rgb"] * 127.5 + 127.5
        torch.testing.assert_close(levels, levels.round(), atol=1e-3, rtol=0)
        assert levels.min() >= 0
        assert levels.max() <= 255
    for batch in seen["MatcherModule"]:
        # The first three bands in levels 0..255, not normalised.
        assert (batch["pseudo_rgb"].amax(dim=(1, 2, 3)) == 255).all()
    assert losses
    assert min(float(v.detach().norm(dim=1).mean()) for v in losses) > 5  # LayerNorm of width 256
    (stage,) = (tmp_path / "artifacts" / "matcher").glob("*/metrics.json")
    assert set(json.loads(stage.read_text())["metrics"]) == {"soft_target"}

    objective = students[0].objective
    weights = objective.weights
    assert (weights.task, weights.lambda1) == (0.3, 0.4)
    assert weights.lambda2 == pytest.approx(0.3 * 0.01)
    assert isinstance(objective.ska, SKA)
    ska = objective.ska
    assert (ska.scaling, ska.rescale, ska.patches) == ("official", "energy", "flatten")
    # What is left of the student says how to feed it.
    exported = torch.load(tmp_path / "run" / "student.pt", weights_only=True)
    assert exported["mean"].flatten().tolist() == [127.5] * 3
    assert exported["std"].flatten().tolist() == [127.5] * 3


def shape(stage: type[KeptStage[Any]], config: Config, bench: Benchmark | None = None) -> str:
    return digest(stage.of(SceneContext(config, bench or toy.benchmark()), Done()).shaped_by())


@pytest.mark.parametrize(
    ("overrides", "teacher", "matcher"),
    [
        (["data.normalise=image_max"], True, True),
        (["data.pseudo_rgb=image_max"], False, True),
        (["data.pseudo_rgb_bands=first"], False, True),
        (["data.pseudo_rgb_bands=[B04,B03,B02]"], False, False),  # those that null finds
        (["data.pseudo_rgb_reflectance=0.3"], False, True),
        (["matcher.loss=soft_target"], False, True),
        (["matcher.temperature=2"], False, True),
        (["matcher.unit_length=false"], False, True),
        (["transport.every=3", "matching=nearest_feature"], False, False),
    ],
)
def test_what_shapes_a_stage_is_in_its_digest(
    overrides: list[str], teacher: bool, matcher: bool, tmp_path: Path
) -> None:
    base, other = toy.config(tmp_path), toy.config(tmp_path, *overrides)
    changed = [shape(stage, base) != shape(stage, other) for stage in (TeacherStage, MatcherStage)]
    assert changed == [teacher, matcher]


def test_the_released_matcher_does_not_depend_on_rgb_images(tmp_path: Path) -> None:
    bench = toy.benchmark()
    other = replace(bench, rgb=replace(bench.rgb, images=bench.rgb.images // 2))
    released = toy.config(tmp_path, "recipe=official")
    assert shape(MatcherStage, released, bench) == shape(MatcherStage, released, other)
    # Nor on the reflectance, which its pseudo-RGB does not look at.
    brighter = toy.config(tmp_path, "recipe=official", "data.pseudo_rgb_reflectance=0.4")
    assert shape(MatcherStage, released, bench) == shape(MatcherStage, brighter, bench)
    fixed = toy.config(tmp_path, "data.normalise=image_max")
    assert shape(MatcherStage, fixed, bench) == shape(MatcherStage, fixed, other)


def test_bands_that_are_not_there_are_told_before_anything_is_trained(tmp_path: Path) -> None:
    config = toy.config(tmp_path, "data.pseudo_rgb_bands=[B01,B02,B03]")
    with pytest.raises(ConfigError, match=r"data.pseudo_rgb_bands names B01.*data.bands"):
        open_context(config)
    # Nobody needs them without a matcher.
    open_context(toy.config(tmp_path, "data.pseudo_rgb_bands=[B01,B02,B03]", "method=kd"))


@pytest.mark.parametrize("value", ["B02", "[B02,B03]", "[B02,B02,B03]", "3", "[1,2,3]"])
def test_what_is_no_choice_of_three_bands_is_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data.pseudo_rgb_bands=.*three band names") as caught:
        toy.config(tmp_path, f"data.pseudo_rgb_bands={value}")
    assert len(str(caught.value).splitlines()) == 1
