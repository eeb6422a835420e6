"""The RGB image that an MS image contains: what the matcher's RGB encoder is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ackd.data.benchmark import SceneSet
from ackd.data.normalise import Normaliser, eight_bit_by_max
from ackd.data.sensors import SENSORS, rgb_bands
from ackd.errors import ConfigError, nearest

__all__ = ["PseudoRGB", "PseudoRGBKind", "pseudo_rgb_bands"]

PseudoRGBKind = Literal["stretch", "image_max"]


class PseudoRGB(nn.Module):
    """Three bands of an MS image as an RGB image, section SSM.

    ``stretch``: one fixed reflectance becomes 255 as in an 8-bit camera, and the image goes through
    the very normaliser of the real RGB images, so that the RGB encoder meets both on one scale.

    ``image_max``, as the authors' code does: the image's own maximum over the three bands becomes
    255, and these levels are what the encoder gets, neither divided by 255 nor centred.
    """

    channels: Tensor

    def __init__(
        self,
        scenes: SceneSet,
        reflectance: float,
        normaliser: Normaliser,
        *,
        kind: PseudoRGBKind = "stretch",
        bands: Sequence[str] | Literal["first"] | None = None,
    ) -> None:
        """Find the three bands in ``scenes``.

        Args:
            scenes: The MS modality.
            reflectance: The reflectance (1 = all light) that ``stretch`` turns into 255.
            normaliser: That of the real RGB images; ``stretch`` alone uses it.
            kind: How digital numbers become grey levels, see above.
            bands: See :func:`pseudo_rgb_bands`.

        Raises:
            DataError: The bands at hand do not hold red, green and blue.
            ConfigError: A band that is asked for is not at hand.
        """
        super().__init__()
        names = pseudo_rgb_bands(scenes, bands)
        self.register_buffer("channels", torch.tensor([scenes.bands.index(n) for n in names]))
        self.kind = kind
        self.grey_levels_per_number = (
            SENSORS[scenes.sensor].grey_levels(reflectance) if kind == "stretch" else 1.0
        )
        self.normaliser = normaliser

    def forward(self, images: Tensor) -> Tensor:
        """Map raw (B, C, H, W) MS digital numbers to the encoder's (B, 3, H, W)."""
        visible = images.to(torch.float32).index_select(1, self.channels)
        if self.kind == "image_max":
            return eight_bit_by_max(visible)
        normalised: Tensor = self.normaliser(self.stretched(visible))
        return normalised

    def stretched(self, visible: Tensor) -> Tensor:
        """Grey levels 0..255 (not rounded) of digital numbers, by the fixed reflectance."""
        return (visible * self.grey_levels_per_number).clamp(0, 255)


def pseudo_rgb_bands(
    scenes: SceneSet, bands: Sequence[str] | Literal["first"] | None
) -> tuple[str, ...]:
    """Choose the three bands that stand for red, green and blue, in this order.

    Args:
        scenes: The MS modality.
        bands: None for those nearest to 665, 560 and 490 nm; ``"first"`` for the first three of
            ``scenes``, whatever they show, as the authors' code does; or three names.

    Raises:
        DataError: By wavelength, and one of the three is not at hand.
        ConfigError: A name is not among the bands at hand, or there are fewer than three.
    """
    at_hand = ", ".join(scenes.bands)
    if bands is None:
        return rgb_bands(SENSORS[scenes.sensor], scenes.bands)
    if bands == "first":
        if len(scenes.bands) < 3:
            raise ConfigError(
                f"data.pseudo_rgb_bands=first takes the first three of data.bands, but there are "
                f"only {len(scenes.bands)}: {at_hand}."
            )
        return scenes.bands[:3]
    for name in bands:
        if name not in scenes.bands:
            close = nearest(str(name), scenes.bands)
            hint = f" Did you mean {close}?" if close else ""
            raise ConfigError(
                f"data.pseudo_rgb_bands names {name}, which is not among data.bands ({at_hand})."
                f"{hint} Add it to data.bands, or leave data.pseudo_rgb_bands at null."
            )
    return tuple(bands)
