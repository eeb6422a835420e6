"""S2S-CN from its publishers' layouts, and all three subsets from the authors', to a student."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ackd.backbones import Backbone
from ackd.stages.context import open_context
from ackd.stages.pipeline import run_pipeline
from tests.data.datasets.test_released import write_released
from tests.data.datasets.test_subsets import write_rgb_side
from tests.data.patch_layouts import write_nasc_tg2
from tests.stages.toy import ToyBackbone, config


@pytest.fixture(autouse=True)
def _toy_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(name: str, bands: int, classes: int, **_: object) -> Backbone:
        return ToyBackbone(bands, classes)

    monkeypatch.setattr("ackd.stages.context.build_backbone", build)


def run(folder: Path, *overrides: str) -> dict[str, Any]:
    options = [*overrides, f"data.root={folder / 'raw'}", "data.size=8", "student.max_epochs=1"]
    return run_pipeline(open_context(config(folder, *options)), folder / "run", resume=False)


def test_s2s_cn_from_its_publishers(tmp_path: Path) -> None:
    write_nasc_tg2(tmp_path / "raw", 5)
    write_rgb_side(tmp_path / "raw", "s2s_cn", 5)
    result = run(tmp_path, "data=s2s_cn", "data.pseudo_rgb=image_max")
    assert len(result["data"]["classes"]) == 10
    assert result["teacher"]["metrics"]["oa"] is not None
    assert result["student"]["metrics"]["oa"] is not None


@pytest.mark.parametrize("benchmark", ["s2s_eu", "s2s_cn", "m2s_gl"])
def test_the_authors_layout(tmp_path: Path, benchmark: str) -> None:
    write_released(tmp_path / "raw", benchmark, 10)
    scaled = [] if benchmark == "s2s_eu" else ["data.pseudo_rgb=image_max"]
    result = run(tmp_path, f"data={benchmark}", "data.layout=released", *scaled)
    assert len(result["data"]["classes"]) == (15 if benchmark == "m2s_gl" else 10)
    assert result["student"]["metrics"]["oa"] is not None
    # a teacher of several labels an image is measured by F1 alone
    assert (result["teacher"]["metrics"]["oa"] is None) == (benchmark == "m2s_gl")
