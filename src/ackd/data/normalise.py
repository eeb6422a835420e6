"""From stored integers to what a network sees: a whole batch at a time, on its device."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ackd.data.benchmark import Benchmark, SceneSet

__all__ = [
    "ImageMax",
    "Normalisation",
    "Normaliser",
    "eight_bit_by_max",
    "flips_and_turns",
    "normalisers_of",
    "rgb_normaliser",
]

Normalisation = Literal["standard", "image_max"]

WHITE = 255.0


class Normaliser(nn.Module):
    """Standardise every band: (x - mean) / std over the training part of its own modality."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: np.ndarray, std: np.ndarray) -> None:
        """Take the statistics of a modality.

        Args:
            mean: (C,) in digital numbers as stored.
            std: (C,) in digital numbers, all positive.
        """
        super().__init__()
        for name, values in (("mean", mean), ("std", std)):
            column = torch.as_tensor(np.asarray(values), dtype=torch.float32)[:, None, None]
            self.register_buffer(name, column)

    @classmethod
    def of(cls, scenes: SceneSet) -> Normaliser:
        """Build it from a modality's training images."""
        return cls(*scenes.band_statistics())

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, C, H, W) digital numbers of any type to standardised float32."""
        standardised: Tensor = (images.to(torch.float32) - self.mean) / self.std
        return _valid(standardised) if images.is_floating_point() else standardised


class ImageMax(nn.Module):
    """Scale every image by its own maximum, as the authors' code does.

    x = floor(255 b / max) / 255 with the maximum over all bands of the image together, then
    (x - 0.5) / 0.5. An image keeps 256 levels and loses its brightness.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Map (B, C, H, W) digital numbers up to 65535 to float32 in -1..1."""
        scaled: Tensor = (eight_bit_by_max(images) / WHITE - 0.5) / 0.5
        return _valid(scaled) if images.is_floating_point() else scaled


def _valid(images: Tensor) -> Tensor:
    """Put 0, the mean, where a pixel is invalid (NaN)."""
    return torch.where(images.isnan(), 0.0, images)


def eight_bit_by_max(images: Tensor) -> Tensor:
    """Stretch every image so that its maximum becomes 255, and cut off to whole levels.

    Exact in float32: 255 * 65535 is less than 2^24, and a quotient that is no whole number lies
    further below the next one than float32 rounds.

    Args:
        images: (B, C, H, W) digital numbers of any type, 0..65535.

    Returns:
        (B, C, H, W) float32 whole numbers 0..255; an image without light stays 0. Invalid pixels
        (NaN) stay NaN.
    """
    numbers = images.to(torch.float32)
    known = numbers.nan_to_num(0.0) if images.is_floating_point() else numbers
    brightest = known.amax(dim=(1, 2, 3), keepdim=True).clamp_min(1)
    return (WHITE * numbers / brightest).floor()


def rgb_normaliser(rgb: SceneSet, how: Normalisation) -> Normaliser:
    """Build the normaliser of RGB images.

    The authors' code scales 8-bit images by a constant: (x / 255 - 0.5) / 0.5.

    Args:
        rgb: The RGB side.
        how: ``"standard"`` for its own statistics, ``"image_max"`` for that constant.
    """
    if how == "standard":
        return Normaliser.of(rgb)
    half = np.full(len(rgb.bands), WHITE / 2)
    return Normaliser(half, half)


def normalisers_of(benchmark: Benchmark, how: Normalisation) -> tuple[nn.Module, Normaliser]:
    """Build the normalisers of the MS and of the RGB side (``data.normalise``)."""
    ms = Normaliser.of(benchmark.ms) if how == "standard" else ImageMax()
    return ms, rgb_normaliser(benchmark.rgb, how)


def flips_and_turns(images: Tensor, *maps: Tensor) -> Any:
    """Flip and turn every image of a batch by one of the eight symmetries of the square.

    Draws from torch's default generator. Not square: only flips and half turns.

    Args:
        images: (B, C, H, W) of any type.
        maps: (B, ..., H, W) whose entries move with their image, e.g. masks (B, H, W).

    Returns:
        The images; with maps a tuple of images and maps, as torchvision's transforms do.
    """
    square = images.shape[-1] == images.shape[-2]
    turns = (
        torch.randint(0, 4, (len(images),)) if square else 2 * torch.randint(0, 2, (len(images),))
    )
    flips = torch.randint(0, 2, (len(images),))
    turned = [torch.empty_like(each) for each in (images, *maps)]
    for turn in range(4):
        for flip in range(2):
            chosen = ((turns == turn) & (flips == flip)).nonzero().flatten().to(images.device)
            if not len(chosen):
                continue
            for given, out in zip((images, *maps), turned, strict=True):
                part = torch.rot90(given[chosen], turn, dims=(-2, -1))
                out[chosen] = part.flip(-1) if flip else part
    return tuple(turned) if maps else turned[0]
