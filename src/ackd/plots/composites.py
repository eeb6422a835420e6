"""Three bands as a colour picture: what a person sees of an MS image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import SceneSet
from ackd.data.pseudo_rgb import pseudo_rgb_bands

__all__ = ["Composite", "infrared", "true_colour", "wavelengths"]

_SAMPLE: Final = 200  # images that the stretch is measured on
_INFRARED: Final = {"shortwave infrared": 1610.0, "near infrared": 842.0, "red": 665.0}
_TOLERANCE: Final = 60.0  # nm
_GAMMA: Final = 1.7


@dataclass(frozen=True)
class Composite:
    """Which bands become red, green and blue on the screen, and how they are stretched.

    Attributes:
        title: Such as ``"true colour"``.
        bands: The names of the three.
        channels: Their positions in the images.
        low: (3,) digital numbers that become black.
        high: (3,) digital numbers that become full red, green and blue.
        gamma: Above 1 it brightens what lies between; a camera's pictures have about 2.
    """

    title: str
    bands: tuple[str, str, str]
    channels: tuple[int, int, int]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    gamma: float = 1.0

    def __call__(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        """Turn (N, C, H, W) digital numbers into (N, H, W, 3) grey levels 0..255.

        Invalid pixels (NaN) are black.
        """
        chosen = images[:, list(self.channels)].astype(np.float64).transpose(0, 2, 3, 1)
        shown = (chosen - self.low) / np.maximum(self.high - self.low, 1e-12)
        return np.rint(255.0 * np.nan_to_num(shown).clip(0.0, 1.0) ** (1.0 / self.gamma)).astype(
            np.uint8
        )


def true_colour(
    scenes: SceneSet, bands: Sequence[str] | Literal["first"] | None = None
) -> Composite:
    """Show red, green and blue light as such.

    One stretch for the set, so that pictures of different classes can be compared: a band's 1st
    percentile, which is mostly haze, becomes black; the steps are as large in all three bands,
    which keeps the colours.

    Args:
        scenes: The MS images.
        bands: The value of ``data.pseudo_rgb_bands``; by wavelength where None.

    Raises:
        DataError: The bands at hand do not hold red, green and blue.
        ConfigError: A band that is asked for is not at hand.
    """
    red, green, blue = pseudo_rgb_bands(scenes, bands)
    own = _stretched("true colour", scenes, (red, green, blue))
    return replace(own, high=own.low + (own.high - own.low).max(), gamma=_GAMMA)


def infrared(scenes: SceneSet) -> Composite | None:
    """Show shortwave infrared as red, near infrared as green and red light as blue.

    Plants are green, dry soil and roofs are pink, water is dark: what an RGB image does not tell.
    Each band is stretched between its 1st and 99th percentile over the set.

    Args:
        scenes: The MS images.

    Returns:
        None where one of the three is not within 60 nm of 1610, 842 and 665 nm.
    """
    known = {name: nm for name, nm in wavelengths(scenes).items() if nm is not None}
    chosen = []
    for target in _INFRARED.values():
        near = min(known, key=lambda name: abs(known[name] - target), default=None)
        if near is None or abs(known[near] - target) > _TOLERANCE:
            return None
        chosen.append(near)
    swir, nir, red = chosen
    return _stretched("infrared", scenes, (swir, nir, red))


def wavelengths(scenes: SceneSet) -> dict[str, float | None]:
    """Return the centre wavelength of every band in nanometres, None where it is not known."""
    found: dict[str, float | None] = {band.name: band.wavelength for band in scenes.camera.bands}
    return {name: found.get(name) for name in scenes.bands}


def _stretched(title: str, scenes: SceneSet, bands: tuple[str, str, str]) -> Composite:
    first, second, third = (scenes.bands.index(name) for name in bands)
    step = max(1, len(scenes) // _SAMPLE)
    pixels = np.asarray(scenes.images[::step])[:, [first, second, third]]
    low, high = np.nanpercentile(pixels, [1, 99], axis=(0, 2, 3))
    return Composite(title, bands, (first, second, third), low, high)
