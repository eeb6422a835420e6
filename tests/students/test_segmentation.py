"""A segmentation student maps images of any size, and knows the unit that it was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import ackd
from ackd.data.tiles import IGNORED
from ackd.errors import ConfigError, ImageError
from ackd.students import MaskPrediction, SegmentationStudent
from tests.data.tiles.folders import write_tif
from tests.students.files import SAR_MEAN, SAR_STD, tile_file


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> SegmentationStudent:
    found = ackd.load_student(tile_file(tmp_path_factory.mktemp("tiles") / "student.pt"))
    assert isinstance(found, SegmentationStudent)
    return found


def decibels(height: int = 37, width: int = 50, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed).normal(size=(2, height, width))
    mean, std = (np.array(each)[:, None, None] for each in (SAR_MEAN, SAR_STD))
    return (mean + std * draw).astype(np.float32)


def test_any_size_is_padded_and_cropped_back(student: SegmentationStudent) -> None:
    assert student.stride > 1
    image = decibels(37, 51)
    said = student.predict(image)
    assert isinstance(said, MaskPrediction)
    assert said.mask.shape == (37, 51)
    assert said.probabilities.shape == (2, 37, 51)
    np.testing.assert_allclose(said.probabilities.sum(axis=0), 1, atol=1e-6)
    np.testing.assert_array_equal(said.mask, said.probabilities[1] > 0.5)
    # The same by hand: normalised, and mirrored into a border that is half on either side.
    normalised = (image - student.mean.numpy()) / student.std.numpy()
    rows, cols = -37 % student.stride, -51 % student.stride
    border = ((0, 0), (rows // 2, rows - rows // 2), (cols // 2, cols - cols // 2))
    with torch.no_grad():
        ready = torch.from_numpy(np.pad(normalised, border, mode="reflect"))[None]
        logits = student.network(ready).logits[0, 0].numpy()
    inner = logits[border[1][0] :, border[2][0] :][:37, :51]
    np.testing.assert_allclose(said.probabilities[1], 1 / (1 + np.exp(-inner)), atol=1e-5)
    assert said.probabilities[1].std() > 1e-2
    shares = said.shares
    assert shares["building"] == pytest.approx((said.mask == 1).mean())
    assert "37x51" in repr(said)
    assert student.predict(image[:, :1, :3]).mask.shape == (1, 3)


def test_every_form_of_an_image_is_the_same_image(
    student: SegmentationStudent, tmp_path: Path
) -> None:
    image = decibels()
    np.save(tmp_path / "a.npy", image)
    np.savez(tmp_path / "a.npz", optical=image * 0, sar=image)
    named = write_tif(tmp_path / "a.tif", image[::-1], names=("VH", "VV"))
    forms = [
        image, torch.from_numpy(image), image.transpose(1, 2, 0), tmp_path / "a.npy",
        tmp_path / "a.npz", str(named), image.astype(np.float64),
    ]  # fmt: skip
    expected = student.predict(image).probabilities
    for said in student.predict([*forms, decibels(20, 20)], batch_size=3)[: len(forms)]:
        np.testing.assert_allclose(said.probabilities, expected, atol=1e-5)
    batch = np.stack([image, decibels(seed=1)])
    for one, said in zip(batch, student.predict(batch), strict=True):
        np.testing.assert_allclose(
            said.probabilities, student.predict(one).probabilities, atol=1e-5
        )
    sizes = [said.mask.shape for said in student.predict_each([decibels(9, 9), decibels(9, 12)])]
    assert sizes == [(9, 9), (9, 12)]


def test_pixels_without_data_are_marked(student: SegmentationStudent, tmp_path: Path) -> None:
    image = decibels()
    image[0, :4] = np.nan
    image[:, 4:8] = 0
    image[1, 8:10] = -9999
    said = student.predict(image, nodata=-9999)
    assert not said.valid[:10].any()
    assert said.valid[10:].all()
    assert (said.mask[:10] == IGNORED).all()
    assert np.isnan(said.probabilities[:, :10]).all()
    assert np.isfinite(said.probabilities[:, 10:]).all()
    with pytest.raises(ImageError, match="Say it: nodata=-9999"):
        student.predict(image)
    known = np.ones(image.shape[1:], bool)
    known[:12] = False
    cut = student.predict(decibels(), valid=known)
    np.testing.assert_array_equal(cut.valid, known)
    two = student.predict([decibels(), decibels(seed=1)], valid=[known, ~known])
    np.testing.assert_array_equal(two[1].valid, ~known)
    with pytest.raises(ConfigError, match="valid has the shape"):
        student.predict(decibels(), valid=known[1:])
    with pytest.raises(ConfigError, match=r"no mask for Image 1"):
        student.predict([decibels(), decibels()], valid=[known])
    with pytest.raises(ConfigError, match="more masks than there are images"):
        student.predict([decibels()], valid=[known, known])
    with pytest.raises(ConfigError, match="batch_size=0 holds no image; give 1 or more"):
        student.predict([decibels()], batch_size=0)
    nothing = student.predict(np.full((2, 16, 16), np.nan, np.float32))
    assert (nothing.mask == IGNORED).all()
    zeros = ackd.load_student(tile_file(tmp_path / "zeros.pt", zero_is_nodata=False))
    assert zeros.predict(np.where(np.isnan(image), -12, image), nodata=-9999).valid[4:8].all()


def test_intensities_become_decibels_or_are_refused(
    student: SegmentationStudent, tmp_path: Path
) -> None:
    image = decibels()
    linear = np.float32(10) ** (image / 10)
    with pytest.raises(
        ImageError,
        match=r"^The image holds linear intensities \(.*median .*\), but .* on decibels\. "
        r"unit='linear' converts",
    ):
        student.predict(linear)
    said = student.predict(linear, unit="linear")
    np.testing.assert_allclose(said.probabilities, student.predict(image).probabilities, atol=1e-4)
    assert student.predict(linear, check=False).mask.shape == image.shape[1:]
    # Files of training were linear: so are those that follow.
    other = ackd.load_student(tile_file(tmp_path / "student.pt", unit="linear"))
    np.testing.assert_array_equal(other.predict(linear).mask, said.mask)
    with pytest.raises(ImageError, match=r"holds decibels .*unit='db' takes them as they are"):
        other.predict(image)
    np.testing.assert_array_equal(other.predict(image, unit="db").mask, student.predict(image).mask)
    with pytest.raises(ConfigError, match="There is no unit of SAR images 'dB'"):
        student.predict(image, unit="dB")


def test_other_numbers_and_bands_are_refused(student: SegmentationStudent, tmp_path: Path) -> None:
    photograph = np.random.default_rng(0).integers(1, 256, (2, 20, 20), dtype=np.uint8)
    with pytest.raises(ImageError, match=r"no decibels of a radar .*check=False"):
        student.predict(photograph)
    with pytest.raises(
        ImageError, match=r"median .* in band VV, but .* around -12 \(standard deviation 4\)"
    ):
        student.predict(decibels() + 60)
    assert student.predict(decibels() + 60, check=False).valid.all()
    three = np.concatenate([decibels(), decibels()[:1]])
    with pytest.raises(ImageError, match=r"has 3 bands, but .* 2 bands in this order: VV, VH"):
        student.predict(three)
    swapped = decibels()[[1, 0, 0]]
    for bands in ([1, 0], ["VH", "VV", "angle"]):
        said = student.predict(swapped, bands=bands)
        np.testing.assert_array_equal(said.mask, student.predict(decibels()).mask)
    named = write_tif(tmp_path / "hh.tif", decibels(), names=("HH", "HV"))
    with pytest.raises(ImageError, match=r"2 bands \(HH, HV\), but the student"):
        student.predict(named)
    student.predict(named, bands=[0, 1])


def test_several_classes_have_a_probability_each(tmp_path: Path) -> None:
    classes = ["ground", "building", "water"]
    several = "segmentation of several classes"
    student = ackd.load_student(tile_file(tmp_path / "s.pt", classes=classes, task=several))
    said = student.predict(decibels())
    assert said.probabilities.shape == (3, 37, 50)
    np.testing.assert_array_equal(said.mask, said.probabilities.argmax(axis=0))
    assert set(said.shares) == set(classes)


def test_the_file_is_told(student: SegmentationStudent) -> None:
    assert student.classes == ("ground", "building")
    assert (student.bands, student.size, student.sensor) == (("VV", "VH"), (32, 32), "sar")
    assert student.task.name == "segmentation"
    assert student.about["test"] == {"iou": 0.4}
    assert not student.unknown
