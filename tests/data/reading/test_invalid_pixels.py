"""Pixels that were not measured: found however a file marks them, and never seen by statistics."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from numpy.typing import NDArray
from PIL import Image

from ackd.callbacks.pictures import visible_levels
from ackd.data.benchmark import TRAIN
from ackd.data.datasets.class_map import ClassMap
from ackd.data.normalise import ImageMax, Normaliser
from ackd.data.options import PixelOptions
from ackd.data.own_folders import OwnData
from ackd.data.pseudo_rgb import PseudoRGB
from ackd.data.reading.multispectral import read_ms, resize_bands
from ackd.data.reading.photographs import read_rgb
from ackd.errors import ConfigError, DataError
from ackd.plots.composites import true_colour
from ackd.plots.spectra import image_means
from tests.conftest import SHARED
from tests.data.layouts import write_tif
from tests.data.small_archives import load_own

BANDS = ("b1", "b2", "b3")
ZERO = PixelOptions(nodata="zero")
FLOATS = ("float32", "float64")


def reflectance(seed: int = 0, size: int = 8) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0.05, 0.4, (3, size, size)).astype(np.float32)


def read(path: Path, options: PixelOptions = ZERO) -> NDArray[Any]:
    return read_ms(path, BANDS, BANDS, None, (*FLOATS, "uint16"), options)


def marked_by_value(path: Path, pixels: NDArray[Any], holes: NDArray[np.bool_]) -> Path:
    """The tag differs from the pixels in the last digits, as after a float32 conversion."""
    return write_tif(path, np.where(holes, np.float32(-9999.0), pixels), nodata=-9999.001)


def marked_by_lowest(path: Path, pixels: NDArray[Any], holes: NDArray[np.bool_]) -> Path:
    lowest = np.finfo(np.float32).min
    return write_tif(path, np.where(holes, lowest, pixels), nodata=-3.4e38)


def marked_by_nan(path: Path, pixels: NDArray[Any], holes: NDArray[np.bool_]) -> Path:
    return write_tif(path, np.where(holes, np.float32(np.nan), pixels))


def marked_by_infinity(path: Path, pixels: NDArray[Any], holes: NDArray[np.bool_]) -> Path:
    return write_tif(path, np.where(holes, np.float32(np.inf), pixels))


def marked_by_double(path: Path, pixels: NDArray[Any], holes: NDArray[np.bool_]) -> Path:
    return write_tif(path, np.where(holes, -9999.0, pixels.astype(np.float64)), nodata=-9999.0)


def marked_by_mask(path: Path, pixels: NDArray[Any], holes: NDArray[np.bool_]) -> Path:
    """An internal mask for all bands."""
    write_tif(path, pixels)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(~holes)
    return path


def marked_by_mask_beside(path: Path, pixels: NDArray[Any], holes: NDArray[np.bool_]) -> Path:
    """A mask in a file of its own."""
    write_tif(path, pixels)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(~holes)
    assert path.with_name(f"{path.name}.msk").is_file()
    return path


def marked_by_alpha(path: Path, pixels: NDArray[Any], holes: NDArray[np.bool_]) -> Path:
    alpha = np.where(holes, 0, 255).astype(pixels.dtype)
    write_tif(path, np.concatenate([pixels, alpha[None]]))
    with rasterio.open(path, "r+") as dataset:
        kinds = list(dataset.colorinterp)
        dataset.colorinterp = [*kinds[:-1], rasterio.enums.ColorInterp.alpha]
    return path


MARKS = [
    marked_by_value, marked_by_lowest, marked_by_nan, marked_by_infinity, marked_by_double,
    marked_by_mask, marked_by_mask_beside, marked_by_alpha,
]  # fmt: skip


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_is_found(tmp_path: Path, mark: Any) -> None:
    holes = np.zeros((8, 8), dtype=np.bool_)
    holes[2, 3:7] = True
    path = mark(tmp_path / "a.tif", reflectance(), holes)
    with pytest.raises(DataError, match=r"a\.tif has 4 invalid pixels \(6.2 % of the image\)"):
        read(path, PixelOptions())
    image = read(path)
    assert image.dtype == np.float32
    assert (np.isnan(image) == holes).all()
    assert np.array_equal(image[:, ~holes], reflectance()[:, ~holes])


def message(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read(path, PixelOptions())
    return str(caught.value)


@pytest.mark.parametrize("mark", [marked_by_mask, marked_by_mask_beside, marked_by_alpha])
def test_what_a_mask_excludes_is_not_listed_as_a_value(tmp_path: Path, mark: Any) -> None:
    holes = np.zeros((8, 8), dtype=np.bool_)
    holes[2, 3:7] = True
    text = message(mark(tmp_path / "a.tif", reflectance(), holes))
    assert "in bands b1, b2, b3: excluded by the mask or alpha band of the file. data" in text
    text = message(marked_by_value(tmp_path / "b.tif", reflectance(), holes))
    assert "in bands b1, b2, b3: -9999. data" in text


def test_a_mask_and_a_value_are_both_named(tmp_path: Path) -> None:
    holes = np.zeros((8, 8), dtype=np.bool_)
    holes[0, 0] = True
    pixels = reflectance()
    pixels[1, 5, 5] = np.nan
    text = message(marked_by_mask(tmp_path / "a.tif", pixels, holes))
    assert "2 invalid pixels (3.1 % of the image)" in text
    assert ": nan; others excluded by the mask or alpha band of the file." in text


def test_a_value_of_a_deep_photograph_is_named_as_it_is_stored(tmp_path: Path) -> None:
    pixels = np.full((3, 8, 8), 30000, np.uint16)
    pixels[:, 0, 0] = 65535
    path = write_tif(tmp_path / "a.tif", pixels, nodata=65535)
    with pytest.raises(DataError, match=r"1 invalid pixel .*: 65535\. "):
        read_rgb(path, None, PixelOptions(rgb_max=65535))


def test_a_value_that_the_files_do_not_state(tmp_path: Path) -> None:
    pixels = np.full((3, 8, 8), 500, np.uint16)
    pixels[1, 0, 0] = 65535
    path = write_tif(tmp_path / "a.tif", pixels)
    assert read(path, PixelOptions()).max() == 65535
    with pytest.raises(DataError, match=r"1 invalid pixel .* in band b2: 65535"):
        read(path, PixelOptions(nodata_value=65535))


def test_only_bands_that_are_used_count(tmp_path: Path) -> None:
    pixels = reflectance()
    pixels[2, 0, 0] = np.nan
    path = write_tif(tmp_path / "a.tif", pixels)
    assert read_ms(path, BANDS, ("b1", "b2"), None, FLOATS).shape == (2, 8, 8)


def test_transparent_pixels_of_photographs(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 4), 200, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")  # half transparent is not invalid
    assert read_rgb(tmp_path / "a.png", None).dtype == np.uint8
    pixels[:2, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="16 invalid pixels"):
        read_rgb(tmp_path / "a.png", None)
    image = read_rgb(tmp_path / "a.png", None, ZERO)
    assert np.isnan(image[:, :2]).all()
    assert (image[:, 2:] == 200).all()


def test_resizing_weighs_valid_pixels_alone() -> None:
    pixels = np.full((1, 8, 8), 7, np.float32)
    pixels[:, :, :4] = np.nan
    resized = resize_bands(pixels, 4)
    assert np.isnan(resized[:, :, :2]).all()
    assert np.allclose(resized[:, :, 2:], 7)


def write_sides(root: Path, holes: int) -> OwnData:
    """Two classes of seven images; the first ``holes`` MS images of each class have nodata."""
    rng = np.random.default_rng(0)
    for label in ("a", "b"):
        for number in range(7):
            pixels = reflectance(number + 10 * (label == "b"))
            if number < holes:
                pixels[:, :3] = -9999
            write_tif(root / "ms" / label / f"{number}.tif", pixels, nodata=-9999)
            (root / "rgb" / label).mkdir(parents=True, exist_ok=True)
            photograph = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(photograph).save(root / "rgb" / label / f"{number}.png")
    return OwnData.look(root / "ms", root / "rgb")


def load(own: OwnData, policy: str, packed: Path | None = None) -> Any:
    return load_own(own, packed, nodata=policy)


@pytest.mark.parametrize("packs", [True, False])
def test_statistics_and_pseudo_rgb_see_valid_pixels_alone(tmp_path: Path, packs: bool) -> None:
    own = write_sides(tmp_path, holes=6)
    benchmark = load(own, "zero", tmp_path / "packs" if packs else None)
    ms = benchmark.ms
    trained = np.stack([ms.images[int(row)] for row in ms.indices(TRAIN)]).astype(np.float64)
    assert np.isnan(trained).any()
    mean, std = ms.band_statistics()
    assert np.allclose(mean, np.nanmean(trained, axis=(0, 2, 3)))
    assert np.allclose(std, np.nanstd(trained, axis=(0, 2, 3)))
    images = torch.from_numpy(trained.astype(np.float32))
    invalid = images.isnan()
    for network in (
        Normaliser.of(ms), ImageMax(), PseudoRGB(ms, 0.3, Normaliser.of(benchmark.rgb)),
        PseudoRGB(ms, 0.3, Normaliser.of(benchmark.rgb), kind="image_max"),
    ):  # fmt: skip
        seen = network(images)
        assert seen.isfinite().all()
        assert (seen[invalid] == 0).all()
        assert seen[~invalid].abs().sum() > 0


def test_drop_leaves_images_out_and_counts_them(tmp_path: Path, caplog: Any) -> None:
    own = write_sides(tmp_path, holes=2)
    with pytest.raises(DataError, match=r"0\.tif has 24 invalid pixels .* data\.nodata=drop"):
        load(own, "error")
    caplog.set_level("INFO", "ackd")
    for _ in range(2):  # found by opening the files, then by what was kept of that
        benchmark = load(own, "drop", tmp_path / "packs")
        assert len(benchmark.ms) == 10
        assert len(benchmark.rgb) == 14
        assert benchmark.notes["nodata"] == {"policy": "drop", "left_out": {"ms": 4, "rgb": 0}}
        assert "4 of 14 MS images have invalid pixels and are left out" in caplog.text
    write_tif(tmp_path / "ms" / "a" / "0.tif", reflectance(size=8))  # repaired
    assert len(load(own, "drop", tmp_path / "packs").ms) == 11


def test_drop_says_when_a_class_is_lost(tmp_path: Path) -> None:
    own = write_sides(tmp_path, holes=7)
    with pytest.raises(DataError, match="Class 'a' is empty on the MS side"):
        load(own, "drop")


def test_a_policy_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match=r"data\.nodata=zeros.*Did you mean 'zero'"):
        PixelOptions(nodata="zeros")


def test_the_stored_example(tmp_path: Path) -> None:
    folder = SHARED / "cases" / "nodata_near"
    if not folder.is_dir():
        pytest.skip("the small failing inputs (../shared/cases) are not on this machine")
    own = OwnData.look(folder / "ms", folder / "rgb")
    assert isinstance(own.class_map, ClassMap)
    with pytest.raises(DataError, match="invalid pixel"):
        load(own, "error")
    zeroed = load(own, "zero")
    values = np.stack([zeroed.ms.images[row] for row in range(len(zeroed.ms))])
    assert np.isnan(values).any()
    assert np.nanmin(values) >= 0
    assert np.nanmax(values) < 1


def test_pictures_and_spectra_have_no_invalid_pixel(tmp_path: Path) -> None:
    ms = load(write_sides(tmp_path, holes=3), "zero").ms
    rows = np.arange(len(ms))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = true_colour(ms, "first")(ms.images)
        means = image_means(ms, rows)
    assert (shown[np.isnan(ms.images).any(axis=1)] == 0).all()
    assert np.allclose(means, np.nanmean(ms.images.astype(np.float64), axis=(2, 3)))
    levels = visible_levels(torch.from_numpy(ms.images), ms)
    assert levels.isfinite().all()
