"""Own data in three forms train from the first or second command that a stranger types."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image

from ackd.data.sensors import EUROSAT_BANDS
from ackd.data.synthetic import make_synthetic
from tests.cli.running import Done, run, run_folders
from tests.data.layouts import write_tif

SHORT = ("teacher.max_epochs=1", "matcher.max_epochs=1", "student.max_epochs=1")
SIX = ("B02", "B03", "B04", "B08", "B11", "B12")
PER_CLASS = 12

#: (class, number, MS image in EuroSAT's band order, RGB image (H, W, 3))
Scene = tuple[str, int, NDArray[np.uint16], NDArray[np.uint8]]


def embedded_scenes() -> Iterator[Scene]:
    made = make_synthetic(
        ms_per_class=PER_CLASS, rgb_per_class=PER_CLASS, size=64, bands=EUROSAT_BANDS, classes=3
    )
    for row, label in enumerate(made.ms.labels.tolist()):
        image = made.rgb.images[row].transpose(1, 2, 0)
        yield made.classes[label], row, made.ms.images[row], image


def real_scenes(root: Path) -> Iterator[Scene]:
    for label, scene in (
        ("Forest", "forest"),
        ("River", "river"),
        ("Industrial", "industrial_area"),
    ):
        tifs = sorted((root / "EuroSAT_MS" / label).glob("*.tif"))[:PER_CLASS]
        photographs = sorted((root / "NWPU-RESISC45" / scene).glob("*.jpg"))[:PER_CLASS]
        for number, (tif, photograph) in enumerate(zip(tifs, photographs, strict=True)):
            with rasterio.open(tif) as dataset:
                pixels = dataset.read()
            yield label, number, pixels, np.asarray(Image.open(photograph).convert("RGB"))


def write(
    scenes: Iterator[Scene],
    ms: Path,
    rgb: Path,
    *,
    change: Callable[[NDArray[np.uint16]], NDArray[Any]],
    side: int = 64,
    name: str = "{number}",
) -> None:
    """Write both sides, the photographs ``side`` pixels wide and high."""
    for label, number, pixels, image in scenes:
        stem = name.format(number=number)
        write_tif(ms / label / f"{stem}.tif", change(pixels))
        path = rgb / label / f"{stem}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize((side, side)).save(path)


def six_bands(pixels: NDArray[np.uint16]) -> NDArray[Any]:
    return pixels[[EUROSAT_BANDS.index(band) for band in SIX]]


def reflectance(pixels: NDArray[np.uint16]) -> NDArray[Any]:
    return (pixels / 10000).astype(np.float32)


def trained(done: Done, cwd: Path) -> dict[str, Any]:
    """The result of a command that must have trained to the end."""
    assert done.code == 0, done.err
    (folder,) = run_folders(cwd)
    assert folder.parts[-3:-1] == ("folders", "sembridge-s0")
    found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    assert found["student"]["metrics"]["oa"] is not None
    assert len(found["data"]["classes"]) == 3
    shutil.rmtree(cwd / "outputs")
    return found


@pytest.fixture(params=["embedded", "real"])
def scenes(request: pytest.FixtureRequest) -> Callable[[], Iterator[Scene]]:
    if request.param == "embedded":
        return embedded_scenes
    root: Path = request.getfixturevalue("shared_data")
    return lambda: real_scenes(root)


@pytest.mark.slow
def test_three_forms_train_from_the_first_or_second_command(
    tmp_path: Path, scenes: Callable[[], Iterator[Scene]]
) -> None:
    first = ["-m", "ackd.train", "data=folders"]

    # 1: uint16 tifs of six bands, of which nobody says more
    write(scenes(), tmp_path / "six/ms", tmp_path / "six/rgb", change=six_bands)
    done = run(*first, "data.ms=six/ms", "data.rgb=six/rgb", *SHORT, cwd=tmp_path)
    result = trained(done, tmp_path)
    assert result["data"]["bands"]["ms"] == [f"b{number}" for number in range(1, 7)]
    log = done.out + done.err
    assert "b1, b2 and b3 (the first three) stand for red, green and blue" in log
    assert "training images do not fill the default of 128" in log

    # 2: float32 reflectance of thirteen bands: the order is asked for, with commands to paste
    write(scenes(), tmp_path / "float/ms", tmp_path / "float/rgb", change=reflectance)
    asked = run(*first, "data.ms=float/ms", "data.rgb=float/rgb", *SHORT, cwd=tmp_path)
    assert asked.code == 1
    assert "looks like Sentinel-2 reflectance from 0 to 1" in asked.err
    offered = [line for line in asked.err.splitlines() if "python -m ackd.train" in line]
    (pasted,) = (line for line in offered if f"[{','.join(EUROSAT_BANDS)}]" in line)
    result = trained(run(*shlex.split(pasted)[1:], cwd=tmp_path), tmp_path)
    assert result["data"]["bands"]["ms"] == list(EUROSAT_BANDS)

    # 3: photographs of 256 pixels with odd names, in a path with spaces
    home = tmp_path / "my data (2024), été"
    ms, rgb = home / "ms", home / "rgb=256"
    write(scenes(), ms, rgb, change=six_bands, side=256, name="photo № {number} =a,b [x]")
    done = run(*first, f"data.ms={ms}", f"data.rgb={rgb}", *SHORT, cwd=tmp_path)
    trained(done, tmp_path)
    log = done.out + done.err
    assert "RGB images (256x256 in photo № 0 =a,b [x].jpg) are resized to 64x64" in log
    assert "takes 16 times the time of a step" in log
