"""Images to calibrate with and to compare on: read as the student reads them, with labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ackd.errors import ConfigError, DataError, ImageError
from ackd.export.samples import Sample, drawn, evenly, from_folder, whole_strides
from tests.data.tiles.folders import write_tif
from tests.export.students import CLASSES, decibels, scenes, tiles, write_scenes, write_tiles
from tests.students.files import SIZE


def test_scenes_have_the_labels_of_their_folders(tmp_path: Path) -> None:
    student = scenes(tmp_path / "student.pt")
    found = from_folder(student, write_scenes(tmp_path / "images"), 100)
    assert [one.target for one in found.images] == [0] * 4 + [1] * 4 + [2] * 4
    assert found.labelled
    for one, path in zip(found.images, sorted((tmp_path / "images").rglob("*.png")), strict=True):
        assert one.pixels.shape == (3, SIZE, SIZE)
        assert one.pixels.dtype == np.float32
        said = student.logits(__import__("torch").from_numpy(one.pixels[None]))[0]
        np.testing.assert_allclose(said, student.predict(path).logits, atol=1e-5)
    few = from_folder(student, tmp_path / "images", 3)
    assert [one.target for one in few.images] == [0, 1, 2]  # spread over all
    assert not from_folder(student, tmp_path / "images", 3, labels=False).labelled


def test_a_folder_that_is_nearly_a_class_is_refused(tmp_path: Path) -> None:
    student = scenes(tmp_path / "student.pt")
    root = write_scenes(tmp_path / "images")
    (root / "forest").rename(root / "forrest")
    with pytest.raises(DataError, match=r"forrest, which is none\. Did you mean 'forest'"):
        from_folder(student, root, 100)
    for name in CLASSES[1:]:
        (root / name).rename(root / f"part_{name[0]}")
    assert not from_folder(student, root, 100).labelled


def test_folders_that_have_nothing_are_told(tmp_path: Path) -> None:
    student = scenes(tmp_path / "student.pt")
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match=r"--data .*imagse does not exist.*Did you mean.*images"):
        from_folder(student, tmp_path / "imagse", 5)
    with pytest.raises(DataError, match="has no file that ends with"):
        from_folder(student, tmp_path / "images", 5)
    with pytest.raises(ConfigError, match="--masks is for segmentation"):
        from_folder(student, tmp_path / "images", 5, masks=tmp_path)
    with pytest.raises(ConfigError, match="--images 0"):
        evenly(4, 0)


@pytest.mark.parametrize("foreground", [1, 255])
def test_tiles_have_their_masks(foreground: int, tmp_path: Path) -> None:
    student = tiles(tmp_path / "student.pt")
    sar, masks = write_tiles(tmp_path / "data", foreground=foreground)
    found = from_folder(student, sar, 3, masks=masks)
    assert found.labelled
    assert len(found.images) == 3
    for one in found.images:
        assert (one.target[:5, :5] == 255).all()
        assert not one.known[:5, :5].any()
        there = one.known
        np.testing.assert_array_equal(one.target[there], (one.pixels[0] > -12)[there])
    assert not from_folder(student, sar, 3).labelled


def test_masks_of_other_values_are_refused(tmp_path: Path) -> None:
    student = tiles(tmp_path / "student.pt")
    sar, masks = write_tiles(tmp_path / "data", foreground=7)
    with pytest.raises(DataError, match=r"value 7; masks hold .* 0 ground, 1 building"):
        from_folder(student, sar, 3, masks=masks)
    (masks / "t0_mask.tif").unlink()
    with pytest.raises(DataError, match="do not belong to the images"):
        from_folder(student, sar, 3, masks=masks)


def test_images_that_the_student_refuses_are_refused(tmp_path: Path) -> None:
    student = tiles(tmp_path / "student.pt")
    (tmp_path / "linear").mkdir()
    write_tif(tmp_path / "linear" / "a.tif", np.float32(10) ** (decibels(32, 32) / 10))
    with pytest.raises(ImageError, match="linear intensities"):
        from_folder(student, tmp_path / "linear", 3)
    found = from_folder(student, tmp_path / "linear", 3, unit="linear")
    np.testing.assert_allclose(found.images[0].pixels, decibels(32, 32), atol=1e-4)


def test_images_are_brought_to_whole_strides(tmp_path: Path) -> None:
    image = decibels(37, 50)
    mask = np.ones((37, 50), np.uint8)
    ready = whole_strides(Sample(image, mask), 16)
    assert ready.pixels.shape == (2, 48, 64)
    np.testing.assert_array_equal(ready.pixels[:, 5:42, 7:57], image)
    assert (ready.target == 1).sum() == 37 * 50
    assert (ready.target[:5] == 255).all()
    fixed = whole_strides(Sample(image, mask), 16, (32, 64))
    assert fixed.pixels.shape == (2, 32, 64)
    np.testing.assert_array_equal(fixed.pixels[:, :, :50], image[:, :32])
    assert np.isnan(fixed.pixels[:, :, 50:]).all()
    assert (fixed.target[:, 50:] == 255).all()


def test_drawn_images_say_that_they_are(tmp_path: Path) -> None:
    for student in (scenes(tmp_path / "a.pt"), tiles(tmp_path / "b.pt")):
        found = drawn(student, 5)
        assert not found.real
        assert "noise" in found.where
        middle = np.mean([one.pixels.mean(axis=(1, 2)) for one in found.images], axis=0)
        np.testing.assert_allclose(middle, student.mean.flatten(), atol=15)
        assert len({one.pixels.tobytes() for one in found.images}) == 5
