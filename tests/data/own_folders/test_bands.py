"""Bands by the user's names, by the files' own, and by number."""

from __future__ import annotations

from pathlib import Path

import pytest

from ackd.data.sensors import SENSORS, rgb_bands
from ackd.errors import ConfigError, DataError
from tests.data.layouts import write_tif
from tests.data.own_folders.folders import (
    describe,
    look,
    refusal,
    write_own,
)
from tests.data.patch_layouts import numbered_pixels
from tests.data.small_archives import load_own


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
    text = refusal(tmp_path, file_bands=names[:4])
    assert "data.file_bands names 4 bands, but" in text
    assert "1.tif has 5" in text


@pytest.mark.parametrize(
    ("names", "sensor", "bands"),
    [
        (["B02", "B03", "B04", "B08", "B8A"], "sentinel2", ("B02", "B03", "B04", "B08", "B8A")),
        # as Earth Engine and SNAP write them
        (["B2", "B3", "B4", "B8", "B8A"], "sentinel2", ("B02", "B03", "B04", "B08", "B8A")),
        (["S2_B02_10m", "S2_B03_10m", "S2_B04_10m", "S2_B08_10m", "S2_B11_20m"], "sentinel2",
         ("B02", "B03", "B04", "B08", "B11")),
        # these may be Landsat's
        (["B2", "B3", "B4", "B5", "B6"], "generic", ("B2", "B3", "B4", "B5", "B6")),
        (["SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6"], "generic",
         ("SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6")),
        (["Blue", "Green", "Red", "Red Edge", "NIR"], "generic",
         ("Blue", "Green", "Red", "Red_Edge", "NIR")),
        (["red", "", "", "", ""], "generic", ("b1", "b2", "b3", "b4", "b5")),
        (["x", "x", "y", "z", "w"], "generic", ("b1", "b2", "b3", "b4", "b5")),
    ],
)  # fmt: skip
def test_bands_by_the_files_own_descriptions(
    tmp_path: Path, names: list[str], sensor: str, bands: tuple[str, ...]
) -> None:
    write_own(tmp_path, names=names)
    own = look(tmp_path)
    assert not own.questions
    assert (own.camera.sensor.name, own.camera.file_bands) == (sensor, bands)
    assert ", ".join(bands) in own.remarks[0]
    # what the user says counts more
    assert look(tmp_path, file_bands=["v", "w", "x", "y", "z"]).camera.file_bands[0] == "v"


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (["B8A", "B08", "B04", "B03", "B02"], "names its bands B8A, B08, B04, B03, B02"),
        (["B02", "B03", "B04", "B08", "B09"], "names its bands B02, B03, B04, B08, B09"),
        (None, "does not name its bands"),
        (["B2", "B3", "B4", "B8", "B8A"], ""),
    ],
)
def test_every_file_must_name_its_bands_as_the_first_does(
    tmp_path: Path, others: list[str] | None, said: str
) -> None:
    write_own(tmp_path, names=["B02", "B03", "B04", "B08", "B8A"])
    odd = write_tif(tmp_path / "ms/wood/3.tif", numbered_pixels(5), descriptions=others)
    source = look(tmp_path).sources["ms"]
    if not said:
        assert source.read(odd, ("B8A",), None).shape == (1, 8, 8)
        return
    with pytest.raises(DataError, match=rf"3\.tif {said}; expected B02, B03, B04, B08, B8A"):
        source.read(odd, ("B02",), None)
    # what the user says counts more
    order = ["B02", "B03", "B04", "B08", "B8A"]
    told = look(tmp_path, file_bands=order, sensor="sentinel2").sources["ms"]
    assert told.read(odd, ("B02",), None)[0, 0, 0] // 1000 == 1


def test_an_order_that_the_user_set_is_not_taken_from_the_packs(tmp_path: Path) -> None:
    names = ["B02", "B03", "B04", "B08", "B8A"]
    write_own(tmp_path, names=names, images=6)
    write_tif(tmp_path / "ms/wood/3.tif", numbered_pixels(5), descriptions=names[::-1])
    packs = tmp_path / "packs"
    assert load_own(look(tmp_path, file_bands=names, sensor="sentinel2"), packs)
    with pytest.raises(DataError, match=r"3\.tif names its bands B8A"):
        load_own(look(tmp_path), packs)


def test_names_with_dates_contradict_nothing(tmp_path: Path) -> None:
    write_own(tmp_path, names=[f"2020_{color}" for color in "abcde"])
    later = [f"2021_{color}" for color in "abcde"]
    odd = write_tif(tmp_path / "ms/wood/3.tif", numbered_pixels(5), descriptions=later)
    assert look(tmp_path).sources["ms"].read(odd, ("2020_b",), None)[0, 0, 0] // 1000 == 2


def test_names_of_the_user_that_contradict_the_file_are_told(tmp_path: Path) -> None:
    write_own(tmp_path, names=["B02", "B03", "B04", "B08", "B8A"])
    turned = ["B8A", "B08", "B04", "B03", "B02"]
    (remark,) = look(tmp_path, file_bands=turned, sensor="sentinel2").remarks
    assert remark.startswith("the bands are B8A, B08, B04, B03, B02, by data.file_bands, but ")
    assert remark.endswith("1.tif names its bands B02, B03, B04, B08, B8A")
    assert not look(tmp_path, file_bands=turned[::-1], sensor="sentinel2").remarks


def test_a_known_sensor_needs_the_order(tmp_path: Path) -> None:
    write_own(tmp_path)
    bands = ["B02", "B03", "B04", "B08", "B8A"]
    sensor = describe(tmp_path, file_bands=bands, sensor="sentinel2")[1]["ms"].sensor
    assert rgb_bands(sensor, bands) == ("B04", "B03", "B02")
    assert "name them in that order: data.file_bands=[B01,B02" in refusal(
        tmp_path, sensor="sentinel2"
    )
    assert "Did you mean 'sentinel2'" in refusal(tmp_path, file_bands=bands, sensor="sentinel-2")
    assert "Did you mean 'B02'" in refusal(tmp_path, file_bands=["B2"], sensor="sentinel2")


def test_colours_of_unknown_bands() -> None:
    generic = SENSORS["generic"]
    assert rgb_bands(generic, ("b1", "b2", "b3", "b4")) == ("b1", "b2", "b3")
    assert rgb_bands(generic, ("blue", "green", "red", "red_edge")) == ("red", "green", "blue")
    assert rgb_bands(generic, ("nir", "B", "G", "R")) == ("R", "G", "B")
    with pytest.raises(ConfigError, match=r"b1, b2 are fewer than three.*matching=random"):
        rgb_bands(generic, ("b1", "b2"))
