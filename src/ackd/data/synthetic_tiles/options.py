"""The options of synthetic tiles."""

from __future__ import annotations

from dataclasses import dataclass

from ackd.data.tiles.options import TileOptions
from ackd.errors import ConfigError

__all__ = ["SyntheticTileOptions"]


@dataclass(frozen=True, kw_only=True)
class SyntheticTileOptions(TileOptions):
    """Towns that are drawn on the spot and seen by both sensors.

    Attributes:
        name: Of the data set.
        seed: Which world to make, >= 0. The same seed gives the same bytes, given the same
            versions of NumPy, SciPy and GDAL.
        train: Tiles for training, >= 1.
        val: Tiles for validation, >= 0, in towns of their own.
        test: Tiles for test, >= 0, in towns of their own.
        size: Side of a tile in pixels, 32 to 1024.
        resolution: Side of a pixel in metres, 0.25 to 4.
        incidence: Of the radar in degrees from the vertical, 20 to 60. The steeper it looks, the
            further buildings are laid over towards it.
        looks: Independent looks of the speckle, 1 to 64; fewer are noisier.
        misregistration: Standard deviation of the shift between the SAR image and everything else
            along each axis in metres, 0 to 5; one shift per tile, as orbits and terrain models are
            not exact.
        swath_edges: Share of tiles that the edge of the swath crosses, in [0, 1].
        align: Whether tiles seen from the south are turned by 180 degrees, both images and the
            mask, so that layover points to the upper edge of each tile; else north is up.
    """

    name: str = "synthetic"
    seed: int = 0
    train: int = 400
    val: int = 80
    test: int = 160
    size: int = 128
    resolution: float = 1.0
    incidence: float = 35.0
    looks: int = 1
    misregistration: float = 1.0
    swath_edges: float = 0.3
    align: bool = True

    def __post_init__(self) -> None:
        for name, low, high in (
            ("seed", 0, None),
            ("train", 1, None),
            ("val", 0, None),
            ("test", 0, None),
            ("size", 32, 1024),
            ("looks", 1, 64),
        ):
            _check_whole(name, getattr(self, name), low, high)
        for name, least, most in (
            ("resolution", 0.25, 4.0),
            ("incidence", 20.0, 60.0),
            ("misregistration", 0.0, 5.0),
            ("swath_edges", 0.0, 1.0),
        ):
            _check_number(name, getattr(self, name), least, most)
        super().__post_init__()


def _check_whole(option: str, value: object, low: int, high: int | None) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and low <= value and (high is None or value <= high):  # type: ignore[operator]
        return
    span = f"of at least {low}" if high is None else f"from {low} to {high}"
    raise ConfigError(
        f"data.{option} of the synthetic tiles is {value!r}; expected a whole number {span}."
    )


def _check_number(option: str, value: object, low: float, high: float) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return
    raise ConfigError(
        f"data.{option} of the synthetic tiles is {value!r}; expected a number from {low:g} to "
        f"{high:g}."
    )
