"""RGB files of more than 8 bits, of other interleaves and with other bands than three."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.enums import ColorInterp

from ackd.data.options import AS_STORED, PixelOptions
from ackd.data.own_folders import OwnData
from ackd.data.reading.photographs import read_rgb, with_rgb_max
from ackd.errors import ConfigError, DataError
from tests.conftest import SHARED
from tests.data.layouts import write_tif
from tests.data.small_archives import load_own

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def eight_bits(seed: int = 0) -> NDArray[np.uint8]:
    levels = np.random.default_rng(seed).integers(0, 256, (3, 9, 9), dtype=np.uint8)
    levels[:, 0, 0] = 255
    return levels


def write_png16(path: Path, pixels: NDArray[np.uint16]) -> Path:
    with rasterio.open(
        path,
        "w",
        driver="PNG",
        count=3,
        height=pixels.shape[1],
        width=pixels.shape[2],
        dtype="uint16",
    ) as dataset:
        dataset.write(pixels)
    return path


def written(folder: Path, kind: str, levels: NDArray[np.uint8]) -> Path:
    wide = levels.astype(np.uint16) * 257
    match kind:
        case "png16":
            return write_png16(folder / "a.png", wide)
        case "tif16":
            return write_tif(folder / "a.tif", wide)
        case "planar16":
            return write_tif(folder / "a.tif", wide, interleave="band")
        case "planar8":
            return write_tif(folder / "a.tif", levels, interleave="band")
        case "float":
            return write_tif(folder / "a.tif", (levels / 255).astype(np.float32))
        case _:
            return write_tif(folder / "a.tif", levels)


@pytest.mark.parametrize("kind", ["tif8", "planar8", "png16", "tif16", "planar16", "float"])
def test_the_same_image_in_every_form(tmp_path: Path, kind: str) -> None:
    levels = eight_bits()
    path = written(tmp_path, kind, levels)
    options = with_rgb_max([path], AS_STORED)
    assert (options == AS_STORED) == kind.endswith("8")
    found = read_rgb(path, None, options)
    assert found.dtype == np.uint8
    assert np.array_equal(found, levels)


@pytest.mark.parametrize("kind", ["png", "chunky", "planar"])
def test_real_images_are_the_same_in_16_bits(shared_data: Path, tmp_path: Path, kind: str) -> None:
    """One and the same RGB side, to the last bit of its fingerprint, however it is stored."""
    sides = {}
    for form in ("8 bits", kind):
        root = tmp_path / form
        for label in ("Highway", "Forest"):
            for number in range(5):
                write_tif(root / "ms" / label / f"{number}.tif", np.full((1, 8, 8), 9, np.uint16))
            for file in sorted((shared_data / "EuroSAT_RGB" / label).glob("*.jpg"))[:6]:
                levels = read_rgb(file, None)
                path = root / "rgb" / label / file.name
                path.parent.mkdir(parents=True, exist_ok=True)
                wide = levels.astype(np.uint16) * 257
                if form == "8 bits":
                    path.write_bytes(file.read_bytes())
                elif form == "png":
                    write_png16(path.with_suffix(".png"), wide)
                else:
                    interleave = "band" if form == "planar" else "pixel"
                    write_tif(path.with_suffix(".tif"), wide, interleave=interleave)
        sides[form] = load_own(OwnData.look(root / "ms", root / "rgb")).rgb
    before, after = sides.values()
    assert after.images.dtype == np.uint8
    np.testing.assert_array_equal(after.images, before.images)


def test_what_is_white_is_asked_where_files_do_not_tell(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", eight_bits().astype(np.uint16) * 16)  # 12 of 16 bits
    with pytest.raises(ConfigError, match=r"uint16 numbers of \d+ to 4080.* data\.rgb_max=65535"):
        with_rgb_max([path], AS_STORED)
    with pytest.raises(DataError, match=r"data\.rgb_max does not say which"):
        read_rgb(path, None)
    found = read_rgb(path, None, PixelOptions(rgb_max=4080))
    assert np.array_equal(found, eight_bits())


def test_stated_bits_tell(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=9, width=9, dtype="uint16", nbits=12,
        photometric="rgb",
    ) as dataset:  # fmt: skip
        dataset.write(eight_bits().astype(np.uint16) * 16)
    assert with_rgb_max([path], AS_STORED).rgb_max == 4095


def test_a_fourth_band(tmp_path: Path) -> None:
    four = np.concatenate([eight_bits(), np.full((1, 9, 9), 255, np.uint8)])
    path = write_tif(tmp_path / "a.tif", four)
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [ColorInterp.gray, *[ColorInterp.undefined] * 3]
    with pytest.raises(DataError, match="has 4 bands, and it does not say which are red"):
        read_rgb(path, None)
    colors = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    for fourth in (ColorInterp.undefined, ColorInterp.alpha):  # infrared, or opaque
        with rasterio.open(path, "r+") as dataset:
            dataset.colorinterp = [*colors, fourth]
        assert np.array_equal(read_rgb(path, None), eight_bits())
    with rasterio.open(path, "r+") as dataset:  # the colors count, not the positions
        dataset.colorinterp = [ColorInterp.undefined, *colors]
    assert np.array_equal(read_rgb(path, None), four[1:])


def test_gray_and_palette(tmp_path: Path) -> None:
    gray = write_tif(tmp_path / "gray.tif", eight_bits()[:1])
    assert np.array_equal(read_rgb(gray, None), np.repeat(eight_bits()[:1], 3, axis=0))
    palette = Image.fromarray(eight_bits().transpose(1, 2, 0)).quantize(16)
    expected = np.asarray(palette.convert("RGB")).transpose(2, 0, 1)
    for name in ("palette.tif", "palette.png"):
        palette.save(tmp_path / name)
        assert np.array_equal(read_rgb(tmp_path / name, None), expected)


def test_black_and_white_of_one_bit(tmp_path: Path) -> None:
    image = Image.fromarray(np.eye(9, dtype=np.uint8) * 255).convert("1")
    image.save(tmp_path / "a.tif")
    assert np.unique(read_rgb(tmp_path / "a.tif", None)).tolist() == [0, 255]


@pytest.mark.parametrize("case", ["rgb16_png", "rgb16_planar"])
def test_the_stored_examples(case: str) -> None:
    folder = SHARED / "cases" / case / "rgb"
    if not folder.is_dir():
        pytest.skip("the small failing inputs (../shared/cases) are not on this machine")
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with pytest.raises(ConfigError, match=r"does not tell what is white.*data\.rgb_max"):
        with_rgb_max(paths, AS_STORED)
    found = read_rgb(paths[0], None, PixelOptions(rgb_max=4095))
    with rasterio.open(paths[0]) as dataset:
        assert np.allclose(found, dataset.read() * (255 / 4095), atol=0.5)
