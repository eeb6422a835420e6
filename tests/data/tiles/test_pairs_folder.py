"""Own pairs: what is read of a folder, under which names, and with which options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ackd.data.tiles import load_tiles
from ackd.data.tiles.options import PairsOptions
from ackd.errors import ConfigError
from tests.data.tiles.folders import (
    CRS,
    NAMES,
    SIDE,
    asked,
    mask_of,
    optical_of,
    origin,
    refused,
    sar_of,
    write_tif,
)


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
