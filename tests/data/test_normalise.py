"""From digital numbers to what a network sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ackd.data.benchmark import TRAIN
from ackd.data.normalise import (
    ImageMax,
    Normaliser,
    eight_bit_by_max,
    flips_and_turns,
    normalisers_of,
    rgb_normaliser,
)
from tests.golden import Golden, assert_close
from tests.stages.toy import benchmark, scenes


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


def test_golden_image_max(golden: Callable[[str], Golden]) -> None:
    for case in golden("19_preprocess"):
        stored = torch.from_numpy(case.get("in.eu_13band_uint16").astype(np.int32))[None]
        # The bands of the released code, by position in EuroSAT's tifs.
        chosen = stored[:, [0, 1, 2, 3, 4, 5, 6, 9, 10, 11]]
        assert_close(ImageMax()(chosen)[0], case.get("eu_ms10_normalised"), rtol=0, atol=1e-6)
        cn = torch.from_numpy(case.get("in.cn_14band_uint16").astype(np.int32))[None]
        assert_close(ImageMax()(cn)[0], case.get("cn_ms14_normalised"), rtol=0, atol=1e-6)


def test_golden_rgb_of_image_max(golden: Callable[[str], Golden]) -> None:
    normaliser = rgb_normaliser(scenes("rgb", 10), "image_max")
    for case in golden("19_preprocess"):
        image = Image.fromarray(case.get("in.rgb_uint8_hwc"))
        for key, size in (("eu_rgb64_normalised", 64), ("gl_rgb128_normalised", 128)):
            resized = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
            levels = torch.from_numpy(resized.copy()).permute(2, 0, 1)[None]
            assert_close(normaliser(levels)[0], case.get(key), rtol=0, atol=1e-6, what=key)


@pytest.mark.parametrize(("kind", "half"), [("uint8", 127.5), ("float32", 0.5)])
def test_golden_fixed_scale_of_ten_bands(
    golden: Callable[[str], Golden], kind: str, half: float
) -> None:
    """The released M2S-GL files are scaled by a constant, floating ones as if they were 0..1."""
    normaliser = Normaliser(np.full(10, half), np.full(10, half))
    for case in golden("19_preprocess"):
        stored = torch.from_numpy(case.get(f"in.gl_10band_{kind}")).permute(2, 0, 1)[None]
        found = normaliser(stored)[0]
        assert_close(found, case.get(f"gl_ms10_normalised_{kind}"), rtol=0, atol=1e-6)
        assert_close(found[:3], case.get(f"gl_clip_pseudo_rgb_{kind}"), rtol=0, atol=1e-6)


def test_every_image_has_its_own_maximum_and_no_level_is_off_by_one() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, 65536, (64, 3, 5, 5))
    numbers[:32] = numbers[:32] % rng.integers(2, 4000, (32, 1, 1, 1))
    numbers[0], numbers[1] = 0, 65535
    top = numbers.max(axis=(1, 2, 3), keepdims=True)
    exact = 255 * numbers // np.maximum(top, 1)
    found = eight_bit_by_max(torch.from_numpy(numbers))
    assert found.dtype == torch.float32
    assert np.array_equal(found.numpy(), exact)
    # Quotients that are whole numbers, and those just below one.
    tops = np.arange(1, 65536, 7)
    pixels = np.stack([tops, tops * 17 // 255, tops - 1], axis=1)
    found = eight_bit_by_max(torch.from_numpy(pixels[:, :, None, None]))[:, :, 0, 0]
    assert np.array_equal(found.numpy(), 255 * pixels // tops[:, None])


def test_normalisers_of_a_benchmark() -> None:
    bench = benchmark()
    ms, rgb = normalisers_of(bench, "standard")
    assert isinstance(ms, Normaliser)
    assert torch.equal(rgb.mean, Normaliser.of(bench.rgb).mean)
    ms, rgb = normalisers_of(bench, "image_max")
    assert isinstance(ms, ImageMax)
    found = rgb(torch.tensor([0.0, 127.5, 255.0]).view(1, 1, 1, 3).expand(1, 3, 1, 3))
    assert found[0, 0, 0].tolist() == [-1, 0, 1]


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
