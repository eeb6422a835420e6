"""A scene student takes images in every form, as training read them, and refuses other ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import ackd
from ackd.data.options import PixelOptions
from ackd.data.reading.photographs import read_rgb
from ackd.errors import ConfigError, ImageError
from ackd.students import ScenePrediction, SceneStudent
from tests.data.layouts import write_tif
from tests.students.files import SEVERAL, SIZE, scene_file


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> SceneStudent:
    found = ackd.load_student(scene_file(tmp_path_factory.mktemp("scenes") / "student.pt"))
    assert isinstance(found, SceneStudent)
    return found


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """(40, 50, 3)."""
    return np.random.default_rng(3).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def by_hand(student: SceneStudent, path: Path, **options: Any) -> np.ndarray:
    """The logits of a file, read by what reads training images."""
    read = torch.from_numpy(read_rgb(path, SIZE, PixelOptions(**options)))[None].float()
    normalised = ((read - student.mean) / student.std).nan_to_num(0.0)
    with torch.no_grad():
        logits: np.ndarray = student.network(normalised).logits[0].numpy()
    return logits


def test_every_form_of_an_image_is_the_same_image(
    student: SceneStudent, pixels: np.ndarray, tmp_path: Path
) -> None:
    first = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    png, npy = tmp_path / "a.png", tmp_path / "a.npy"
    Image.fromarray(pixels).save(png)
    np.save(npy, pixels)
    tif = write_tif(tmp_path / "a.tif", first)
    forms = [
        png, str(png), npy, tif, Image.fromarray(pixels), pixels, first, torch.from_numpy(first),
        first.astype(np.int64), first.astype(np.float32), torch.from_numpy(first).float(),
    ]  # fmt: skip
    expected = by_hand(student, png)
    for form in forms:
        said = student.predict(form)
        assert isinstance(said, ScenePrediction)
        np.testing.assert_allclose(said.logits, expected, atol=1e-5)
    many = student.predict(forms, batch_size=4)
    assert len(many) == len(forms)
    for said in many:
        np.testing.assert_allclose(said.logits, expected, atol=1e-5)
    for batch in (np.stack([first, first]), torch.from_numpy(np.stack([pixels, pixels]))):
        assert [one.label for one in student.predict(batch)] == [many[0].label] * 2
    assert [one.label for one in student.predict_each(iter([png, first]))] == [many[0].label] * 2


def test_other_images_have_other_answers(student: SceneStudent, pixels: np.ndarray) -> None:
    """Else no comparison of answers in this file could fail."""
    expected = student.predict(pixels).logits
    for other in (pixels[::-1], pixels[..., ::-1], pixels // 2, pixels[:-8]):
        assert np.abs(student.predict(other).logits - expected).max() > 1e-3


def test_photographs_are_read_as_in_training(student: SceneStudent, tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    gray, jpg = tmp_path / "gray.png", tmp_path / "b.jpg"
    Image.fromarray(draw.integers(0, 256, (30, 30), dtype=np.uint8)).save(gray)
    Image.fromarray(draw.integers(0, 256, (90, 70, 3), dtype=np.uint8)).save(jpg, quality=80)
    for path in (gray, jpg):
        np.testing.assert_allclose(student.predict(path).logits, by_hand(student, path), atol=1e-5)
        with Image.open(path) as image:
            opened = student.predict(image)
        np.testing.assert_array_equal(opened.logits, student.predict(path).logits)


def test_an_answer_has_names_and_probabilities(student: SceneStudent, pixels: np.ndarray) -> None:
    said = student.predict(pixels)
    assert said.label == student.classes[said.logits.argmax()]
    assert said.labels == (said.label,)
    assert said.probabilities.sum() == pytest.approx(1, abs=1e-6)
    assert said.probability == said.probabilities.max()
    assert next(iter(said.ranked.items())) == (said.label, said.probability)
    assert said.label in repr(said)


def test_a_student_of_several_labels_judges_each_class(tmp_path: Path, pixels: np.ndarray) -> None:
    student = ackd.load_student(scene_file(tmp_path / "student.pt", task=SEVERAL))
    said = student.predict(pixels)
    np.testing.assert_allclose(said.probabilities, 1 / (1 + np.exp(-said.logits)), rtol=1e-5)
    chosen = tuple(c for c, p in zip(student.classes, said.probabilities, strict=True) if p > 0.5)
    assert said.labels == chosen
    assert student.task.name == "multilabel"


def test_bands_are_chosen_by_position_or_name(student: SceneStudent, pixels: np.ndarray) -> None:
    expected = student.predict(pixels).logits
    blue_first = np.concatenate([pixels[..., ::-1], pixels[..., :1]], axis=-1)  # B, G, R, NIR
    for bands in ([2, 1, 0], ["B", "G", "R", "NIR"]):
        said = student.predict(blue_first, bands=bands)
        np.testing.assert_array_equal(said.logits, expected)
    with pytest.raises(ImageError, match=r"has 4 bands, but .* 3 bands in this order: R, G, B"):
        student.predict(blue_first)
    with pytest.raises(ConfigError, match="3 positions from 0 to 3"):
        student.predict(blue_first, bands=[1, 2, 4])
    with pytest.raises(ConfigError, match="There is no band 'G'"):
        student.predict(blue_first, bands=["B", "green", "R", "NIR"])


def test_a_multispectral_file_is_refused_until_its_bands_are_chosen(
    student: SceneStudent, pixels: np.ndarray, tmp_path: Path
) -> None:
    path = write_tif(tmp_path / "s2.tif", np.concatenate([pixels.transpose(2, 0, 1)[::-1]] * 2))
    with pytest.raises(ImageError, match=r"s2\.tif has 6 bands.*bands=\[\.\.\.\] says which"):
        student.predict(path)
    said = student.predict(path, bands=[2, 1, 0])
    np.testing.assert_array_equal(said.logits, student.predict(pixels).logits)


def test_images_of_more_bits_need_their_white(
    student: SceneStudent, pixels: np.ndarray, tmp_path: Path
) -> None:
    deep = (pixels.transpose(2, 0, 1).astype(np.uint16) * 16) + 3
    with pytest.raises(
        ImageError,
        match=r"^The image holds uint16 numbers of \d+ to \d+, but .* 8-bit RGB images, 0 to 255\. "
        r"rgb_max=N says",
    ):
        student.predict(deep)
    path = write_tif(tmp_path / "deep.tif", deep)
    with pytest.raises(ImageError, match=r"deep\.tif holds uint16.*Give rgb_max=65535"):
        student.predict(path)
    expected = by_hand(student, path, rgb_max=4095)
    for form in (deep, path):
        said = student.predict(form, rgb_max=4095)
        np.testing.assert_allclose(said.logits, expected, atol=1e-5)
    # A student whose training read such files does it by itself.
    again = ackd.load_student(scene_file(tmp_path / "student.pt", rgb_max=4095.0))
    np.testing.assert_allclose(again.predict(deep).logits, expected, atol=1e-5)


def test_numbers_that_were_divided_or_normalized_are_refused(
    student: SceneStudent, pixels: np.ndarray
) -> None:
    shares = pixels.astype(np.float32) / 255
    with pytest.raises(ImageError, match=r"float32 numbers of 0 to 1.*rgb_max=N.*probably 1\."):
        student.predict(shares)
    said = student.predict(shares, rgb_max=1)
    np.testing.assert_allclose(said.logits, student.predict(pixels).logits, atol=1e-5)
    with pytest.raises(ImageError, match=r"Numbers below 0 look as if they were normalized"):
        student.predict(shares * 4 - 2)
    assert np.isfinite(student.predict(shares * 4 - 2, check=False).logits).all()
    with pytest.raises(ImageError, match="holds bool"):
        student.predict(pixels > 100)


def test_invalid_pixels_are_refused_or_become_the_mean(
    student: SceneStudent, pixels: np.ndarray, tmp_path: Path
) -> None:
    holes = pixels.astype(np.float32)
    holes[:5] = np.nan
    with pytest.raises(ImageError, match=r"250 invalid pixels .*nan.*invalid='zero' keeps it"):
        student.predict(holes)
    seen = rgba = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    rgba[:5, :, 3] = 0
    path = tmp_path / "holes.png"
    Image.fromarray(seen).save(path)
    with pytest.raises(ImageError, match="alpha band"):
        student.predict(path)
    expected = by_hand(student, path, nodata="zero")
    for form in (holes, path, Image.fromarray(rgba)):
        said = student.predict(form, invalid="zero")
        np.testing.assert_allclose(said.logits, expected, atol=1e-5)
    trained = ackd.load_student(scene_file(tmp_path / "student.pt", nodata="zero"))
    np.testing.assert_allclose(trained.predict(path).logits, expected, atol=1e-5)
    with pytest.raises(ConfigError, match="expected 'error' or 'zero'"):
        student.predict(pixels, invalid="mean")


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((900, 900, 3), "would shrink or blow it up more than 16 times"),
        ((1, 24, 3), "shrink or blow it up"),
        ((20, 200, 3), "squeeze it out of shape"),
    ],
)
def test_sizes_that_cannot_be_right_are_refused(
    student: SceneStudent, shape: tuple[int, ...], said: str
) -> None:
    image = np.full(shape, 100, np.uint8)
    with pytest.raises(ImageError, match=said):
        student.predict(image)
    assert student.predict(image, check=False).label


def test_what_is_no_image_is_said(student: SceneStudent, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="int is not an image; a student takes a path"):
        student.predict(7)
    with pytest.raises(ConfigError, match=r"Image 1 \(counted from 0\) is a int"):
        student.predict([np.zeros((24, 24, 3), np.uint8), 7])
    with pytest.raises(ImageError, match=r"nowhere\.jpg"):
        student.predict(tmp_path / "nowhere.jpg")
    assert student.predict([]) == []


def test_a_batch_without_an_image_is_refused(student: SceneStudent, pixels: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="batch_size=0 holds no image; give 1 or more"):
        student.predict([pixels], batch_size=0)


def test_the_network_is_left_in_its_mode(student: SceneStudent, pixels: np.ndarray) -> None:
    said = student.predict(pixels).logits
    student.network.train()
    try:
        np.testing.assert_array_equal(student.predict(pixels).logits, said)
        assert student.network.training
    finally:
        student.network.eval()
    assert student.to("cpu") is student
