"""Reading files: the right bands, the right pixels, and one clear sentence on every bad file."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ackd.data.reading.multispectral import decode, read_ms
from ackd.data.reading.photographs import read_rgb
from ackd.data.sensors import DEFAULT_BANDS, EUROSAT_BANDS
from ackd.errors import ConfigError, DataError
from tests.data.layouts import ms_pixels, write_jpg, write_tif


def read(path: Path, bands: tuple[str, ...] = DEFAULT_BANDS, size: int = 8) -> NDArray[np.uint16]:
    return read_ms(path, EUROSAT_BANDS, bands, size)


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_bands_are_read_by_name(tmp_path: Path, interleave: str) -> None:
    pixels = ms_pixels()
    path = write_tif(tmp_path / "a.tif", pixels, interleave=interleave)
    wanted = ("B8A", "B02", "B12")
    image = read(path, wanted)
    assert image.dtype == np.uint16
    assert (image // 1000)[:, 0, 0].tolist() == [13, 2, 12]
    np.testing.assert_array_equal(image, pixels[[12, 1, 11]])


def test_a_band_the_file_has_not(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", ms_pixels())
    with pytest.raises(ConfigError, match=r"no band in a.tif 'B8' \(data.bands=B8\). Did you mean"):
        read(path, ("B8",))


def test_another_size_is_resized_without_changing_the_brightness(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", ms_pixels(size=32))
    native, small, large = (read(path, size=size).astype(float) for size in (32, 8, 48))
    assert small.shape == (10, 8, 8)
    assert large.shape == (10, 48, 48)
    for resized in (small, large):
        np.testing.assert_allclose(resized.mean((1, 2)), native.mean((1, 2)), atol=4)
    # antialiased: noise is averaged away, where picking pixels would keep its deviation
    assert (small.std((1, 2)) < 0.6 * native.std((1, 2))).all()


def test_resizing_keeps_the_full_range(tmp_path: Path) -> None:
    pixels = np.full((13, 16, 16), 65535, np.uint16)
    pixels[:, :, :8] = 0
    image = read(write_tif(tmp_path / "a.tif", pixels), size=8)
    assert image.min() == 0
    assert image.max() == 65535


def test_wrong_band_count(tmp_path: Path) -> None:
    path = write_tif(tmp_path / "a.tif", ms_pixels()[:3])
    with pytest.raises(DataError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path} has 3 bands; expected 13 (B01, B02,")
    assert "data.bands" in message
    assert "data.root" in message


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("bands", [DEFAULT_BANDS, ("B02",)])
def test_a_truncated_tif_never_passes(tmp_path: Path, share: float, bands: tuple[str, ...]) -> None:
    whole = write_tif(tmp_path / "whole.tif", ms_pixels(size=64), interleave="band").read_bytes()
    path = tmp_path / "cut.tif"
    path.write_bytes(whole[: int(share * len(whole))])
    expected = "is empty" if share == 0 else "cannot be read: truncated, damaged"
    with pytest.raises(DataError, match=expected) as caught:
        read(path, bands, 64)
    assert str(path) in str(caught.value)
    assert "data.root" in str(caught.value)


@pytest.mark.parametrize("name", ["page.tif", "page.jpg"])
def test_a_web_page_is_called_one(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("\n<!DOCTYPE html><html><body>404</body></html>")
    with pytest.raises(DataError, match=f"{name} is a web page, not"):
        read(path) if name.endswith("tif") else read_rgb(path, 8)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.tif is not there"):
        read(tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.jpg is not there"):
        read_rgb(tmp_path / "a.jpg", 8)


def test_nan_is_found_and_named(tmp_path: Path) -> None:
    pixels = ms_pixels().astype(np.float32)
    pixels[3, 2, 2:4] = np.nan
    path = write_tif(tmp_path / "a.tif", pixels)
    with pytest.raises(DataError, match=r"2 invalid pixels \(3.1 % .* in band B04: nan"):
        read_ms(path, EUROSAT_BANDS, ("B04",), None, ("float32",))


def test_nodata_is_found_and_named(tmp_path: Path) -> None:
    pixels = ms_pixels()
    pixels[7, 0, 0] = 0
    path = write_tif(tmp_path / "a.tif", pixels, nodata=0)
    with pytest.raises(DataError, match=r"1 invalid pixel \(1.6 % of the image\) in band B08: 0\."):
        read(path)
    assert read(path, ("B02",)).shape == (1, 8, 8)  # a band that is not wanted may have some


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int16])
def test_wrong_type(tmp_path: Path, dtype: type) -> None:
    path = write_tif(tmp_path / "a.tif", np.ones((13, 8, 8), dtype))
    with pytest.raises(DataError, match=f"holds {np.dtype(dtype)}; expected uint16"):
        read(path)


def test_photographs_are_channels_first_and_rgb(tmp_path: Path) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[..., 0], pixels[..., 2] = 200, 30
    Image.fromarray(pixels).save(tmp_path / "a.png")
    image = read_rgb(tmp_path / "a.png", 8)
    assert image.shape == (3, 8, 8)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image[:, 0, 0].tolist() == [200, 0, 30]
    assert read_rgb(tmp_path / "a.png", 5).shape == (3, 5, 5)


def test_a_grey_photograph_becomes_grey_rgb(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 77, np.uint8)).save(tmp_path / "a.jpg")
    assert np.unique(read_rgb(tmp_path / "a.jpg", 8)).tolist() == [77]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9])
def test_a_truncated_photograph_never_passes(tmp_path: Path, share: float) -> None:
    whole = write_jpg(tmp_path / "whole.jpg", size=64).read_bytes()
    path = tmp_path / "cut.jpg"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"cut\.jpg (is empty|cannot be read: truncated)"):
        read_rgb(path, 64)


def numbered(count: int) -> list[Path]:
    return [Path(str(number)) for number in range(count)]


def slow_reader(path: Path) -> NDArray[np.int64]:
    time.sleep(0.002 * (int(path.name) % 3))
    return np.full((2,), int(path.name))


@pytest.mark.parametrize("workers", [1, 3, None])
def test_decode_keeps_the_order_and_reports_each_image(workers: int | None) -> None:
    seen: list[tuple[int, int]] = []
    result = decode(numbered(40), slow_reader, workers, lambda *state: seen.append(state))
    assert result.tolist() == [[i, i] for i in range(40)]
    assert seen == [(i + 1, 40) for i in range(40)]


def test_decode_raises_the_first_error_in_file_order_and_stops_early() -> None:
    read_files: list[int] = []
    late = threading.Event()

    def reader(path: Path) -> NDArray[Any]:
        number = int(path.name)
        read_files.append(number)
        if number == 3:
            late.wait(2)  # number 5 fails first by the clock
            raise DataError("file 3 is bad")
        if number == 5:
            late.set()
            raise DataError("file 5 is bad")
        return np.zeros(1)

    with pytest.raises(DataError, match="file 3 is bad"):
        decode(numbered(1000), reader, workers=4)
    assert late.is_set()
    assert len(read_files) < 100


def test_decode_refuses_images_of_different_shapes() -> None:
    with pytest.raises(DataError, match=r"2 is float64 \(2,\); expected float64 \(1,\) like 0"):
        decode(numbered(3), lambda path: np.zeros(1 + int(path.name) // 2))


def test_decode_refuses_nothing_to_do() -> None:
    with pytest.raises(ValueError, match="got no files"):
        decode([], slow_reader)
    with pytest.raises(ValueError, match="workers is 0"):
        decode(numbered(1), slow_reader, workers=0)


def test_real_band_order(shared_data: Path) -> None:
    """B8A, last in EuroSAT's files, is the near infrared beside B08; B09 and B10 are not."""
    files = sorted(shared_data.glob("EuroSAT_MS/*/*.tif"))[::10]
    images = decode(files, lambda path: read(path, EUROSAT_BANDS, 64)).astype(float)
    bands = dict(zip(EUROSAT_BANDS, images.transpose(1, 0, 2, 3).reshape(13, -1), strict=True))
    assert np.corrcoef(bands["B8A"], bands["B08"])[0, 1] > 0.95
    assert np.corrcoef(bands["B8A"], bands["B07"])[0, 1] > 0.95
    assert bands["B10"].mean() < 50 < bands["B09"].mean() < bands["B8A"].mean()
    vegetation = [i for i, path in enumerate(files) if path.parent.name == "Forest"]
    forest = images[vegetation].mean((0, 2, 3))
    assert forest[EUROSAT_BANDS.index("B8A")] > 3 * forest[EUROSAT_BANDS.index("B04")]
