"""Properties of the transport cost and the mutual information."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ackd.analysis import mutual_information, wasserstein2

random = np.random.default_rng(0)


def test_distance_of_a_shift_is_its_length() -> None:
    x = random.normal(size=(30, 4))
    shift = np.array([3.0, 0.0, 4.0, 0.0])
    assert wasserstein2(x, x + shift) == pytest.approx(5.0, rel=1e-12)


def test_distance_is_symmetric_ignores_order_and_is_zero_at_equality() -> None:
    x, y = random.normal(size=(20, 3)), random.normal(size=(13, 3))
    assert wasserstein2(x, y) == pytest.approx(wasserstein2(y, x), rel=1e-12)
    assert wasserstein2(x, random.permutation(x)) == 0.0


def test_distance_reads_tensors_of_any_precision() -> None:
    x = torch.tensor([[0.0, 0.0]], requires_grad=True)
    y = torch.tensor([[3.0, 4.0]], dtype=torch.float16)
    assert wasserstein2(x, y) == 5.0


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), "3 and 4 wide"),
        (np.zeros(3), np.zeros((2, 3)), "x must be"),
        (np.zeros((2, 3)), np.zeros((0, 3)), "y must be"),
        (np.full((2, 3), np.nan), np.zeros((2, 3)), "6 values that are not finite"),
    ],
)
def test_rows_without_a_distance(x: np.ndarray, y: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wasserstein2(x, y)


def test_information_of_an_image_with_itself_is_its_entropy() -> None:
    image = np.repeat(np.arange(16, dtype=np.uint8), 16).reshape(16, 16)
    assert mutual_information(image, image) == pytest.approx(np.log(16))
    assert mutual_information(torch.from_numpy(image), 255 - image) == pytest.approx(np.log(16))
    assert mutual_information(image, image.T) == pytest.approx(0.0, abs=1e-12)
    assert mutual_information(image, np.zeros_like(image)) == 0.0


def test_images_that_cannot_be_compared() -> None:
    image = np.zeros((4, 4), dtype=np.uint8)
    with pytest.raises(TypeError, match="float64"):
        mutual_information(image, image.astype(float))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="common grid"):
        mutual_information(image, image[:2])


def test_a_real_image_knows_more_of_itself_than_of_another(shared_data: Path) -> None:
    files = sorted((shared_data / "EuroSAT_RGB").rglob("*.jpg"))[:2]
    assert len(files) == 2
    first, second = (np.asarray(Image.open(file).convert("RGB")) for file in files)
    own, other = mutual_information(first, first), mutual_information(first, second)
    assert own > other >= 0
