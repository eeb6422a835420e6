"""Images of any size and of four number types; what cannot be read is told of as the user's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ackd.data.assemble import load_benchmark
from ackd.data.options import FolderOptions
from ackd.data.own_folders import ready
from ackd.data.reading.multispectral import resize_bands
from ackd.errors import DataError
from tests.data.layouts import write_jpg, write_tif
from tests.data.own_folders.folders import (
    assert_about_own_folders,
    describe,
    look,
    write_own,
)
from tests.data.patch_layouts import numbered_pixels, rgb_pixels


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("size", [None, 6, 12])
def test_number_types_and_sizes(tmp_path: Path, dtype: str, size: int | None) -> None:
    write_own(tmp_path, bands=2)
    pixels = np.full((2, 7, 9), -5 if dtype == "int16" else 5).astype(dtype)
    path = write_tif(tmp_path / "ms" / "field" / "2.tif", pixels)
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
    write_tif(path, np.ones((5, 8, 8), np.complex64))
    with pytest.raises(DataError, match="holds complex64; expected uint8 or uint16 or int16"):
        sources["ms"].read(path, ("b1",), 8)
    write_tif(path, np.full((5, 8, 8), np.nan, np.float32))
    with pytest.raises(
        DataError, match=r"64 invalid pixels \(100 % of the image\) in band b1: nan"
    ):
        sources["ms"].read(path, ("b1",), 8)
    write_tif(path, np.ones((4, 8, 8), np.uint16))
    with pytest.raises(DataError, match=r"has 4 bands; expected 5 \(b1, b2"):
        sources["ms"].read(path, ("b1",), 8)


@pytest.mark.parametrize("fault", ["cut", "empty", "page", "gone", "type", "other", "nested"])
@pytest.mark.parametrize("side", ["ms", "rgb"])
def test_no_message_about_own_images_speaks_of_publishers(
    tmp_path: Path, side: str, fault: str
) -> None:
    write_own(tmp_path)
    _, sources = describe(tmp_path)
    folder, source = tmp_path / side / "wood", sources[side]
    path = next(iter(sorted(folder.iterdir())))
    content = path.read_bytes()
    if fault in ("cut", "empty", "page"):
        path.write_bytes({"cut": content[:200], "empty": b"", "page": b"<html>"}[fault])
    elif fault == "gone":
        path.unlink()
    elif fault == "type":
        write_tif(path.with_suffix(".tif"), np.ones((5, 8, 8), np.complex64))
        path = path.with_suffix(".tif")
    elif fault == "other":
        path.rename(path.with_suffix(".bmp"))
    else:
        write_jpg(folder / "deeper" / "1.jpg")
    bands = ("b1",) if side == "ms" else ("R", "G", "B")
    listed = fault in ("other", "nested")
    with pytest.raises(DataError) as caught:
        source.scan(tmp_path / side, ["wood"]) if listed else source.read(path, bands, None)
    assert_about_own_folders(str(caught.value))
    assert f"data.{side}" in str(caught.value) or fault == "other"


def test_ms_images_of_several_sizes_need_a_size(tmp_path: Path) -> None:
    write_own(tmp_path)
    write_tif(tmp_path / "ms" / "field" / "2.tif", numbered_pixels(5, 12))
    own = ready(look(tmp_path))
    roots: Any = {"ms": own.ms.folder, "rgb": own.rgb.folder}
    known = own.sources
    options = FolderOptions(
        name="folders", ms=str(roots["ms"]), rgb=str(roots["rgb"]), packs=str(tmp_path / "packs")
    )
    for packed in (False, True):
        asked = replace(options, packed=packed).with_rgb_size(8)
        with pytest.raises(
            DataError, match=r"2\.tif is 12x12 pixels and .* is 8x8; data\.size=8 resizes"
        ):
            load_benchmark(roots, own.class_map, asked, known=known)
    asked = replace(options, size=10, packed=False)
    found = load_benchmark(roots, own.class_map, asked, known=known)
    assert found.ms.images.shape[2:] == found.rgb.images.shape[2:] == (10, 10)


def test_a_look_at_tifs_without_coordinates_warns_of_nothing(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    write_own(tmp_path, bands=4)
    names = ("B02", "B03", "B04", "B08")
    look(tmp_path, file_bands=names, sensor="sentinel2", scale=100.0)
    assert not [one for one in recwarn if "Georeferenced" in one.category.__name__]
