"""Networks and losses are tried before anything is trained, and a seeded run does not notice."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ackd.backbones import Outputs
from ackd.data.benchmark import Benchmark
from ackd.data.reading.photographs import read_rgb
from ackd.errors import ConfigError
from ackd.stages import trial
from ackd.stages.context import SceneContext, open_context
from ackd.stages.trial import try_run
from tests.config.composing import options_of
from tests.data.layouts import write_jpg, write_tif
from tests.data.patch_layouts import numbered_pixels
from tests.slow import slow
from tests.stages import toy

HERE = "tests.stages.test_trial"


def sized(ms: int, rgb: int | None = None) -> Benchmark:
    bench = toy.benchmark()
    return replace(
        bench,
        ms=toy.scenes("ms", 10, size=ms),
        rgb=toy.scenes("rgb", 15, size=ms if rgb is None else rgb),
    )


def run(tmp_path: Path, bench: Benchmark, *overrides: str) -> None:
    try_run(SceneContext(toy.config(tmp_path, *overrides), bench))


def refused(tmp_path: Path, bench: Benchmark, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        run(tmp_path, bench, *overrides)
    text = str(caught.value)
    assert "\n" not in text
    return text


class Own(nn.Module):
    """Keeps the contract without inheriting from anything of ackd."""

    def __init__(self, bands: int, classes: int, width: int = 6, fault: str = "") -> None:
        super().__init__()
        self.z_dim = self.zbar_dim = width
        self.fault = fault
        self.conv = nn.Conv2d(bands, width, 4, stride=4)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Any:
        maps = self.conv(x)
        zbar = maps.mean(dim=(2, 3))
        z = maps if self.fault == "z" else maps.flatten(2).mT
        out = Outputs(z, zbar, self.head(zbar), (maps.shape[2], maps.shape[3]))
        return out.logits if self.fault == "logits" else out


class NoWidths(nn.Module):
    def __init__(self, bands: int, classes: int) -> None:
        super().__init__()


class OwnLoss(nn.Module):
    """A loss outside of the project, which goes wrong as ``fault`` says."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault

    def forward(self, student: Outputs, teacher: Outputs, target: Tensor, epoch: int) -> Any:
        loss = (student.logits - teacher.logits).square().mean()
        if self.fault == "shape":
            return {"kd": (student.z @ teacher.z).mean()}
        if self.fault == "vector":
            return {"kd": (student.logits - teacher.logits).square().mean(1)}
        if self.fault == "undefined":
            return {"kd": loss * float("nan")}
        if self.fault == "gradient":
            return {"kd": (student.logits - student.logits).abs().sqrt().sum()}
        return {"list": [loss], "scalar": loss, "task": {"task": loss}}.get(
            self.fault, {"kd": loss}
        )


@pytest.mark.parametrize("stage", [slow("teacher"), slow("matcher"), "student"])
def test_an_image_too_small_for_the_network_is_told_with_sizes_that_fit(
    stage: str, tmp_path: Path
) -> None:
    text = refused(tmp_path, sized(16), f"{stage}.backbone.name=vgg11")
    side = "RGB" if stage == "student" else "MS"
    assert text.startswith(f"{stage}.backbone.name=vgg11 cannot serve for {side} images of 16x16")
    assert "it takes 32, 48, 64, 96, 120 and others (data.size=N)" in text


def test_a_network_that_is_tied_to_a_size_serves_for_it(tmp_path: Path) -> None:
    run(tmp_path, sized(32), "method=kd", "student.backbone.name=test_vit_relpos")


@pytest.mark.slow
def test_a_matcher_tied_to_a_size_sees_two(tmp_path: Path) -> None:
    tied = "matcher.backbone.name=test_vit_relpos"
    text = refused(tmp_path, sized(64, 32), tied)
    assert "RGB images of 64x64 pixels" in text
    assert "the two sides have images of different sizes" in text
    run(tmp_path, sized(32), tied)


def test_heads_that_do_not_divide_the_width_of_an_own_network(tmp_path: Path) -> None:
    own = (f"+teacher.backbone._target_={HERE}.Own", "+teacher.backbone.width=9")
    text = refused(tmp_path, sized(8), *own)
    assert "cut 9 channels into 2 equal heads (planner.heads=2)" in text
    run(tmp_path, sized(8), *own, "planner.heads=3")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["+{}.fault=z"], ["Own: z has the shape (2, 6, 2, 2)", "(2, 4, 6) was expected"]),
        (["+{}.fault=logits"], ["Own returned a Tensor", "(z, zbar, logits, grid)"]),
    ],
)
def test_an_own_network_that_breaks_the_contract(
    arguments: list[str], words: list[str], tmp_path: Path
) -> None:
    given = [word.format("student.backbone") for word in arguments]
    own = f"+student.backbone._target_={HERE}.Own"
    text = refused(tmp_path, sized(8), own, *given)
    assert f"student.backbone._target_={HERE}.Own cannot serve" in text
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([f"+student.backbone._target_={HERE}.Own", "+student.backbone.widht=3"],
         ["student.backbone", "widht", "width?"]),
        ([f"+student.backbone._target_={HERE}.Owl"], ["no 'Owl'", f"{HERE}.Own?"]),
        (["+student.backbone._target_=no_such.Net"], ["no_such cannot be imported", "PYTHONPATH"]),
        ([f"+student.backbone._target_={HERE}.NoWidths"], ["z_dim=None", "integers z_dim"]),
        ([f"+student.backbone._target_={HERE}.Own", "student.backbone.pretrained=true"],
         ["pretrained=true", "no library has weights", "pretrained=FILE"]),
        (["student.backbone.pretrained=nowhere.pt"], ["nowhere.pt is not a file"]),
    ],
)  # fmt: skip
def test_an_own_network_or_a_file_that_cannot_be_had_is_told_without_pixels(
    overrides: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_pixels(*_: object) -> Benchmark:
        raise AssertionError("pixels were read")

    monkeypatch.setattr("ackd.stages.context.build_benchmark", no_pixels)
    with pytest.raises(ConfigError) as caught:
        open_context(toy.config(tmp_path, *overrides))
    for word in words:
        assert word in str(caught.value)


MINE = f"+loss.kd.mine.loss._target_={HERE}.OwnLoss"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            "shape",
            ["failed with RuntimeError", "returns a scalar or a dictionary of named scalars"],
        ),
        ("vector", ["its part 'kd' is not a scalar but (4,)"]),
        ("list", ["it returned a list"]),
        ("undefined", ["its part 'kd' is nan for random features"]),
        ("gradient", ["its gradient for logits is not finite"]),
    ],
)
def test_an_own_loss_that_goes_wrong_is_told(fault: str, words: list[str], tmp_path: Path) -> None:
    text = refused(tmp_path, sized(32), MINE, f"+loss.kd.mine.loss.fault={fault}")
    assert text.startswith(f"loss.kd.mine.loss ({HERE}.OwnLoss): ")
    for word in (*words, "zbar (4, "):
        assert word in text


def test_two_terms_of_one_name_are_told(tmp_path: Path) -> None:
    text = refused(tmp_path, sized(32), MINE.replace("mine", "ot1"))
    assert "Two terms of the loss are called 'ot1'" in text


@pytest.mark.parametrize("fault", ["", "scalar"])
def test_an_own_loss_that_is_right_passes(fault: str, tmp_path: Path) -> None:
    run(tmp_path, sized(32), MINE, f"+loss.kd.mine.loss.fault={fault}")


@pytest.mark.parametrize("kd", [name for name in options_of("kd") if name != "none"])
def test_every_loss_of_the_project_passes(kd: str, tmp_path: Path) -> None:
    run(tmp_path, sized(32), f"kd={kd}", "recipe=official", "ska.patches=pooled")


def test_the_trial_draws_from_no_generator(tmp_path: Path) -> None:
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # type: ignore[union-attr]
    run(tmp_path, sized(32), "student.backbone.name=mobilenetv2")
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()
    assert (before[2] == np.random.get_state()[1]).all()  # type: ignore[index]


@pytest.mark.slow
def test_networks_are_tried_before_all_images_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label in ("field", "wood"):
        for number in range(5):
            write_tif(tmp_path / "ms" / label / f"{number}.tif", numbered_pixels(4, 16))
            write_jpg(tmp_path / "rgb" / label / f"{number}.jpg", number, 16)
    words = (
        "data=folders", f"data.ms={tmp_path}/ms", f"data.rgb={tmp_path}/rgb",
        f"data.packs={tmp_path}/packs", "method=baseline", "student.batch_size=4",
    )  # fmt: skip
    tried: list[str] = []
    once = trial.try_network

    def counted_try(context: SceneContext, role: trial.Role) -> Outputs:
        tried.append(role.option)
        return once(context, role)

    monkeypatch.setattr(trial, "try_network", counted_try)
    open_context(toy.config(tmp_path, *words))
    assert tried == ["student.backbone"]  # and not again when all images are there
    read: list[Path] = []

    def counted_read(path: Path, *rest: Any) -> Any:
        read.append(path)
        return read_rgb(path, *rest)

    monkeypatch.setattr("ackd.data.sources.class_folders.read_rgb", counted_read)
    with pytest.raises(ConfigError, match=r"vgg11 cannot serve for RGB images of 16x16 pixels"):
        open_context(
            toy.config(tmp_path, *words, "student.backbone.name=vgg11", "data.packed=false")
        )
    assert len(read) == 1


def test_open_context_tries_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ackd.stages.context.build_benchmark", lambda *_: sized(16))
    with pytest.raises(ConfigError, match=r"student\.backbone\.name=vgg11 cannot serve"):
        open_context(toy.config(tmp_path, "student.backbone.name=vgg11", "method=baseline"))
    assert list(tmp_path.iterdir()) == []
