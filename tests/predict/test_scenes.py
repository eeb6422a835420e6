"""A large photograph is classified window by window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from rasterio.warp import transform as reproject

from ackd.data.tiles import IGNORED
from ackd.geo import plan_windows
from ackd.predict import predict_raster
from ackd.predict.class_map import ClassMap
from ackd.predict.rasters import is_large
from ackd.predict.source import open_source
from ackd.students import SceneStudent
from tests.predict.rasters import CRS, PLACE, classifier, features, read, write
from tests.students.files import SEVERAL, SIZE


@pytest.fixture
def student(tmp_path: Path) -> SceneStudent:
    return classifier(tmp_path)


def mosaic(rows: int, cols: int, side: int = SIZE, seed: int = 0) -> np.ndarray:
    """(3, rows * side, cols * side): noise whose color differs from field to field."""
    draw = np.random.default_rng(seed)
    fields = draw.integers(30, 226, (3, rows, cols))
    image = np.repeat(np.repeat(fields, side, axis=1), side, axis=2)
    return (image + draw.integers(-30, 30, image.shape)).astype(np.uint8)


def test_windows_are_what_the_student_says_of_them(student: SceneStudent, tmp_path: Path) -> None:
    image = mosaic(4, 5)
    path = write(tmp_path / "scene.tif", image)
    windows, classes = predict_raster(student, path, tmp_path / "out", overlap=0)
    found = features(windows)
    assert len(found) == 20
    labels = read(classes)[0]
    for place, one in enumerate(found):
        row, col = (SIZE * part for part in divmod(place, 5))
        said = student.predict(image[:, row : row + SIZE, col : col + SIZE])
        assert one["properties"]["class"] == said.label
        assert one["properties"]["probability"] == pytest.approx(said.probability, abs=1e-3)
        part = labels[row : row + SIZE, col : col + SIZE]
        assert (part == student.classes.index(said.label)).all()
        ring = np.array(one["geometry"]["coordinates"][0])
        x, y = reproject("EPSG:4326", CRS, *ring.T)
        cols, rows = ~PLACE * (np.array(x), np.array(y))
        expected = [col, col, col + SIZE, col + SIZE, col]
        np.testing.assert_allclose(cols, expected, atol=0.1)
        np.testing.assert_allclose(rows[1], row + SIZE, atol=0.1)  # counterclockwise
    assert len({one["properties"]["class"] for one in found}) > 1
    with rasterio.open(classes) as file:
        assert (file.crs, file.transform, file.nodata) == (CRS, PLACE, IGNORED)
        assert file.tags()["CLASS_2"] == "town"


@pytest.mark.parametrize(("size", "overlap"), [((60, 83), 0), ((61, 50), 12), ((10, 70), 6)])
def test_the_class_map_is_blended_in_probability(size: tuple[int, int], overlap: int) -> None:
    tile, (height, width) = 24, size
    windows = plan_windows(height, width, tile, tile - overlap)
    rows, cols = (tuple(sorted({one[k] for one in windows})) for k in (0, 1))
    draw = np.random.default_rng(1)
    said = draw.random((len(rows), len(cols), 3)).astype(np.float32)
    said[0, 0] = 0  # a window without data
    total = np.zeros((3, height, width))
    for i, row in enumerate(rows):
        for j, col in enumerate(cols):
            down, across = min(tile, height), min(tile, width)
            wave = [np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in (down, across)]
            total[:, row : row + down, col : col + across] += said[i, j][:, None, None] * np.outer(
                *wave
            )
    expected = np.where(total.max(axis=0) > 0, total.argmax(axis=0), IGNORED)
    class_map = ClassMap((rows, cols), tile, size)
    found = np.concatenate([class_map.add(i, said[i]) for i in range(len(rows))])
    assert (found != expected).mean() < 1e-3
    assert len(np.unique(found)) > 2


def test_nodata_stays_nodata(student: SceneStudent, tmp_path: Path) -> None:
    image = np.maximum(mosaic(4, 4), 1)
    image[:, :30] = 0
    image[0, 60:70, 60:70] = 0  # only one band is black there
    path = write(tmp_path / "scene.tif", image, nodata=0)
    windows, classes = predict_raster(student, path, tmp_path / "out", overlap=0)
    empty = (image == 0).all(axis=0)
    np.testing.assert_array_equal(read(classes)[0] == IGNORED, empty)
    found = features(windows)
    assert len(found) == 12  # the first row of windows has no data
    assert [one["properties"].get("valid") for one in found[:4]] == [0.75] * 4
    # Its pixels without data are the mean of training.
    part = image[:, SIZE : 2 * SIZE, :SIZE].astype(np.float32)
    part[:, :6] = np.nan
    said = student.predict(part, invalid="zero")
    assert found[0]["properties"]["class"] == said.label
    assert found[0]["properties"]["probability"] == pytest.approx(said.probability, abs=1e-3)


def test_windows_of_another_size_are_resized(student: SceneStudent, tmp_path: Path) -> None:
    image = mosaic(2, 2, side=40)
    path = write(tmp_path / "scene.tif", image, crs=None)
    windows, _ = predict_raster(student, path, tmp_path / "out", window=40, overlap=0)
    found = features(windows)
    for one, (row, col) in zip(found, [(0, 0), (0, 40), (40, 0), (40, 40)], strict=True):
        said = student.predict(image[:, row : row + 40, col : col + 40])
        assert one["properties"]["probability"] == pytest.approx(said.probability, abs=1e-3)
    assert '"coordinates": "pixels' in windows.read_text()


def test_several_labels_of_a_window(tmp_path: Path) -> None:
    student = classifier(tmp_path, task=SEVERAL)
    image = mosaic(2, 3)
    windows, _ = predict_raster(student, write(tmp_path / "s.tif", image), tmp_path, overlap=0)
    for place, one in enumerate(features(windows)):
        row, col = (SIZE * part for part in divmod(place, 3))
        said = student.predict(image[:, row : row + SIZE, col : col + SIZE])
        assert one["properties"]["labels"] == list(said.labels)


def test_colors_are_found_by_what_the_file_says(student: SceneStudent, tmp_path: Path) -> None:
    image = mosaic(3, 3)
    alpha = np.full((1, *image.shape[1:]), 255, np.uint8)
    alpha[:, :, :24] = 0
    path = write(
        tmp_path / "rgba.tif", np.concatenate([image, alpha]), photometric="RGB", alpha="YES"
    )
    turned = tmp_path / "bgr.tif"
    write(turned, np.concatenate([image[::-1], image[:1]]), names=("B", "G", "R", "NIR"))
    (plain, _), (clear, classes), (other, _) = (
        predict_raster(student, one, tmp_path / one.stem, overlap=0)
        for one in (write(tmp_path / "rgb.tif", image), path, turned)
    )
    assert features(other) == features(plain)
    assert features(clear) == [one for k, one in enumerate(features(plain)) if k % 3]
    assert (read(classes)[0][:, :24] == IGNORED).all()


def test_a_large_tif_is_told_from_a_photograph(student: SceneStudent, tmp_path: Path) -> None:
    for side, crs, large in ((48, CRS, False), (49, CRS, True), (300, None, False),
                             (400, None, True)):  # fmt: skip
        image = np.zeros((3, 24, side), np.uint8)
        with open_source(write(tmp_path / "a.tif", image, crs=crs)) as source:
            assert is_large(student, source) is large


def test_the_network_sees_batches(
    student: SceneStudent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    before = student.logits

    def counted(images: torch.Tensor) -> torch.Tensor:
        sizes.append(len(images))
        return before(images)

    monkeypatch.setattr(student, "logits", counted)
    path = write(tmp_path / "scene.tif", mosaic(2, 7))
    predict_raster(student, path, tmp_path / "out", overlap=0, batch_size=4)
    assert sizes == [4, 3, 4, 3]
