"""Numbers that cannot be what the sensor says stop a run; every real scene passes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from numpy.typing import NDArray

from ackd.data.normalise import Normaliser
from ackd.data.own_folders import OwnData
from ackd.data.pseudo_rgb import PseudoRGB
from ackd.data.reading.value_range import Verdict, check_values, judge_values
from ackd.data.sensors import EUROSAT_BANDS, SENTINEL2, SENTINEL2_UNSCALED, Sensor
from ackd.data.synthetic import make_synthetic
from ackd.errors import DataError
from tests.conftest import SHARED
from tests.data.layouts import write_jpg, write_tif
from tests.data.small_archives import load_own

BANDS = ("B02", "B03", "B04", "B08")


def numbers(seed: int = 0) -> NDArray[np.float64]:
    """(4, 16, 16) reflectance x 10000 of a plain scene."""
    rng = np.random.default_rng(seed)
    return rng.gamma(3.0, (200, 250, 300, 900), (16, 16, 4)).transpose(2, 0, 1).round()


def judged(images: list[NDArray[Any]], sensor: Sensor = SENTINEL2, offset: float = 0.0) -> Verdict:
    return judge_values(images, [f"{n}.tif" for n in range(len(images))], BANDS, sensor, offset)


CASES = {
    "reflectance": (numbers() / 10000, "would reflect 0.0", "data.scale=1,|data.scale=1;"),
    "percent": (numbers() / 100, "would reflect", "data.scale=100"),
    "8 bits": ((numbers() / 20).clip(0, 255).astype(np.uint8), "would reflect", "data.scale=255"),
    "decibels": (-numbers() / 100 - 3, "below 0, as in decibels", "if there is one"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_scale_is_refused_with_two_ways_out(case: str) -> None:
    pixels, reason, way = CASES[case]
    (error,) = judged([pixels]).errors
    assert reason in error
    assert any(one in error for one in way.split("|"))
    assert "data.sensor=sentinel2_unscaled" in error
    assert judged([pixels], SENTINEL2_UNSCALED) == Verdict((), ())


def test_numbers_that_are_too_large() -> None:
    sensor = Sensor("sentinel2", SENTINEL2.bands, scale=1.0)
    (error,) = judged([numbers()], sensor).errors
    assert "would reflect more than" in error
    assert "probably data.scale=10000" in error


def test_the_offset_of_newer_products_is_noticed_and_taken() -> None:
    shifted = [(numbers(seed) + 1000).astype(np.int16) for seed in range(3)]
    verdict = judged(shifted)
    assert not verdict.errors
    assert "data.offset=-1000" in verdict.warnings[0]
    assert judged(shifted, offset=-1000.0) == Verdict((), ())
    assert judged([numbers(seed) for seed in range(3)]) == Verdict((), ())


@pytest.mark.parametrize("marker", [-9999.0, -32768.0, 65535.0])
@pytest.mark.parametrize("sensor", [SENTINEL2, SENTINEL2_UNSCALED])
def test_nodata_without_a_tag_is_found(marker: float, sensor: Sensor) -> None:
    images = [numbers(seed) for seed in range(3)]
    images[1][:, 3, 3] = marker
    (error,) = judged(images, sensor).errors
    assert f"1.tif holds the number {marker:g}" in error
    assert f"data.nodata_value={marker:g}" in error


def test_one_odd_image_is_no_alarm() -> None:
    night = np.zeros((4, 16, 16))
    cloud = np.full((4, 16, 16), 12000.0)
    assert judged([numbers(), night, cloud]) == Verdict((), ())


def test_the_embedded_scenes_pass() -> None:
    scenes = make_synthetic(seed=0, ms_per_class=3, rgb_per_class=3, size=16)
    assert check_values(scenes.ms) == ()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_real_scenes_pass_class_by_class(shared_data: Path) -> None:
    folders = sorted(path for path in (shared_data / "EuroSAT_MS").iterdir() if path.is_dir())
    folders.append(shared_data / "BigEarthNet-v2-S2" / "tif")
    assert len(folders) > 1
    for folder in folders:
        images, files = [], []
        for path in sorted(folder.glob("*.tif"))[:20]:
            with rasterio.open(path) as dataset:
                images.append(dataset.read())
            files.append(path.name)
        bands = EUROSAT_BANDS if len(images[0]) == 13 else EUROSAT_BANDS[:12]
        assert judge_values(images, files, bands, SENTINEL2) == Verdict((), ()), folder.name


def write_sides(root: Path) -> None:
    for label in ("a", "b"):
        for number in range(6):
            write_tif(root / "ms" / label / f"{number}.tif", numbers(number).astype(np.uint16))
            write_jpg(root / "rgb" / label / f"{number}.jpg", number, 16)


def load(root: Path, sensor: str, **pixels: Any) -> Any:
    own = OwnData.look(root / "ms", root / "rgb", file_bands=BANDS, sensor=sensor)
    return load_own(own, root / "packs", **pixels)


def test_another_sensor_or_scale_is_never_taken_from_the_packs(tmp_path: Path) -> None:
    write_sides(tmp_path)
    with pytest.raises(DataError, match=r"cannot be reflectance x 1,.*data\.scale=10000"):
        load(tmp_path, "sentinel2", scale=1.0)
    found = {}
    for sensor in ("sentinel2_unscaled", "sentinel2", "sentinel2_unscaled"):
        ms = load(tmp_path, sensor).ms
        assert ms.sensor == sensor
        found[sensor] = ms.fingerprint
    half = load(tmp_path, "sentinel2", scale=20000.0).ms
    shifted = load(tmp_path, "sentinel2", offset=-100.0).ms
    assert len({*found.values(), half.fingerprint, shifted.fingerprint}) == 4
    rgb = Normaliser(np.zeros(3), np.ones(3))
    image = torch.from_numpy(np.stack([half.images[0]]).astype(np.int32))
    levels = [PseudoRGB(ms, 2.0, rgb)(image) for ms in (half, shifted)]
    red = image[:, [2, 1, 0]].float()
    assert torch.allclose(levels[0], (red / 20000 * 255 / 2).clamp(0, 255))
    assert torch.allclose(levels[1], ((red - 100) / 10000 * 255 / 2).clamp(0, 255), atol=1e-4)


def test_the_stored_example_of_reflectance() -> None:
    folder = SHARED / "cases" / "reflectance"
    if not folder.is_dir():
        pytest.skip("the small failing inputs (../shared/cases) are not on this machine")
    own = OwnData.look(
        folder / "ms", folder / "rgb", file_bands=("B04", "B03", "B02"), sensor="sentinel2"
    )
    with pytest.raises(DataError, match=r"probably data\.scale=1; .*sentinel2_unscaled"):
        load_own(own)
    assert load_own(own, scale=1.0)


def test_deep_water_is_dark_and_passes() -> None:
    rng = np.random.default_rng(0)
    water = [rng.normal(180, 40, (4, 64, 64)).clip(1).astype(np.uint16) for _ in range(4)]
    assert judged(water) == Verdict((), ())
    eight_bits = [(image // 2).astype(np.uint8) for image in water]
    assert "probably data.scale=255" in judged(eight_bits).errors[0]


def test_a_scale_that_was_given_makes_dark_numbers_a_warning() -> None:
    dark = [rng_reflectance(seed) for seed in range(3)]
    files = ["a.tif"] * len(dark)
    assert judge_values(dark, files, BANDS, SENTINEL2).errors
    verdict = judge_values(dark, files, BANDS, SENTINEL2, stated=True)
    assert not verdict.errors
    assert "would reflect" in verdict.warnings[0]


def rng_reflectance(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0.01, 0.5, (4, 16, 16)).astype(np.float32)


def test_an_offset_that_the_numbers_do_not_have() -> None:
    assert judge_values([numbers()], ["a.tif"], BANDS, SENTINEL2) == Verdict((), ())
    found = judge_values([numbers() - 150], ["a.tif"], BANDS, SENTINEL2, offset=-1000.0)
    assert "half of band B02 of the MS images is negative" in found.errors[0]
    assert "Leave data.offset out" in found.errors[0]
    assert judge_values([numbers() + 1000], ["a.tif"], BANDS, SENTINEL2, -1000.0) == Verdict((), ())


def test_an_offset_that_was_subtracted_in_vain(tmp_path: Path) -> None:
    """Level 1C of before baseline 04.00 has no offset; without it the dark bands are negative."""
    pixels = numbers() - 1000
    verdict = judged([pixels.astype(np.int16)])
    assert "Half of band B02 of the MS images is negative" in verdict.errors[0]
    assert "data.offset=1000 adds it again" in verdict.errors[0]
    assert [way for way, _ in verdict.ways_out] == [
        {"data.offset": 1000}, {"data.sensor": "sentinel2_unscaled"},
    ]  # fmt: skip
    assert judged([pixels], offset=1000.0) == Verdict((), ())
    assert judged([pixels], SENTINEL2_UNSCALED) == Verdict((), ())
    # level 2A has some negative pixels in shadows, which is as it should be
    assert judged([numbers() - 150]) == Verdict((), ())


@pytest.mark.parametrize("sensor", [SENTINEL2, SENTINEL2_UNSCALED])
def test_two_scales_in_one_data_set(sensor: Sensor) -> None:
    images = [numbers(seed).astype(np.float32) for seed in range(6)]
    images[4] = images[4] / 10000
    (error,) = judged(images, sensor).errors
    assert error.startswith("4.tif holds numbers up to 1.14 and ")
    assert "which cannot be one scale" in error
    # an image without light holds whole numbers, and a mask is not a number
    images[4] = np.where(images[0] > 300, np.nan, 1.0).astype(np.float32)
    assert judged(images, sensor) == Verdict((), ())
    images[4] = np.full_like(images[0], np.nan)
    assert judged(images, sensor) == Verdict((), ())


def test_one_unstated_marker_among_many_images_is_found(tmp_path: Path) -> None:
    """A sample of images would miss it, so every image is looked at when it is read."""
    for label in ("a", "b"):
        for number in range(50):
            pixels = numbers(number).astype(np.int16)
            if (label, number) == ("b", 15):  # row 57, which the sample leaves out
                pixels[1, 0, :3] = -9999
            write_tif(tmp_path / "ms" / label / f"{number}.tif", pixels)
            write_jpg(tmp_path / "rgb" / label / f"{number}.jpg", number, 16)
    with pytest.raises(DataError, match=r"b/15\.tif holds the number -9999.*data\.nodata_value"):
        load(tmp_path, "sentinel2")
    ms = load(tmp_path, "sentinel2", nodata_value=-9999.0, nodata="drop").ms
    assert len(ms) == 99


def write_reflectance(root: Path, factor: float = 1e-4) -> None:
    for label in ("a", "b"):
        for number in range(6):
            write_tif(
                root / "ms" / label / f"{number}.tif", (numbers(number) * factor).astype("f4")
            )
            write_jpg(root / "rgb" / label / f"{number}.jpg", number, 16)


def asked_of(root: Path, **said: Any) -> dict[str, list[dict[str, Any]]]:
    own = OwnData.look(root / "ms", root / "rgb", **said)
    return {one.kind: [dict(way.options) for way in one.answers] for one in own.questions}


@pytest.mark.parametrize(("factor", "scale"), [(1e-4, 1), (1e-2, 100)])
def test_a_wrong_scale_is_asked_about_at_the_door(
    tmp_path: Path, factor: float, scale: int
) -> None:
    write_reflectance(tmp_path, factor)
    unscaled = {"data.sensor": "sentinel2_unscaled"}
    named = {"file_bands": BANDS, "sensor": "sentinel2"}
    assert asked_of(tmp_path, **named) == {"value range": [{"data.scale": scale}, unscaled]}
    # each of the answers, and the third way out that the message names, ends the questions
    assert asked_of(tmp_path, **named, scale=float(scale)) == {}
    assert asked_of(tmp_path, file_bands=BANDS, sensor="sentinel2_unscaled") == {}
    assert asked_of(tmp_path, **named, judged=False) == {}
    # at once with what else is asked: the order of the bands changes nothing about their numbers
    assert set(asked_of(tmp_path, sensor="sentinel2")) == {"order of bands", "value range"}


def test_a_scale_that_the_user_gave_is_judged_and_taken_back_at_the_door(tmp_path: Path) -> None:
    write_sides(tmp_path)
    asked = asked_of(tmp_path, file_bands=BANDS, sensor="sentinel2", scale=1.0)
    unscaled = {"data.sensor": "sentinel2_unscaled", "data.scale": "null"}
    assert asked == {"value range": [{"data.scale": 10000}, unscaled]}


def test_decibels_have_no_scale_to_offer(tmp_path: Path) -> None:
    write_reflectance(tmp_path, -1e-3)
    asked = asked_of(tmp_path, file_bands=BANDS, sensor="sentinel2")
    assert asked == {"value range": [{"data.sensor": "sentinel2_unscaled"}]}


def test_image_max_is_a_way_out_of_an_unknown_scale(tmp_path: Path) -> None:
    write_reflectance(tmp_path)
    with pytest.raises(DataError, match=r"data\.pseudo_rgb=image_max"):
        load(tmp_path, "sentinel2")
    assert load(tmp_path, "sentinel2", pseudo_rgb="image_max")
