"""Real images of both sensors in their publishers' files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from ackd.data.benchmark import TRAIN
from ackd.data.tiles import IGNORED, PairedTiles, TileRequest, load_tiles
from ackd.data.tiles.options import ForestOptions, PairsOptions
from ackd.data.tiles.statistics import band_statistics
from ackd.errors import ConfigError, DataError


def pairs(**options: Any) -> PairsOptions:
    return PairsOptions(name="pairs", packed=False, split="random", **options)


def forest(root: Path, **options: Any) -> ForestOptions:
    return ForestOptions(name="bigearthnet_forest", root=str(root), packed=False, **options)


def test_bigearthnet_has_120_patches_of_forest_and_other(shared_data: Path) -> None:
    tiles = load_tiles(forest(shared_data))
    assert len(tiles) == 120
    assert tiles.size == (120, 120)
    assert (tiles.optical_bands, tiles.sar_bands) == (("B02", "B03", "B04", "B08"), ("VV", "VH"))
    assert tiles.classes == ("other", "forest")
    assert np.asarray(tiles.valid).all()
    masks = np.asarray(tiles.masks)
    share = (masks == 1).mean(axis=(1, 2))
    assert (masks == 1).mean() == pytest.approx(0.38, abs=0.01)
    assert ((share > 0.05) & (share < 0.95)).sum() == pytest.approx(70, abs=5)
    # where the labels are known from the file itself
    row = int(np.flatnonzero(tiles.ids == "patch_61589")[0])
    with np.load(shared_data / "BigEarthNet-v2-S1S2-CLC" / "patch_61589.npz") as file:
        assert (tiles.sar[row] == file["s1"]).all()
        assert (tiles.optical[row] == file["s2"]).all()
        assert ((masks[row] == 1) == np.isin(file["clc"], [311, 312, 313])).all()
    numbers = [int(name.removeprefix("patch_")) for name in tiles.ids]
    assert numbers == sorted(numbers)
    assert tiles.bounds is None
    assert tiles.notes["split"]["how"] == "blocks"
    assert tiles.notes["split"]["test_ground_seen_in_training"] is None
    mean, deviation = band_statistics(tiles, "sar")
    assert -14 < mean[0] < -8
    assert mean[1] < mean[0]
    assert deviation.min() > 1
    assert deviation.max() < 6


def test_other_land_cover_is_asked_for_by_name_or_by_codes(shared_data: Path) -> None:
    water = load_tiles(forest(shared_data, cover="water"))
    codes = load_tiles(forest(shared_data, cover="sea", codes=(511, 512, 521, 522, 523)))
    assert (water.masks == codes.masks).all()
    assert (water.classes, codes.classes) == (("other", "water"), ("other", "sea"))
    assert 0 < (np.asarray(water.masks) == 1).mean() < 0.2
    with pytest.raises(ConfigError, match=r"'woods'.*Known: forest, water, built_up"):
        forest(shared_data, cover="woods")
    with pytest.raises(DataError, match=r"has no BigEarthNet-v2-S1S2-CLC/index\.csv"):
        load_tiles(forest(shared_data / "TerraMesh-sample"))


def test_an_index_with_places_gives_bounds(shared_data: Path, tmp_path: Path) -> None:
    lines = ["file,patch_int,left,bottom,right,top,crs"]
    for number, name in enumerate(("patch_00231", "patch_70297", "patch_61589")):
        shutil.copy(shared_data / "BigEarthNet-v2-S1S2-CLC" / f"{name}.npz", tmp_path)
        left = 300000 + 1200 * number
        lines.append(f"{name}.npz,{number},{left},5000000,{left + 1200},5001200,EPSG:32633")
    (tmp_path / "index.csv").write_text("\n".join(lines))
    tiles = load_tiles(forest(tmp_path, val=0.34, test=0.34))
    assert tiles.crs == "EPSG:32633"
    assert tiles.bounds[1].tolist() == [301200, 5000000, 302400, 5001200]
    assert tiles.notes["split"]["how"] == "place"
    (tmp_path / "patch_70297.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="1 of 3 tiles cannot be used: patch_70297"):
        load_tiles(forest(tmp_path))


def test_terramesh_reads_five_sites_of_several_zones(shared_data: Path) -> None:
    root = shared_data / "TerraMesh-sample"
    tiles = load_tiles(
        pairs(
            optical=str(root / "S2L2A"),
            sar=str(root / "S1RTC"),
            masks=str(root / "LULC"),
            classes={"other": "rest", "built": 5},
            val=1,
            test=1,
        )
    )
    assert len(tiles) == 5
    assert tiles.size == (224, 224)
    assert (len(tiles.optical_bands), len(tiles.sar_bands)) == (12, 2)
    assert tiles.sar.dtype == np.float32
    assert tiles.bounds is not None
    row = int(np.flatnonzero(tiles.ids == "433D_629L_3_1")[0])
    assert (tiles.masks[row] == 1).mean() == pytest.approx(0.23, abs=0.01)
    with rasterio.open(root / "S1RTC" / "433D_629L_3_1.tif") as file:
        valid = tiles.valid[row]
        np.testing.assert_allclose(tiles.sar[row][:, valid], file.read()[:, valid], rtol=1e-6)
    assert -25 < float(np.median(tiles.sar[row][0])) < 0


def flood(shared_data: Path, tmp_path: Path) -> dict[str, str]:
    """Sen1Floods11 has one optical chip: a stand-in on the same grid for the others."""
    root = shared_data / "Sen1Floods11-sample"
    optical = tmp_path / "optical"
    optical.mkdir()
    for path in sorted((root / "S1").glob("*.tif")):
        with rasterio.open(path) as file:
            about = file.profile | {"count": 1, "dtype": "uint8", "nodata": None}
            pixels = np.full((1, file.height, file.width), 100, np.uint8)
        pixels[0, ::2] = 120
        with rasterio.open(optical / path.name.replace("_S1Hand", "_opt"), "w", **about) as file:
            file.write(pixels)
    return {"optical": str(optical), "sar": str(root / "S1"), "masks": str(root / "Labels")}


def test_sen1floods11_has_labels_of_minus_1_and_pixels_of_nan(
    shared_data: Path, tmp_path: Path
) -> None:
    asked = flood(shared_data, tmp_path)
    tiles = load_tiles(pairs(**asked, ignore=-1, classes={"land": 0, "water": 1}))
    assert len(tiles) == 8
    assert tiles.size == (512, 512)
    assert tiles.ids[0] == "Ghana_53713"
    by_name = {str(name): row for row, name in enumerate(tiles.ids)}
    nigeria = by_name["Nigeria_812045"]
    assert 0.001 < 1 - tiles.valid[nigeria].mean() < 0.004
    assert np.isfinite(tiles.sar).all()
    for name, row in by_name.items():
        with rasterio.open(Path(asked["masks"]) / f"{name}_LabelHand.tif") as file:
            label = file.read(1)
        expected = np.where((label == -1) | ~tiles.valid[row], IGNORED, label)
        assert (tiles.masks[row] == expected).all()
    assert not (tiles.masks[by_name["Ghana_53713"]] == 1).any()
    assert tiles.notes["tiles_without_class"] == 1
    # statistics see no NaN and no invalid pixel
    rows = tiles.rows(TRAIN)
    pixels = np.concatenate([tiles.sar[row][:, tiles.valid[row]] for row in rows], axis=1)
    mean, deviation = band_statistics(tiles, "sar")
    np.testing.assert_allclose(mean, pixels.mean(axis=1, dtype=np.float64), rtol=1e-9)
    np.testing.assert_allclose(deviation, pixels.std(axis=1, dtype=np.float64), rtol=1e-9)
    batch = PairedTiles(tiles, "sar", stride=32)[TileRequest(np.array([nigeria]), None)]
    assert (batch["sar"].transpose(0, 1)[:, ~batch["valid"]] == 0).all()
    assert (batch["sar_target"][~batch["valid"]] == IGNORED).all()


def test_the_spacenet_6_crop_is_outside_of_the_swath_for_39_percent(
    shared_data: Path, tmp_path: Path
) -> None:
    root = shared_data / "SpaceNet6-sample"
    for number in range(3):
        for side, name in (("sar", "sar_masked"), ("optical", "rgb_unmasked")):
            (tmp_path / side).mkdir(exist_ok=True)
            shutil.copy(root / f"{name}.tif", tmp_path / side / f"{side}_{number}.tif")
    asked = pairs(optical=str(tmp_path / "optical"), sar=str(tmp_path / "sar"), val=1, test=1)
    tiles = load_tiles(asked, labels=False)
    assert tiles.size == (200, 200)
    assert 1 - tiles.valid[0].mean() == pytest.approx(0.3915, abs=0.005)
    mean, _ = band_statistics(tiles, "sar")
    np.testing.assert_allclose(mean, [-11.05, -13.91, -13.27, -10.37], atol=0.1)
