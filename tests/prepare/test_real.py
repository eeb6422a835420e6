"""Real images: prepared by the command, then trained on to the end without the archives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ackd.backbones import Backbone
from ackd.data import PackedImages
from ackd.stages.context import open_context
from ackd.stages.pipeline import run_pipeline
from tests.prepare.running import Command
from tests.stages.toy import ToyBackbone, config

BANDS = ("B02", "B03", "B04", "B08")


@pytest.fixture(autouse=True)
def _toy_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(name: str, bands: int, classes: int, **_: object) -> Backbone:
        return ToyBackbone(bands, classes)

    monkeypatch.setattr("ackd.stages.context.build_backbone", build)
    monkeypatch.setenv("ACKD_RUN_FOLDER", "")


def train(folder: Path, *overrides: str) -> dict[str, Any]:
    words = [*overrides, f"data.bands=[{','.join(BANDS)}]", "student.max_epochs=1"]
    context = open_context(config(folder, *words))
    assert isinstance(context.benchmark.ms.images, PackedImages)
    return run_pipeline(context, folder / "run", resume=False)


def overrides_of(printed: str) -> list[str]:
    """The command that the last line tells to train with."""
    line = printed.strip().splitlines()[-1]
    words = line.partition("ackd.train ")[2].split()
    return [word for word in words if not word.startswith("data.bands")]


@pytest.mark.slow
def test_s2s_eu(
    shared_data: Path, shared_counts: dict[str, int], tmp_path: Path, prepare: Command
) -> None:
    said = prepare(
        *("s2s_eu", "--raw", shared_data, "--out", tmp_path / "s2s_eu", "--missing", "drop"),
        *("--size", 16, "--bands", *BANDS),
    )
    assert said.code == 0, said.err
    for words in ("PatternNet.zip", f"{shared_counts['s2s_eu_rgb']:,} RGB images"):
        assert words in said.out
    result = train(tmp_path, *overrides_of(said.out))
    assert 0 <= result["student"]["metrics"]["oa"] <= 1
    assert result["data"]["partial"]
    assert len(result["data"]["classes"]) == 10


@pytest.mark.slow
def test_m2s_gl_v2(shared_data: Path, tmp_path: Path, prepare: Command) -> None:
    said = prepare(
        *("m2s_gl_v2", "--raw", shared_data, "--out", tmp_path / "m2s", "--missing", "drop"),
        *("--size", 16, "--bands", *BANDS),
    )
    assert said.code == 0, said.err
    assert "Table 10" not in said.out  # the paper's numbers never stand beside it
    assert "without the classes" in said.out
    overrides = overrides_of(said.out)
    assert "data.missing_classes=drop" in overrides
    result = train(tmp_path, *overrides, "data.protocol=publisher")
    assert 0 <= result["student"]["metrics"]["f1"] <= 1
    assert result["protocol"] == "publisher"
