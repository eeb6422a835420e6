"""Real images: a georeferenced RGB scene, and a flood chip of Sentinel-1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from ackd.errors import ImageError
from ackd.predict import predict_raster
from ackd.predict.segmentation import STEPS
from tests.predict.rasters import classifier, features, read, segmenter


def test_an_rgb_scene(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "SpaceNet6-sample" / "rgb_unmasked.tif"
    windows, classes = predict_raster(classifier(tmp_path), path, tmp_path)
    with rasterio.open(path) as scene, rasterio.open(classes) as found:
        assert (found.crs, found.transform, found.shape) == (
            scene.crs, scene.transform, scene.shape,
        )  # fmt: skip
    lon, lat = np.array(features(windows)[0]["geometry"]["coordinates"][0]).T
    assert (lon > 4).all()  # Rotterdam
    assert (lon < 5).all()
    assert (lat > 51).all()
    assert (lat < 52.5).all()


def test_a_flood_chip(shared_data: Path, tmp_path: Path) -> None:
    chips = sorted((shared_data / "Sen1Floods11-sample").rglob("*S1Hand*.tif"))
    if not chips:
        pytest.skip("Sen1Floods11-sample has no file *S1Hand*.tif")
    student = segmenter(tmp_path)
    shares, mask, _ = predict_raster(student, chips[0], tmp_path / "out", window=128)
    expected = student.predict(chips[0])
    np.testing.assert_allclose(read(shares)[0], expected.probabilities[1], atol=0.5 / STEPS + 2e-6)
    assert read(mask).shape == (1, 512, 512)
    wrong = segmenter(tmp_path, resolution=0.5)
    with pytest.raises(ImageError, match=r"trained on pixels of 0\.5 m"):
        predict_raster(wrong, chips[0], tmp_path / "out")
    with pytest.raises(ImageError, match="has 2 bands"):
        predict_raster(classifier(tmp_path), chips[0], tmp_path / "out")
