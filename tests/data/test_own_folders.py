"""A user's own class folders: any bands, any size, four number types, and clear refusals."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ackd.data.listing import list_side
from ackd.data.own_folders import own_folders
from ackd.data.scenes import resize_bands
from ackd.data.sensors import SENSORS, rgb_bands
from ackd.errors import ConfigError, DataError
from tests.data.layouts import write_jpg, write_tif
from tests.data.patch_layouts import numbered_pixels, rgb_pixels


def write_own(root: Path, classes: tuple[str, ...] = ("field", "wood"), **pixels: Any) -> None:
    for label in classes:
        for number in (1, 2):
            write_tif(root / "ms" / label / f"{number}.tif", numbered_pixels(5, **pixels))
            write_jpg(root / "rgb" / label / f"{number}.jpg", number)


def describe(root: Path, **options: Any) -> Any:
    return own_folders(root / "ms", root / "rgb", **options)


def refusal(root: Path, **options: Any) -> str:
    with pytest.raises((ConfigError, DataError)) as caught:
        describe(root, **options)
    return str(caught.value)


def test_classes_are_folders_and_bands_are_numbered(tmp_path: Path) -> None:
    write_own(tmp_path)
    class_map, sources = describe(tmp_path)
    assert class_map.classes == ("field", "wood")
    assert class_map.paper_counts == {}
    assert sources["ms"].sensor.names == ("b1", "b2", "b3", "b4", "b5")
    ms = list_side(tmp_path / "ms", "ms", ["ms"], class_map, sources)
    rgb = list_side(tmp_path / "rgb", "rgb", ["rgb"], class_map, sources)
    assert [record.file for record in ms.records] == [
        f"{label}/{number}.tif" for label in ("field", "wood") for number in (1, 2)
    ]
    assert ms.labels.tolist() == rgb.labels.tolist() == [0, 0, 1, 1]
    assert not set(ms.scene_ids) & set(rgb.scene_ids)  # 1.tif and 1.jpg are two places
    image = sources["ms"].read(tmp_path / "ms" / ms.records[0].file, ("b4", "b2"), None)
    assert (image // 1000)[:, 0, 0].tolist() == [4, 2]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("size", [None, 6, 12])
def test_number_types_and_sizes(tmp_path: Path, dtype: str, size: int | None) -> None:
    write_own(tmp_path)
    pixels = np.full((2, 7, 9), -5 if dtype == "int16" else 5).astype(dtype)
    path = write_tif(tmp_path / "ms" / "field" / "1.tif", pixels)
    _, sources = describe(tmp_path)
    image = sources["ms"].read(path, ("b2",), size)
    assert image.dtype == dtype
    assert image.shape == ((1, 7, 9) if size is None else (1, size, size))
    assert np.unique(image).tolist() == [pixels[0, 0, 0]]
    photograph = write_tif(tmp_path / "rgb" / "field" / "7.tif", rgb_pixels(7))
    assert sources["rgb"].read(photograph, ("R", "G", "B"), None).shape == (3, 7, 7)


@given(
    dtype=st.sampled_from(["uint8", "uint16", "int16", "float32"]),
    size=st.integers(1, 20),
    seed=st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_resizing_never_leaves_the_range_of_the_image(dtype: str, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixels = (rng.integers(-128, 128, (2, 9, 7)) * 255).astype(np.int64)
    limits = np.iinfo(dtype) if dtype != "float32" else np.iinfo("int32")
    pixels = pixels.clip(limits.min, limits.max).astype(dtype)
    resized = resize_bands(pixels, size)
    assert resized.shape == (2, size, size)
    assert resized.dtype == dtype
    for before, after in zip(pixels, resized, strict=True):
        assert before.min() <= after.min() <= after.max() <= before.max()


def test_other_types_and_holes_are_refused(tmp_path: Path) -> None:
    write_own(tmp_path)
    _, sources = describe(tmp_path)
    path = tmp_path / "ms" / "field" / "1.tif"
    write_tif(path, np.ones((5, 8, 8), np.float64))
    with pytest.raises(
        DataError, match="holds float64; expected uint8 or uint16 or int16 or float32"
    ):
        sources["ms"].read(path, ("b1",), 8)
    write_tif(path, np.full((5, 8, 8), np.nan, np.float32))
    with pytest.raises(DataError, match="64 NaN pixels in band b1"):
        sources["ms"].read(path, ("b1",), 8)
    write_tif(path, np.ones((4, 8, 8), np.uint16))
    with pytest.raises(DataError, match=r"has 4 bands; expected 5 \(b1, b2"):
        sources["ms"].read(path, ("b1",), 8)


def test_a_class_on_one_side_only(tmp_path: Path) -> None:
    write_own(tmp_path)
    (tmp_path / "rgb" / "wood").rename(tmp_path / "rgb" / "woods")
    text = refusal(tmp_path)
    assert f"Class 'wood' is in {tmp_path / 'ms'}, but {tmp_path / 'rgb'} has no folder" in text
    assert "There is 'woods'" in text
    shutil.rmtree(tmp_path / "rgb" / "woods")
    assert "There is" not in refusal(tmp_path)
    shutil.rmtree(tmp_path / "ms" / "wood")
    write_jpg(tmp_path / "rgb" / "lake" / "1.jpg")
    assert f"Class 'lake' is in {tmp_path / 'rgb'}, but {tmp_path / 'ms'} has" in refusal(tmp_path)


def test_an_empty_class(tmp_path: Path) -> None:
    write_own(tmp_path)
    for path in (tmp_path / "rgb" / "wood").iterdir():
        path.unlink()
    class_map, sources = describe(tmp_path)
    with pytest.raises(DataError, match=r"wood is empty: it holds no \.jpg .*data\.rgb") as caught:
        list_side(tmp_path / "rgb", "rgb", ["rgb"], class_map, sources)
    assert "data.root" not in str(caught.value)
    assert "data.sources" not in str(caught.value)


def test_folders_that_are_none(tmp_path: Path) -> None:
    write_own(tmp_path)
    with pytest.raises(DataError, match=r"no folder .*mss \(data\.ms=.*\)\. Did you mean .*ms\?"):
        own_folders(tmp_path / "mss", tmp_path / "rgb")
    with pytest.raises(DataError, match=r"holds images itself, such as 1\.tif"):
        own_folders(tmp_path / "ms" / "wood", tmp_path / "rgb")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match=r"holds no folder; expected one folder a class"):
        own_folders(tmp_path / "ms", tmp_path / "none")
    for label in ("field", "wood"):
        for path in (tmp_path / "ms" / label).iterdir():
            path.write_text("<html>")
    assert "1.tif is a web page" in refusal(tmp_path)


def test_bands_by_given_names(tmp_path: Path) -> None:
    write_own(tmp_path)
    names = ["blue", "green", "red", "nir", "swir"]
    sensor = describe(tmp_path, file_bands=names)[1]["ms"].sensor
    assert sensor.names == tuple(names)
    assert (sensor.name, sensor.verified, sensor.scale) == ("generic", False, None)
    with pytest.raises(ConfigError, match=r"no generic band 'grean'.* Did you mean 'green'"):
        sensor.check(["grean"])
    assert "names red more than once" in refusal(tmp_path, file_bands=["red", "red"])
    assert "data.file_bands is empty" in refusal(tmp_path, file_bands=[])


def test_a_known_sensor_needs_the_order(tmp_path: Path) -> None:
    write_own(tmp_path)
    bands = ["B02", "B03", "B04", "B08", "B8A"]
    sensor = describe(tmp_path, file_bands=bands, sensor="sentinel2")[1]["ms"].sensor
    assert rgb_bands(sensor, bands) == ("B04", "B03", "B02")
    assert "name them in that order: data.file_bands=[...]" in refusal(tmp_path, sensor="sentinel2")
    assert "Did you mean 'sentinel2'" in refusal(tmp_path, file_bands=bands, sensor="sentinel-2")
    assert "Did you mean 'B02'" in refusal(tmp_path, file_bands=["B2"], sensor="sentinel2")


def test_colours_of_unknown_bands_must_be_named() -> None:
    with pytest.raises(
        ConfigError, match=r"generic bands b1, b2, b3 are not known.*pseudo_rgb_bands"
    ):
        rgb_bands(SENSORS["generic"], ("b1", "b2", "b3"))
