"""Whole runs that read packed images: real ones, prepared ones, and a user's own folders."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ackd.backbones import Backbone
from ackd.data import PackedImages, find_benchmark, pack, select
from ackd.errors import ConfigError
from ackd.stages.benchmark import build_benchmark
from ackd.stages.context import open_context
from ackd.stages.pipeline import run_pipeline
from tests.data.layouts import write_jpg, write_tif
from tests.data.small_archives import asked
from tests.slow import slow
from tests.stages.toy import ToyBackbone, config


@pytest.fixture
def toy_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(name: str, bands: int, classes: int, **_: object) -> Backbone:
        return ToyBackbone(bands, classes)

    monkeypatch.setattr("ackd.stages.context.build_backbone", build)


def run(folder: Path, *overrides: str) -> dict[str, Any]:
    context = open_context(config(folder, "student.max_epochs=1", *overrides))
    assert isinstance(context.benchmark.ms.images, PackedImages)
    return run_pipeline(context, folder / "run", resume=False)


@pytest.mark.slow
@pytest.mark.usefixtures("toy_networks")
def test_real_images_from_the_archives_to_a_student(shared_data: Path, tmp_path: Path) -> None:
    options = ["data=s2s_eu", "data.sources=[eurosat,nwpu_resisc45]"]
    result = run(tmp_path, *options, f"data.root={shared_data}")
    assert 0 <= result["student"]["metrics"]["oa"] <= 1
    assert result["data"]["partial"]
    selection = select(
        {"ms": shared_data, "rgb": shared_data},
        find_benchmark("s2s_eu")[0],
        asked(sources=["eurosat", "nwpu_resisc45"]),
    )
    pack(selection, tmp_path / "prepared", asked(size=64))
    prepared = config(tmp_path, *options, f"data.root={tmp_path / 'prepared'}")
    direct = config(tmp_path, *options, f"data.root={shared_data}", "data.packed=false")
    one, other = build_benchmark(prepared.data), build_benchmark(direct.data)
    assert isinstance(other.ms.images, np.ndarray)
    assert one.ms.fingerprint == other.ms.fingerprint
    assert one.rgb.fingerprint == other.rgb.fingerprint


def own(root: Path, classes: tuple[str, ...] = ("bog", "heath"), kind: type = np.int16) -> None:
    rng = np.random.default_rng(0)
    for label, name in enumerate(classes):
        for number in range(12):
            pixels = (label * 50 + rng.integers(0, 99, (5, 12, 12))).astype(kind)
            write_tif(root / "ms" / name / f"{number}.tif", pixels)
            write_jpg(root / "rgb" / name / f"{number}.jpg", number, size=16)


@pytest.mark.usefixtures("toy_networks")
@pytest.mark.parametrize("kind", [slow(np.int16), np.float32])
def test_own_folders_of_any_size_and_number_type(tmp_path: Path, kind: type) -> None:
    own(tmp_path, kind=kind)
    options = [
        "data=folders", f"data.ms={tmp_path / 'ms'}", f"data.rgb={tmp_path / 'rgb'}",
        "data.pseudo_rgb_bands=first", "data.pseudo_rgb=image_max",
        *(f"{stage}.batch_size=4" for stage in ("teacher", "matcher", "student")),
    ]  # fmt: skip
    benchmark = build_benchmark(config(tmp_path, *options).data)
    assert benchmark.ms.images.shape == (24, 5, 12, 12)
    assert benchmark.rgb.images.shape == (24, 3, 12, 12)  # resized to the MS images' size
    found = build_benchmark(config(tmp_path, *options, "data.size=found").data)
    assert found.rgb.images.shape == (24, 3, 16, 16)
    assert benchmark.ms.images.dtype == kind
    assert run(tmp_path, *options)["data"]["classes"] == ["bog", "heath"]


def test_own_folders_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.ms='\?\?\?'.*give data\.ms=DIR"):
        config(tmp_path, "data=folders")


def test_a_run_is_the_same_wherever_its_images_lie(tmp_path: Path) -> None:
    from ackd.config.schema.identity import identity

    own(tmp_path)
    shutil.copytree(tmp_path / "ms", tmp_path / "ms2")
    one, other = (
        identity(
            config(
                tmp_path,
                "data=folders",
                f"data.ms={tmp_path / ms}",
                f"data.rgb={tmp_path / 'rgb'}",
                f"data.packed={packed}",
            )
        )
        for ms, packed in (("ms", "true"), ("ms2", "false"))
    )
    assert one == other
