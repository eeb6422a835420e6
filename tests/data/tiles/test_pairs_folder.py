"""Own pairs: what is read, what is legal, and what is refused with the names of the tiles."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image

from ackd.data.splits.places import ground_seen
from ackd.data.tiles import IGNORED, load_tiles
from ackd.data.tiles.options import PairsOptions
from ackd.errors import ConfigError, DataError
from tests.data.tiles.folders import (
    CRS,
    NAMES,
    SIDE,
    asked,
    mask_of,
    optical_of,
    origin,
    sar_of,
    write_pairs,
    write_tif,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_pairs(tmp_path)


def refused(root: Path, *texts: str, **options: Any) -> str:
    with pytest.raises((DataError, ConfigError)) as error:
        load_tiles(asked(root, **options))
    for text in texts:
        assert text in str(error.value)
    return str(error.value)


def test_pairs_are_read_as_they_are(root: Path) -> None:
    tiles = load_tiles(asked(root))
    assert tiles.ids.tolist() == list(NAMES)
    assert tiles.classes == ("background", "foreground")
    assert (tiles.optical_bands, tiles.sar_bands) == (("b1", "b2", "b3"), ("b1", "b2"))
    assert tiles.optical.dtype == np.uint8
    for number in range(5):
        assert (tiles.optical[number] == optical_of(number)).all()
        assert (tiles.sar[number] == sar_of(number)).all()
        assert (tiles.masks[number] == mask_of(number)[0]).all()
    assert np.asarray(tiles.valid).all()
    assert tiles.crs == CRS
    left, top = origin(3)
    assert tiles.bounds[3].tolist() == [left, top - SIDE / 2, left + SIDE / 2, top]
    assert tiles.notes["tiles_without_data"] == 0
    assert tiles.notes["tiles_without_class"] == 1
    assert tiles.notes["class_pixels"]["foreground"]["tiles"] == 4
    assert tiles.notes["sar_unit"] == "db"
    assert tiles.notes["file_names"] == {"optical": "*_optical", "sar": "*_sar"}


def test_the_split_is_the_one_that_was_asked_for(root: Path) -> None:
    tiles = load_tiles(asked(root))
    assert sorted(tiles.split.tolist()) == [0, 0, 0, 1, 2]
    assert tiles.notes["split"]["how"] == "random"
    assert tiles.notes["split"]["test_ground_seen_in_training"] == 0
    place = load_tiles(asked(root, split=None))
    assert place.notes["split"]["how"] == "place"
    assert place.split.tolist() == [1, 0, 0, 0, 2]


def test_without_labels_the_masks_are_not_looked_for(root: Path) -> None:
    tiles = load_tiles(asked(root, masks="/nowhere"), labels=False)
    assert tiles.masks is None
    assert (tiles.sar[1] == sar_of(1)).all()
    assert load_tiles(asked(root, masks=None), labels=False).masks is None
    refused(root, "data.masks is not given, but this stage needs labels", masks=None)


@pytest.mark.parametrize("kind", ["npy", "npz", "png"])
def test_arrays_and_png_are_read_like_tifs(tmp_path: Path, kind: str) -> None:
    for number, name in enumerate(NAMES):
        parts = {
            "optical": optical_of(number),
            "sar": sar_of(number),
            "masks": mask_of(number)[0],
        }
        for side, array in parts.items():
            path = tmp_path / side / name
            path.parent.mkdir(exist_ok=True)
            if kind == "png" and side != "sar":
                image = array if side == "masks" else array.transpose(1, 2, 0)
                Image.fromarray(image).save(path.with_suffix(".png"))
            elif kind == "npz":
                np.savez(path.with_suffix(".npz"), **{side: array, "something": np.zeros(3)})
            else:
                # channels last as well
                np.save(
                    path.with_suffix(".npy"), np.moveaxis(array, 0, -1) if side == "sar" else array
                )
    tiles = load_tiles(asked(tmp_path))
    for number in range(5):
        assert (tiles.optical[number] == optical_of(number)).all()
        assert (tiles.sar[number] == sar_of(number)).all()
        assert (tiles.masks[number] == mask_of(number)[0]).all()
    assert tiles.bounds is None
    assert tiles.notes["split"]["test_ground_seen_in_training"] is None


def test_bands_are_chosen_by_name_in_any_order(root: Path) -> None:
    for number, name in enumerate(NAMES):
        names = ("HH", "HV", "VV")
        write_tif(root / "sar" / f"{name}_sar.tif", sar_of(number, 3), number, names=names)
    tiles = load_tiles(asked(root, sar_bands=("VV", "HH"), optical_bands=("b3",)))
    assert tiles.sar_bands == ("VV", "HH")
    assert (tiles.sar[2] == sar_of(2, 3)[[2, 0]]).all()
    assert (tiles.optical[2] == optical_of(2)[[2]]).all()
    refused(root, "no SAR band 'VH' (data.sar_bands=VH). Known: HH, HV, VV.", sar_bands=("VH",))


def test_another_order_of_bands_is_refused(root: Path) -> None:
    for number, name in enumerate(NAMES):
        names = ("VV", "VH") if number != 3 else ("VH", "VV")
        write_tif(root / "sar" / f"{name}_sar.tif", sar_of(number), number, names=names)
    refused(root, "1 of 5 tiles name their SAR bands otherwise than most: b2", "says VH, VV")


# -- where there is no data ---------------------------------------------------------------------


def with_pixels(root: Path, side: str, number: int, pixels: np.ndarray, **about: Any) -> None:
    write_tif(root / side / f"{NAMES[number]}_{side}.tif", pixels, number, **about)


def test_nodata_of_either_sensor_is_0_in_both_images_and_ignored_in_the_mask(root: Path) -> None:
    sar, optical = sar_of(0), optical_of(0)
    sar[:, 0, 0] = 0  # both bands
    sar[0, 0, 1] = 0  # one band: a number
    sar[1, 0, 2] = np.nan
    sar[0, 0, 3] = np.inf
    optical[:, 1, 0] = 0
    optical[:2, 1, 1] = 0
    with_pixels(root, "sar", 0, sar)
    with_pixels(root, "optical", 0, optical)
    tiles = load_tiles(asked(root))
    invalid = np.argwhere(~tiles.valid[0]).tolist()
    assert invalid == [[0, 0], [0, 2], [0, 3], [1, 0]]
    for y, x in invalid:
        assert not tiles.sar[0, :, y, x].any()
        assert not tiles.optical[0, :, y, x].any()
        assert tiles.masks[0, y, x] == IGNORED
    assert tiles.sar[0, :, 0, 1].tolist() == [0, sar[1, 0, 1]]
    assert np.isfinite(tiles.sar).all()
    kept = load_tiles(asked(root, zero_is_nodata=False))
    assert np.argwhere(~kept.valid[0]).tolist() == [[0, 2], [0, 3]]


def test_masks_of_files_tags_and_given_values_mark_nodata(root: Path) -> None:
    sar, optical = sar_of(0), optical_of(0, 4)
    sar[0, 0, 0] = -9999
    with_pixels(root, "sar", 0, sar, nodata=-9999)
    optical[3] = 255
    optical[3, 0, 1] = 0  # alpha
    with_pixels(root, "optical", 0, optical, photometric="RGB", alpha="yes")
    inside = np.full((SIDE, SIDE), 255, np.uint8)
    inside[0, 2] = 0
    with_pixels(root, "optical", 1, optical_of(1), mask=inside)
    sar = sar_of(2)
    sar[1, 0, 3] = -50
    with_pixels(root, "sar", 2, sar)
    tiles = load_tiles(asked(root, sar_nodata=-50))
    assert tiles.optical.shape[1] == 3  # alpha is no band
    invalid = [np.argwhere(~tiles.valid[number]).tolist() for number in range(3)]
    assert invalid == [[[0, 0], [0, 1]], [[0, 2]], [[0, 3]]]


def test_a_tag_of_0_leaves_single_bands_of_0_valid(root: Path) -> None:
    sar = sar_of(0)
    sar[0, 0, 0] = 0
    sar[:, 0, 1] = 0
    with_pixels(root, "sar", 0, sar, nodata=0)
    tiles = load_tiles(asked(root, zero_is_nodata=False))
    assert np.argwhere(~tiles.valid[0]).tolist() == [[0, 1]]


def test_a_number_that_must_be_nodata_is_asked_for(root: Path) -> None:
    sar = sar_of(1)
    sar[0, 0, :4] = -9999
    with_pixels(root, "sar", 1, sar)
    refused(root, "1 of 5 tiles cannot be used: a2", "data.sar_nodata=-9999")
    assert not load_tiles(asked(root, sar_nodata=-9999)).valid[1, 0, :4].any()


def test_an_all_invalid_tile_is_legal_and_counted(
    root: Path, said: list[logging.LogRecord]
) -> None:
    with_pixels(root, "sar", 2, np.full((2, SIDE, SIDE), np.nan, np.float32))
    tiles = load_tiles(asked(root))
    assert not tiles.valid[2].any()
    assert (tiles.masks[2] == IGNORED).all()
    assert tiles.notes["tiles_without_data"] == 1
    assert tiles.notes["valid_share"] == pytest.approx(0.8)
    assert any("1 tile without data" in one.getMessage() for one in said)


# -- the unit of SAR images ----------------------------------------------------------------------


def test_linear_intensities_are_refused_and_converted_when_said(root: Path) -> None:
    for number in range(5):
        with_pixels(root, "sar", number, 10 ** (sar_of(number) / 10))
    refused(root, "5 of 5 tiles hold linear intensities where decibels", "a1, a2, b1, b2 and 1")
    tiles = load_tiles(asked(root, sar_unit="linear"))
    np.testing.assert_allclose(tiles.sar[3], sar_of(3), atol=1e-4)
    other = load_tiles(asked(root, sar_unit="other"))
    assert other.sar[3].max() < 1.5
    assert other.notes["sar_unit"] == "other"


def test_a_set_of_two_units_is_refused(root: Path) -> None:
    with_pixels(root, "sar", 3, 10 ** (sar_of(3) / 10))
    for unit in ("db", "linear"):
        refused(root, "two units: 4 of 5", "1 hold linear intensities (b2:", sar_unit=unit)


# -- faults: named, counted, with the way out ----------------------------------------------------


def test_a_missing_partner_is_refused(root: Path) -> None:
    (root / "sar" / "b1_sar.tif").unlink()
    refused(root, "1 tile of 5 with an optical image has no SAR image: b1", "'b1_sar'")


def test_a_truncated_file_is_refused(root: Path) -> None:
    for side in ("sar", "optical"):
        path = root / side / f"b1_{side}.tif"
        path.write_bytes(path.read_bytes()[:-200])
        text = refused(root, "1 of 5 tiles cannot be used: b1", f"b1_{side}.tif cannot be read")
        assert "truncated" in text
        write_pairs(root)
    (root / "sar" / "a2_sar.tif").write_bytes(b"")
    (root / "sar" / "b2_sar.tif").write_bytes(b"II*\0")
    refused(root, "2 of 5 tiles cannot be read: a2, b2", "is empty (0 bytes)")


def test_another_coordinate_system_is_refused(root: Path) -> None:
    with_pixels(root, "sar", 1, sar_of(1), crs="EPSG:32632")
    refused(
        root,
        "1 of 5 tiles do not show the same ground with both sensors: a2",
        "EPSG:32631 and EPSG:32632",
        "gdalwarp",
    )


def test_another_place_is_refused(root: Path) -> None:
    write_tif(root / "sar" / "a2_sar.tif", sar_of(1), 2)
    refused(root, "do not show the same ground with both sensors: a2", "16 pixels apart")
    near = rasterio.Affine(0.5, 0, origin(1)[0] + 0.2, 0, -0.5, origin(1)[1])
    with_pixels(root, "sar", 1, sar_of(1), transform=near)
    load_tiles(asked(root))


def test_tiles_of_several_zones_lie_in_longitude_and_latitude(root: Path) -> None:
    for side, pixels in (("sar", sar_of(1)), ("optical", optical_of(1))):
        with_pixels(root, side, 1, pixels, crs="EPSG:32632")
    tiles = load_tiles(asked(root, masks=None), labels=False)
    assert tiles.crs == "EPSG:4326"
    assert tiles.bounds[1, 0] - tiles.bounds[0, 0] == pytest.approx(6, abs=0.1)
    assert ground_seen(tiles.bounds[[0, 3]], tiles.bounds[[2, 4]]) < 0.01  # neighbours only touch


def test_another_shape_is_refused(root: Path) -> None:
    with_pixels(root, "sar", 1, sar_of(1)[:, 1:])
    refused(root, "1 of 5 tiles have images of two sizes: a2", "16x16", "15x16", "gdalwarp")
    with_pixels(root, "optical", 1, optical_of(1)[:, 1:])
    refused(
        root,
        "1 of 5 tiles have another size than most: a2",
        "It is 15x16 pixels, others are 16x16 pixels",
        "gdal_retile.py -ps 16 16",
    )


def test_another_number_of_bands_or_type_is_refused(root: Path) -> None:
    with_pixels(root, "sar", 1, sar_of(1, 3))
    refused(root, "1 of 5 tiles have another number of SAR bands than most: a2", "has 3, others")
    write_pairs(root)
    with_pixels(root, "optical", 2, optical_of(2).astype(np.uint16))
    refused(root, "1 of 5 tiles have another number type than most optical", "uint16, others uint8")
    write_pairs(root)
    with_pixels(root, "sar", 2, sar_of(2).astype(np.complex64))
    refused(root, "complex")


def test_a_duplicate_is_refused(root: Path) -> None:
    copy = root / "optical" / "more" / "a1_optical.tif"
    write_tif(copy, optical_of(0))
    refused(root, "data.optical has two files for the tile 'a1_optical'", str(copy))


def test_a_missing_mask_is_never_an_empty_one(root: Path) -> None:
    (root / "masks" / "a2.tif").unlink()
    refused(root, "1 of 5 tiles has no mask in", ": a2.", "no file is never taken for it")


def test_a_mask_of_another_shape_or_place_is_refused(root: Path) -> None:
    write_tif(root / "masks" / "a2.tif", mask_of(1)[:, 1:], 1)
    write_tif(root / "masks" / "b1.tif", mask_of(2), 3)
    text = refused(root, "2 of 5 tiles have a mask that cannot be used: a2, b1", "15x16 pixels")
    write_tif(root / "masks" / "a2.tif", mask_of(1), 1)
    text = refused(root, "does not lie where the images of the tile do: corners 16 pixels apart")
    assert "a2" not in text


def test_values_that_are_no_class_are_refused(root: Path) -> None:
    mask = mask_of(1)
    mask[0, 0, :3] = 7
    write_tif(root / "masks" / "a2.tif", mask, 1)
    refused(root, "The masks hold the values 0, 1, 7", "Tile a2 has the value 7.")
    named = {"land": 0, "building": 1}
    refused(root, "1 of 5 tiles have a mask", "a2.tif holds 7, which is no class", classes=named)
    ignored = load_tiles(asked(root, ignore=7))
    assert (ignored.masks[1, 0, :3] == IGNORED).all()
    assert ignored.valid[1, 0, :3].all()  # the images have data there
    three = load_tiles(asked(root, classes={"land": "rest", "building": 1, "road": [7, 8]}))
    assert three.classes == ("land", "building", "road")
    assert (three.masks[1, 0, :3] == 2).all()


def test_folders_that_do_not_exist_are_named(root: Path) -> None:
    refused(root, "does not exist.", f"Did you mean '{root / 'sar'}'?", sar=str(root / "sars"))
    (root / "empty").mkdir()
    refused(root, "has no file that ends with .tif", optical=str(root / "empty"))
    refused(root, "data.masks=", "does not exist", masks=str(root / "mask"))
    refused(root, "are one folder", optical=str(root / "sar"))


def test_one_folder_of_both_sides_is_read_by_names(tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        for kind, pixels in (
            ("o", optical_of(number)),
            ("s", sar_of(number)),
            ("m", mask_of(number)),
        ):
            write_tif(tmp_path / f"{name}_{kind}.tif", pixels, number)
    one = str(tmp_path)
    names = {"optical_names": "*_o", "sar_names": "*_s", "mask_names": "*_m"}
    tiles = load_tiles(asked(tmp_path, optical=one, sar=one, masks=one, **names))
    assert (tiles.masks[0] == mask_of(0)[0]).all()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"sar_unit": "dB"}, "no unit of SAR images 'dB' (data.sar_unit=dB). Did you mean 'db'?"),
        ({"optical_names": "a"}, "data.optical_names=a does not say where the tile's name is"),
        ({"classes": {"a": 0}}, "data.classes names 1 classes; expected at least 2"),
        ({"classes": {"a": 0, "b": 0}}, "data.classes gives 0 to both a and b"),
        ({"classes": {"a": 0, "b": "x"}}, "data.classes.b=x is not a value of masks"),
        ({"classes": {"a": 0, "b": 5}, "ignore": 5}, "data.ignore=5 leaves out"),
        ({"crop": 0}, "data.crop=0 is not a size in pixels"),
        ({"min_valid": 1.5}, "data.min_valid=1.5 is not a share"),
        ({"split": "places"}, "data.split=places"),
    ],
)
def test_options_refuse_what_cannot_be(options: Any, text: str) -> None:
    with pytest.raises(ConfigError) as error:
        PairsOptions(name="pairs", optical="o", sar="s", **options)
    assert text in str(error.value)


# -- footprints ----------------------------------------------------------------------------------


def house(number: int) -> dict[str, Any]:
    """A square of 4 x 4 pixels in the corner of a tile."""
    left, top = origin(number)
    corners = [(0, 0), (2, 0), (2, -2), (0, -2), (0, 0)]
    ring = [[left + 1 + x, top - 1 + y] for x, y in corners]
    return {
        "type": "Feature",
        "properties": {},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


def collection(path: Path, features: list[Any], crs: str | None = CRS) -> str:
    content: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return str(path)


def test_footprints_of_all_tiles_in_one_file(root: Path) -> None:
    file = collection(root / "houses.geojson", [house(0), house(3)])
    tiles = load_tiles(asked(root, masks=file))
    assert np.asarray(tiles.masks).sum(axis=(1, 2)).tolist() == [16, 0, 0, 16, 0]
    assert tiles.masks[0, 2:6, 2:6].all()
    assert tiles.notes["footprints"] == 2
    assert tiles.notes["tiles_without_class"] == 3


def test_footprints_per_tile_where_a_file_without_features_is_empty(root: Path) -> None:
    for number, name in enumerate(NAMES):
        features = [] if number == 2 else [house(number)]
        collection(root / "houses" / f"{name}.geojson", features)
    named = {"classes": {"background": 0, "building": 1}}
    tiles = load_tiles(asked(root, masks=str(root / "houses"), **named))
    assert np.asarray(tiles.masks).sum(axis=(1, 2)).tolist() == [16, 16, 0, 16, 16]
    assert tiles.classes == ("background", "building")
    (root / "houses" / "a2.geojson").unlink()
    refused(root, "1 of 5 tiles has no mask", masks=str(root / "houses"))


def test_footprints_elsewhere_are_refused(root: Path) -> None:
    file = collection(root / "houses.geojson", [house(900)])
    refused(root, "No footprint of data.masks", "Tile a1 is in EPSG:32631", masks=file)


def test_footprints_need_tiles_with_coordinates(tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        for side, pixels in (("optical", optical_of(number)), ("sar", sar_of(number))):
            (tmp_path / side).mkdir(exist_ok=True)
            np.save(tmp_path / side / f"{name}.npy", pixels)
    file = collection(tmp_path / "houses.geojson", [house(0)])
    refused(tmp_path, "need tiles with coordinates", masks=file)
