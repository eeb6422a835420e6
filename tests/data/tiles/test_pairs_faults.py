"""Own pairs that do not fit together are refused: named, counted, with the way out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from ackd.data.splits.places import ground_seen
from ackd.data.tiles import IGNORED, load_tiles
from tests.data.tiles.folders import (
    asked,
    mask_of,
    optical_of,
    origin,
    refused,
    sar_of,
    with_pixels,
    write_pairs,
    write_tif,
)


def test_a_missing_partner_is_refused(root: Path) -> None:
    (root / "sar" / "b1_sar.tif").unlink()
    refused(root, "1 tile of 5 with an optical image has no SAR image: b1", "'b1_sar'")


def test_a_truncated_file_is_refused(root: Path) -> None:
    for side in ("sar", "optical"):
        path = root / side / f"b1_{side}.tif"
        path.write_bytes(path.read_bytes()[:-200])
        text = refused(root, "1 of 5 tiles cannot be used: b1", f"b1_{side}.tif cannot be read")
        assert "truncated" in text
        assert text.endswith("Get the file again, or take all files of the tile out.")
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
