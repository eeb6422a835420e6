"""From stored integers to what a network sees: a whole batch at a time, on its device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ackd.data.benchmark import SceneSet
from ackd.data.sensors import SENSORS, rgb_bands

__all__ = ["Normaliser", "PseudoRGB", "flips_and_turns"]


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
        return standardised


class PseudoRGB(nn.Module):
    """The RGB image that an MS image contains, section SSM.

    The bands nearest to red, green and blue are stretched by one fixed reflectance to the range of
    an 8-bit camera and then go through the very normaliser of the real RGB images, so that the
    matcher's RGB encoder meets both on one scale.
    """

    channels: Tensor

    def __init__(self, scenes: SceneSet, reflectance: float, normaliser: Normaliser) -> None:
        """Find the red, green and blue band of ``scenes``.

        Args:
            scenes: The MS modality.
            reflectance: The reflectance (1 = all light) that becomes 255.
            normaliser: That of the real RGB images.

        Raises:
            DataError: The bands at hand do not hold red, green and blue.
        """
        super().__init__()
        sensor = SENSORS[scenes.sensor]
        names = rgb_bands(sensor, scenes.bands)
        self.register_buffer("channels", torch.tensor([scenes.bands.index(n) for n in names]))
        self.grey_levels_per_number = 255.0 / (reflectance * sensor.scale)
        self.normaliser = normaliser

    def forward(self, images: Tensor) -> Tensor:
        """Map raw (B, C, H, W) MS digital numbers to normalised (B, 3, H, W) pseudo-RGB."""
        visible = images.to(torch.float32).index_select(1, self.channels)
        eight_bit = (visible * self.grey_levels_per_number).clamp(0, 255)
        normalised: Tensor = self.normaliser(eight_bit)
        return normalised


def flips_and_turns(images: Tensor) -> Tensor:
    """Flip and turn every image of a batch by one of the eight symmetries of the square.

    Draws from torch's default generator. Not square: only flips and half turns.

    Args:
        images: (B, C, H, W) of any type.
    """
    square = images.shape[-1] == images.shape[-2]
    turns = (
        torch.randint(0, 4, (len(images),)) if square else 2 * torch.randint(0, 2, (len(images),))
    )
    flips = torch.randint(0, 2, (len(images),))
    turned = torch.empty_like(images)
    for turn in range(4):
        for flip in range(2):
            chosen = ((turns == turn) & (flips == flip)).nonzero().flatten().to(images.device)
            if len(chosen):
                part = torch.rot90(images[chosen], turn, dims=(-2, -1))
                turned[chosen] = part.flip(-1) if flip else part
    return turned
