"""From digital numbers to what a network sees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ackd.data.benchmark import TRAIN
from ackd.data.normalise import Normaliser, PseudoRGB, flips_and_turns
from ackd.errors import DataError
from tests.stages.toy import scenes


def test_training_images_become_mean_zero_and_deviation_one() -> None:
    side = scenes("ms", 10)
    train = torch.from_numpy(side.images[side.indices(TRAIN)].astype(np.int64))
    seen = Normaliser.of(side)(train)
    assert seen.dtype == torch.float32
    torch.testing.assert_close(seen.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        seen.std(dim=(0, 2, 3), correction=0), torch.ones(4), atol=1e-5, rtol=0
    )


def test_statistics_come_from_training_images_alone() -> None:
    side = scenes("ms", 10)
    images = side.images.copy()
    images[side.split != TRAIN] = 60000
    other = Normaliser.of(replace(side, images=images))
    assert torch.equal(other.mean, Normaliser.of(side).mean)
    assert torch.equal(other.std, Normaliser.of(side).std)


def pseudo(bands: tuple[str, ...], values: dict[str, int]) -> torch.Tensor:
    """Pseudo-RGB grey levels of one image of constant bands."""
    base = scenes("ms", 10)
    stack = np.stack([np.full((4, 4), values[b], np.uint16) for b in bands])
    images = np.ascontiguousarray(np.broadcast_to(stack, (30, *stack.shape)))
    side = replace(base, images=images, bands=bands)
    identity = Normaliser(np.zeros(3), np.ones(3))
    return PseudoRGB(side, 0.255, identity)(torch.from_numpy(images[:1].astype(np.int32)))[0]


@pytest.mark.parametrize(
    "bands",
    [("B02", "B03", "B04", "B08"), ("B08", "B04", "B03", "B02"), ("B03", "B08", "B02", "B04")],
)
def test_red_comes_first_whatever_the_order_of_the_bands(bands: tuple[str, ...]) -> None:
    # Sentinel-2 stores reflectance times 10000, so 0.255 -> 255 makes a grey level of 10.
    found = pseudo(bands, {"B04": 300, "B03": 200, "B02": 100, "B08": 9000})
    assert found[:, 0, 0].tolist() == pytest.approx([30, 20, 10])


def test_bright_surfaces_saturate_like_a_camera() -> None:
    found = pseudo(("B02", "B03", "B04"), {"B04": 2550, "B03": 2551, "B02": 60000})
    assert found[:, 0, 0].tolist() == pytest.approx([255, 255, 255])


def test_pseudo_rgb_goes_through_the_normaliser_of_real_rgb() -> None:
    rgb, ms = Normaliser.of(scenes("rgb", 10)), scenes("ms", 10)
    images = torch.from_numpy(ms.images[:2].astype(np.int32))
    raw = PseudoRGB(ms, 0.275, Normaliser(np.zeros(3), np.ones(3)))(images)
    torch.testing.assert_close(PseudoRGB(ms, 0.275, rgb)(images), rgb(raw))


def test_pseudo_rgb_needs_visible_bands() -> None:
    side = scenes("ms", 10)
    infrared = replace(side, images=side.images[:, 2:].copy(), bands=("B8A", "B11"))
    with pytest.raises(DataError):
        PseudoRGB(infrared, 0.275, Normaliser(np.zeros(3), np.ones(3)))


def symmetries(image: torch.Tensor) -> list[torch.Tensor]:
    turned = [torch.rot90(image, k, dims=(-2, -1)) for k in range(4)]
    return turned + [t.flip(-1) for t in turned]


def test_all_eight_symmetries_occur_and_nothing_else() -> None:
    torch.manual_seed(0)
    image = torch.arange(2 * 5 * 5, dtype=torch.float32).view(2, 5, 5)
    found = flips_and_turns(image.expand(400, -1, -1, -1))
    counts = [int((found == s).flatten(1).all(1).sum()) for s in symmetries(image)]
    assert sum(counts) == 400
    assert min(counts) > 25  # 50 expected; fewer than 25 has a chance of 1e-5


def test_images_that_are_not_square_keep_their_shape() -> None:
    torch.manual_seed(0)
    image = torch.arange(24.0).view(1, 4, 6)
    found = flips_and_turns(image.expand(200, -1, -1, -1))
    assert found.shape == (200, 1, 4, 6)
    half = [image, image.rot90(2, (-2, -1)), image.flip(-1), image.flip(-2)]
    counts = [int((found == s).flatten(1).all(1).sum()) for s in half]
    assert sum(counts) == 200
    assert min(counts) > 20


def test_augmentation_draws_from_the_seeded_generator() -> None:
    images = torch.rand(16, 3, 4, 4)
    torch.manual_seed(1)
    first = flips_and_turns(images)
    torch.manual_seed(1)
    assert torch.equal(flips_and_turns(images), first)
    assert not torch.equal(flips_and_turns(images), first)
