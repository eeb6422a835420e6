"""The RGB image inside of an MS image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from ackd.data.benchmark import TRAIN
from ackd.data.normalise import Normaliser
from ackd.data.pseudo_rgb import PseudoRGB, pseudo_rgb_bands, pseudo_rgb_remark
from ackd.errors import ConfigError, DataError
from tests.golden import Golden
from tests.stages.toy import scenes


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


IDENTITY = Normaliser(np.zeros(3), np.ones(3))


@pytest.mark.parametrize("side", ["eu_13band", "cn_14band"])
def test_golden_image_max(golden: Callable[[str], Golden], side: str) -> None:
    for case in golden("19_preprocess"):
        stored = case.get(f"in.{side}_uint16")
        images = np.ascontiguousarray(np.broadcast_to(stored, (30, *stored.shape)))
        names = tuple(f"X{n}" for n in range(len(stored)))
        ms = replace(scenes("ms", 10), images=images, bands=names)
        released = PseudoRGB(ms, 0.275, IDENTITY, kind="image_max", bands="first")
        found = released(torch.from_numpy(stored.astype(np.int32))[None])[0]
        expected = case.get(f"{side[:2]}_clip_pseudo_rgb_uint8")
        assert np.array_equal(found.numpy(), expected)


def test_image_max_is_not_normalised_and_sees_three_bands_alone() -> None:
    ms = scenes("ms", 10)
    images = torch.from_numpy(ms.images[:2].astype(np.int32))
    images[:, ms.bands.index("B08")] = 60000  # brighter, but not visible
    found = PseudoRGB(ms, 0.275, Normaliser.of(scenes("rgb", 10)), kind="image_max")(images)
    assert found.amax(dim=(1, 2, 3)).tolist() == [255, 255]
    assert torch.equal(found, found.round())


def test_which_bands() -> None:
    ms = scenes("ms", 10)  # B02, B03, B04, B08
    assert pseudo_rgb_bands(ms, None) == ("B04", "B03", "B02")
    assert pseudo_rgb_bands(ms, "first") == ("B02", "B03", "B04")
    assert pseudo_rgb_bands(ms, ["B08", "B04", "B03"]) == ("B08", "B04", "B03")
    with pytest.raises(ConfigError, match=r"B01, which is not among data.bands"):
        pseudo_rgb_bands(ms, ["B01", "B02", "B03"])
    two = replace(ms, images=ms.images[:, :2].copy(), bands=("B02", "B03"))
    with pytest.raises(ConfigError, match="only 2: B02, B03"):
        pseudo_rgb_bands(two, "first")


def test_a_sensor_of_unknown_scale_is_stretched_by_its_own_statistics() -> None:
    side = scenes("ms", 10)
    images = np.ascontiguousarray(side.images[:, :3])
    side = replace(side, images=images, bands=("VN03", "VN05", "VN07"), sensor="tiangong2")
    stretch = PseudoRGB(side, 0.275, IDENTITY)
    channels = [side.bands.index(name) for name in ("VN07", "VN05", "VN03")]
    numbers = side.images[side.indices(TRAIN)][:, channels].astype(np.float64)
    mean, deviation = numbers.mean((0, 2, 3)), numbers.std((0, 2, 3))
    levels = stretch(torch.from_numpy(side.images.astype(np.int32)))
    expected = 255 * (side.images[:, channels].transpose(0, 2, 3, 1) - mean) / (4 * deviation)
    expected = (expected + 127.5).clip(0, 255).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(levels.numpy(), expected, atol=1e-3)
    # the unit of the numbers does not matter
    tenfold = replace(side, images=(images * np.float32(0.001)).astype(np.float32))
    scaled = PseudoRGB(tenfold, 0.275, IDENTITY)(torch.from_numpy(tenfold.images))
    np.testing.assert_allclose(scaled.numpy(), levels.numpy(), atol=0.05)
    own = PseudoRGB(side, 0.275, IDENTITY, kind="image_max")
    found = own(torch.from_numpy(images[:2].astype(np.int32)))
    assert found.amax(dim=(1, 2, 3)).tolist() == [255, 255]
    assert pseudo_rgb_bands(side, None) == ("VN07", "VN05", "VN03")


def test_what_was_taken_for_red_green_and_blue_is_said() -> None:
    side = scenes("ms", 10)
    own = replace(side, bands=("b1", "b2", "b3", "b4"), sensor="generic")
    said = str(pseudo_rgb_remark(own, None, "stretch"))
    assert "b1, b2 and b3 (the first three) stand for red, green and blue" in said
    assert "data.pseudo_rgb_bands=" in said
    assert "stretched by its own mean and deviation" in said
    named = replace(own, bands=("blue", "green", "red", "nir"))
    assert pseudo_rgb_bands(named, None) == ("red", "green", "blue")
    assert "red, green and blue (by their names)" in str(
        pseudo_rgb_remark(named, None, "image_max")
    )
    assert pseudo_rgb_remark(own, ["b3", "b2", "b1"], "image_max") is None
    assert pseudo_rgb_remark(side, None, "stretch") is None
