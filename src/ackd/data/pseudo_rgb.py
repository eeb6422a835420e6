"""The RGB image that an MS image contains: what the matcher's RGB encoder is trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ackd.data.benchmark import SceneSet
from ackd.data.normalise import Normaliser, eight_bit_by_max
from ackd.data.sensors import rgb_bands, rgb_by_name
from ackd.errors import ConfigError, did_you_mean

__all__ = ["PseudoRGB", "PseudoRGBKind", "pseudo_rgb_bands", "pseudo_rgb_remark"]

PseudoRGBKind = Literal["stretch", "image_max"]


class PseudoRGB(nn.Module):
    """Three bands of an MS image as an RGB image, section SSM.

    ``stretch``: one fixed reflectance becomes 255 as in an 8-bit camera, and the image goes through
    the very normaliser of the real RGB images, so that the RGB encoder meets both on one scale.
    Where nobody knows what the numbers of the sensor mean, each band is stretched by its own
    statistics instead: two standard deviations below its mean over the training images become 0,
    two above become 255, as GIS programs show bands of unknown units.

    ``image_max``, as the authors' code does: the image's own maximum over the three bands becomes
    255, and these levels are what the encoder gets, neither divided by 255 nor centred.
    """

    channels: Tensor
    low: Tensor | None
    per_number: Tensor | None

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
        sensor = scenes.camera
        by_reflectance = kind == "stretch" and sensor.scale is not None
        by_statistics = kind == "stretch" and sensor.scale is None
        self.grey_levels_per_number = sensor.grey_levels(reflectance) if by_reflectance else 1.0
        self.offset = scenes.offset
        low, per_number = _by_statistics(scenes, names) if by_statistics else (None, None)
        self.register_buffer("low", low)
        self.register_buffer("per_number", per_number)
        self.normaliser = normaliser

    def forward(self, images: Tensor) -> Tensor:
        """Map raw (B, C, H, W) MS digital numbers to the encoder's (B, 3, H, W)."""
        visible = images.to(torch.float32).index_select(1, self.channels)
        if self.kind == "image_max":
            return eight_bit_by_max(visible).nan_to_num(0.0)
        normalised: Tensor = self.normaliser(self.stretched(visible))
        return normalised

    def stretched(self, visible: Tensor) -> Tensor:
        """Grey levels 0..255 (not rounded) of (B, 3, H, W) digital numbers."""
        if self.low is not None and self.per_number is not None:
            return ((visible - self.low) * self.per_number).clamp(0, 255)
        return ((visible + self.offset) * self.grey_levels_per_number).clamp(0, 255)


def _by_statistics(scenes: SceneSet, names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """The number that becomes 0 and the grey levels per number, each (3, 1, 1) float32."""
    mean, deviation = scenes.band_statistics()
    rows = [scenes.bands.index(name) for name in names]
    low = torch.from_numpy(mean[rows] - 2 * deviation[rows]).float().reshape(-1, 1, 1)
    return low, torch.from_numpy(255 / (4 * deviation[rows])).float().reshape(-1, 1, 1)


def pseudo_rgb_bands(
    scenes: SceneSet, bands: Sequence[str] | Literal["first"] | None
) -> tuple[str, ...]:
    """Choose the three bands that stand for red, green and blue, in this order.

    Args:
        scenes: The MS modality.
        bands: None for those that `ackd.data.sensors.rgb_bands` finds; ``"first"`` for the first
            three of ``scenes``, whatever they show, as the authors' code does; or three names.

    Raises:
        DataError: By wavelength, and one of the three is not at hand.
        ConfigError: A name is not among the bands at hand, or there are fewer than three.
    """
    at_hand = ", ".join(scenes.bands)
    if bands is None:
        return rgb_bands(scenes.camera, scenes.bands)
    if bands == "first":
        if len(scenes.bands) < 3:
            raise ConfigError(
                f"data.pseudo_rgb_bands=first takes the first three of data.bands, but there are "
                f"only {len(scenes.bands)}: {at_hand}."
            )
        return scenes.bands[:3]
    for name in bands:
        if name not in scenes.bands:
            hint = did_you_mean(str(name), scenes.bands, "{}")
            raise ConfigError(
                f"data.pseudo_rgb_bands names {name}, which is not among data.bands ({at_hand})."
                f"{hint} Add it to data.bands, or leave data.pseudo_rgb_bands at null."
            )
    return tuple(bands)


def pseudo_rgb_remark(
    scenes: SceneSet, bands: Sequence[str] | Literal["first"] | None, kind: PseudoRGBKind
) -> str | None:
    """Say what was taken for red, green and blue, and how, where the sensor does not tell.

    Args:
        scenes: The MS modality.
        bands: See :func:`pseudo_rgb_bands`.
        kind: See :class:`PseudoRGB`.

    Returns:
        A sentence without a full stop; None where the sensor tells it or the user chose.
    """
    sensor = scenes.camera
    red, green, blue = pseudo_rgb_bands(scenes, bands)
    said = []
    if bands is None and sensor.rgb is None and not sensor.verified:
        how = "by their names" if rgb_by_name(scenes.bands) else "the first three"
        said.append(
            f"the wavelengths of the MS bands are not known: {red}, {green} and {blue} ({how}) "
            "stand for red, green and blue; data.pseudo_rgb_bands=[RED,GREEN,BLUE] names others"
        )
    if kind == "stretch" and sensor.scale is None:
        said.append(
            f"what the numbers of sensor {sensor.name} mean is not known: each band of pseudo-RGB "
            "is stretched by its own mean and deviation"
        )
    return "; ".join(said) or None
