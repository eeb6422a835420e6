"""Which side of a batch is flipped and turned, and augmentations of the user's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from torch import nn
from torchvision import transforms
from torchvision.transforms import v2

from ackd.data.augmentation import Augmentation
from ackd.data.pairs import Request, SceneBatches
from ackd.errors import ConfigError
from ackd.modules import UnpairedDataModule
from ackd.stages.trial import try_augmentations
from tests.stages.toy import benchmark


@pytest.mark.parametrize("partners", [False, True])
def test_partners_are_turned_only_if_asked_for(partners: bool) -> None:
    scenes = benchmark()
    served = UnpairedDataModule(scenes, "rgb", 8, augment=True, augment_partners=partners)
    rows = served.rows(0, "rgb")[:8]
    raw = served.scenes[Request(ms=served.rows(0, "ms")[:8], rgb=rows)]
    torch.manual_seed(0)
    plain, turned = served.prepare(raw), served.prepare(raw, augment=True)
    assert not torch.equal(plain["rgb"], turned["rgb"])
    assert torch.equal(plain["ms"], turned["ms"]) is not partners


# -- of the user's own -------------------------------------------------------------------------


class Noise(nn.Module):
    """As those of Kornia: draws for each image of a batch, and keeps what it was given."""

    def __init__(self, scale: float = 0.1) -> None:
        super().__init__()
        self.scale = scale
        self.seen: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(images)
        return images + self.scale * torch.rand(len(images), 1, 1, 1)


def with_own(side: Literal["ms", "rgb"], augment: Any, **options: Any) -> UnpairedDataModule:
    scenes = options.pop("scenes", benchmark())
    own = Augmentation(augment, getattr(scenes, side), f"data.augmentation.{side}")
    return UnpairedDataModule(scenes, side, 8, augmentations={side: own}, **options)


def raw_of(data: UnpairedDataModule) -> dict[str, torch.Tensor]:
    return data.scenes[next(iter(SceneBatches(data.side, data.rows(0)[:8], 8)))]


def in_numbers(data: UnpairedDataModule, prepared: torch.Tensor) -> torch.Tensor:
    """Back to digital numbers."""
    normaliser: Any = data.normalisers[data.side]
    return prepared * normaliser.std + normaliser.mean


@pytest.mark.parametrize(("side", "white"), [("rgb", 255.0), ("ms", 10000.0)])
def test_numbers_are_shares_of_white_or_reflectance_and_change_by_them(
    side: Literal["ms", "rgb"], white: float
) -> None:
    noise = Noise()
    data = with_own(side, noise)
    raw = raw_of(data)
    prepared = data.prepare(raw, augment=True)
    torch.testing.assert_close(noise.seen[0] * white, raw[side].float())
    change = (in_numbers(data, prepared[side]) - raw[side].float()) / white
    each = change.mean(dim=(1, 2, 3))
    assert len(each.unique()) == 8
    assert bool(((each > 0) & (each < 0.1)).all())
    assert torch.equal(data.prepare(raw)[side], data.normalisers[side](raw[side]))


def test_ms_numbers_of_unknown_scale_are_stretched_by_their_statistics() -> None:
    scenes = benchmark()
    scenes = replace(scenes, ms=replace(scenes.ms, sensor="generic"))
    noise = Noise()
    data = with_own("ms", noise, scenes=scenes)
    raw = raw_of(data)
    data.prepare(raw, augment=True)
    mean, deviation = (torch.from_numpy(x).float().reshape(-1, 1, 1)
                       for x in scenes.ms.band_statistics())  # fmt: skip
    expected = (raw["ms"].float() - (mean - 2 * deviation)) / (4 * deviation)
    torch.testing.assert_close(noise.seen[0], expected)


def test_transforms_of_torchvision_draw_for_each_image() -> None:
    for augment in (
        v2.RandomHorizontalFlip(0.5),
        v2.Compose([v2.RandomHorizontalFlip(0.5)]),
        nn.Sequential(v2.RandomHorizontalFlip(0.5)),
        transforms.Compose([transforms.RandomHorizontalFlip(0.5)]),
    ):
        torch.manual_seed(0)
        data = with_own("rgb", augment)
        raw = raw_of(data)
        found, plain = data.prepare(raw, augment=True)["rgb"], data.prepare(raw)["rgb"]
        flipped = [
            torch.allclose(a, b.flip(-1), atol=1e-5) for a, b in zip(found, plain, strict=True)
        ]
        stayed = [torch.allclose(a, b, atol=1e-5) for a, b in zip(found, plain, strict=True)]
        assert [a ^ b for a, b in zip(flipped, stayed, strict=True)] == [True] * 8
        assert 0 < sum(flipped) < 8


def test_colors_are_jittered_in_their_own_range() -> None:
    """Taken for numbers of 0 to 1, grey levels of 0 to 255 would all become 1."""
    data = with_own("rgb", v2.ColorJitter(brightness=(0.5, 0.5)))
    raw = raw_of(data)
    found = in_numbers(data, data.prepare(raw, augment=True)["rgb"])
    torch.testing.assert_close(found, raw["rgb"].float() / 2, rtol=1e-3, atol=0.1)


def test_maps_move_with_their_images_where_a_transform_can_move_them() -> None:
    scenes = benchmark()
    images = torch.arange(2 * 3 * 8 * 8, dtype=torch.float32).reshape(2, 3, 8, 8) % 255
    masks = torch.arange(2 * 8 * 8).reshape(2, 8, 8)
    flip = Augmentation(v2.RandomHorizontalFlip(1.0), scenes.rgb, "data.augmentation.rgb")
    found, moved = flip(images, masks)
    torch.testing.assert_close(found, images.flip(-1))
    assert torch.equal(moved, masks.flip(-1))
    assert moved.dtype == masks.dtype
    with pytest.raises(ConfigError, match=r"labels that are maps.*torchvision\.transforms\.v2"):
        Augmentation(Noise(), scenes.rgb, "data.augmentation.rgb")(images, masks)


@pytest.mark.parametrize(
    ("augment", "said"),
    [
        (v2.RandomCrop(4), r"RandomCrop returned \(8, 3, 4, 4\).*keeps its bands and its size"),
        (v2.Grayscale(), r"returned \(8, 1, 8, 8\)"),
        (v2.ToDtype(torch.uint8), "returned .* of torch.uint8"),
        (lambda images: {"image": images}, "returned a dict"),
    ],
)
def test_what_is_no_batch_of_images_is_refused(augment: Any, said: str) -> None:
    data = with_own("rgb", augment)
    with pytest.raises(ConfigError, match=rf"^data\.augmentation\.rgb: .*{said}"):
        data.prepare(raw_of(data), augment=True)


@pytest.mark.parametrize(
    ("side", "augment", "said"),
    [
        ("ms", v2.ColorJitter(hue=0.1), r"ColorJitter fails with .*MS images \(2, 4, 8, 8\)"),
        ("rgb", lambda images: images / 0, "not finite for two training images"),
    ],
)
def test_they_are_tried_before_anything_is_trained(
    side: Literal["ms", "rgb"], augment: Any, said: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^data\.augmentation\.{side}: .*{said}"):
        try_augmentations(with_own(side, augment))
    before = torch.get_rng_state()
    try_augmentations(with_own(side, Noise()))
    assert torch.equal(torch.get_rng_state(), before)
