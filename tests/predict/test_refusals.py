"""What does not fit is refused before anything is computed, with the option that overrides it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasterio.transform import from_origin

from ackd.errors import ConfigError, DataError, ImageError
from ackd.predict import predict_raster
from ackd.predict.words import in_words_of_this_command
from tests.predict.rasters import classifier, read, segmenter, smooth, write
from tests.students.files import SAR_MEAN


def refused(student: Any, path: Path, out: Path, **options: Any) -> str:
    """The sentence, in words of the command; the network has seen nothing."""
    seen = getattr(student.network, "windows", 0)
    with pytest.raises((ImageError, ConfigError)) as raised:
        predict_raster(student, path, out, **options)
    assert getattr(student.network, "windows", 0) == seen
    assert not [one for one in out.rglob("*") if one.is_file()]
    return in_words_of_this_command(str(raised.value))


def test_bands(tmp_path: Path) -> None:
    student, out = segmenter(tmp_path), tmp_path / "out"
    image = smooth(40, 40)
    path = write(tmp_path / "a.tif", np.concatenate([image[::-1], image[:1]]))
    said = refused(student, path, out)
    assert "a.tif has 3 bands, but the student was trained on 2 bands in this order: VV, VH" in said
    assert "--bands ... says which" in said
    expected = read(predict_raster(student, write(tmp_path / "b.tif", image), out / "b")[0])
    for bands in ([1, 0], ["VH", "VV", "HH"]):
        found = read(predict_raster(student, path, out / "a", bands=bands)[0])
        np.testing.assert_array_equal(found, expected)
    named = write(tmp_path / "c.tif", image[::-1], names=("VH", "VV"))
    np.testing.assert_array_equal(read(predict_raster(student, named, out / "c")[0]), expected)


def test_unit_and_range(tmp_path: Path) -> None:
    student, out = segmenter(tmp_path), tmp_path / "out"
    image = smooth(40, 40)
    linear = write(tmp_path / "linear.tif", np.float32(10) ** (image / 10))
    assert "--unit linear converts them" in refused(student, linear, out)
    db = write(tmp_path / "db.tif", image)
    said = refused(student, db, out, unit="linear")
    assert "--unit db takes them as they are" in said
    far = write(tmp_path / "far.tif", image - 60)
    assert "--no-check takes any numbers as they are" in refused(student, far, out)
    ours = read(predict_raster(student, linear, out / "a", unit="linear")[0])
    np.testing.assert_allclose(ours, read(predict_raster(student, db, out / "b")[0]), atol=2e-3)
    assert np.isfinite(read(predict_raster(student, far, out / "c", check=False)[0])).all()


def test_a_lake_in_one_window_is_not_another_range(tmp_path: Path) -> None:
    student = segmenter(tmp_path)
    image = smooth(300, 300)
    image[:, :80, :80] = np.array(SAR_MEAN)[:, None, None] - 60
    path = write(tmp_path / "a.tif", image)
    assert predict_raster(student, path, tmp_path / "out", window=64)


def test_data_that_the_sample_misses_are_looked_at_when_they_come(tmp_path: Path) -> None:
    student = segmenter(tmp_path)
    image = np.zeros((2, 1200, 1200), np.float32)
    image[:, 1100:, :30] = 3000.0
    path = write(tmp_path / "a.tif", image)
    with pytest.raises(ImageError, match="no decibels of a radar"):
        predict_raster(student, path, tmp_path / "out")
    assert not [one for one in (tmp_path / "out").rglob("*") if one.is_file()]


def test_nodata_that_nobody_told(tmp_path: Path) -> None:
    student, out = segmenter(tmp_path), tmp_path / "out"
    image = smooth(40, 40)
    image[:, :5] = -9999
    path = write(tmp_path / "a.tif", image)
    assert "--nodata -9999" in refused(student, path, out)
    found = read(predict_raster(student, path, out, nodata=-9999)[0])[0]
    assert np.isnan(found[:5]).all()
    assert np.isfinite(found[5:]).all()


def test_resolution(tmp_path: Path) -> None:
    image, out = smooth(40, 40), tmp_path / "out"
    student = segmenter(tmp_path, resolution=0.5)
    assert student.resolution == 0.5
    coarse = from_origin(592000.0, 5749000.0, 2, 2)
    path = write(tmp_path / "a.tif", image, transform=coarse)
    said = refused(student, path, out)
    assert "has pixels of 2 m, but the student was trained on pixels of 0.5 m" in said
    assert "4 times too small" in said
    assert "--any-resolution takes it as it is" in said
    assert predict_raster(student, path, out / "a", any_resolution=True)
    degrees = from_origin(4.3, 51.9, 0.5 / 68_800, 0.5 / 111_250)
    near = write(tmp_path / "b.tif", image, transform=degrees, crs="EPSG:4326")
    assert predict_raster(student, near, out / "b")
    unknown = segmenter(tmp_path)
    assert unknown.resolution is None
    assert predict_raster(unknown, path, out / "c")


def test_photographs_of_more_bits(tmp_path: Path) -> None:
    student, out = classifier(tmp_path), tmp_path / "out"
    eight = np.random.default_rng(0).integers(1, 256, (3, 60, 60)).astype(np.uint8)
    path = write(tmp_path / "a.tif", eight.astype(np.uint16) * 16)
    assert "--rgb-max N says which number is white" in refused(student, path, out)
    (tmp_path / "b").mkdir()
    plain = write(tmp_path / "b" / "a.tif", eight)
    written = [
        predict_raster(student, one, out / str(white), rgb_max=white)
        for one, white in ((path, 16 * 255.0), (plain, None))
    ]
    assert written[0][0].read_text() == written[1][0].read_text()
    assert "shrink or blow it up" in refused(
        student, write(tmp_path / "c.tif", np.tile(eight, (1, 8, 8))), tmp_path / "o", window=400
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"window": 0}, "--window 0 is not possible; give 1 or more"),
        ({"overlap": -1}, "--overlap -1 would leave gaps"),
        ({"window": 32, "overlap": 32}, "--overlap 32 leaves nothing of windows of 32 pixels"),
        ({"batch_size": 0}, "--batch-size 0"),
        ({"min_area": -1.0}, "--min-area -1.0"),
        ({"simplify": float("nan")}, "--simplify nan"),
        ({"write": ("mask", "polygon")}, "There is no map 'polygon' (--write polygon). Did you"),
        ({"write": ()}, "write names nothing"),
        ({"rgb_max": 255.0}, "--rgb-max 255 is for students of RGB scenes; this one maps ground"),
        ({"bands": [0, 7]}, "--bands 0,7 does not fit"),
        ({"bands": ["VV", "VX"]}, "There is no band 'VH'"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    student = segmenter(tmp_path)
    path = write(tmp_path / "a.tif", smooth(40, 40))
    assert said in refused(student, path, tmp_path / "out", **options)


def test_options_of_the_other_kind(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.full((3, 60, 60), 9, np.uint8))
    student, out = classifier(tmp_path), tmp_path / "out"
    assert "--unit db is for SAR images" in refused(student, path, out, unit="db")
    said = "write, min_area and simplify are of segmentation"
    assert said in refused(student, path, out, write=("mask",))
    assert said in refused(student, path, out, min_area=3.0)


def test_numbers_beyond_white_that_the_sample_misses(tmp_path: Path) -> None:
    image = np.full((3, 600, 1000), 90, np.int16)
    image[:, 26:28, 26:28] = 3000
    path = write(tmp_path / "a.tif", image)
    with pytest.raises(ImageError, match="holds float32 numbers of 90 to 3000"):
        predict_raster(classifier(tmp_path), path, tmp_path / "out", overlap=0)
    assert predict_raster(classifier(tmp_path), path, tmp_path / "o", overlap=0, rgb_max=3000)


def test_files_that_are_no_raster(tmp_path: Path) -> None:
    student, out = segmenter(tmp_path), tmp_path / "out"
    cut = write(tmp_path / "cut.tif", smooth(400, 400))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    with pytest.raises(ImageError, match=r"cut\.tif cannot be read: truncated"):
        predict_raster(student, cut, out)
    for path in (tmp_path / "nowhere.tif", write_text(tmp_path / "words.tif")):
        with pytest.raises(DataError, match=path.name):
            predict_raster(student, path, out)
    assert not [one for one in out.rglob("*") if one.is_file()]


def write_text(path: Path) -> Path:
    path.write_text("no raster", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("unit='linear' converts them, check=False", "--unit linear converts them, --no-check"),
        ("Say it: nodata=-9999.", "Say it: --nodata -9999."),
        ("bands=['B', 'G'] has 2 names", "--bands B,G has 2 names"),
        ("(bands=[...]); check=False takes", "(--bands ...); --no-check takes"),
        ("Give rgb_max=65535 for full", "Give --rgb-max 65535 for full"),
        ("invalid='zero' keeps it", "--invalid zero keeps it"),
        ("say so: ackd.load_student(path, trust='my.Net').", "say so: --trust my.Net."),
        ("data.unit=db stays", "data.unit=db stays"),
    ],
)
def test_messages_are_in_words_of_the_command(text: str, said: str) -> None:
    assert in_words_of_this_command(text) == said
