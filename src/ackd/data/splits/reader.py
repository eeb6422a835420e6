"""From a selection to pixels, file by file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ackd.data.benchmark import Modality
from ackd.data.options import FileOptions, PixelOptions
from ackd.data.reading.photographs import with_rgb_max
from ackd.data.sensors import RGB_BANDS
from ackd.data.splits.selection import Selection

__all__ = ["bands_of", "reader_of"]


def bands_of(selection: Selection, bands: Sequence[str] | None) -> dict[Modality, tuple[str, ...]]:
    """Return the channel names of both sides.

    Args:
        selection: Its MS sources must all have the bands.
        bands: The MS bands in the order wanted; all of the files, in the files' order, where None.

    Raises:
        ConfigError: If there is no such band.
    """
    sensors = [source.sensor for source in selection.ms.sources]
    first = selection.ms.sources[0]
    chosen = tuple(getattr(first, "file_bands", ()) or first.sensor.names)
    if bands is not None:
        chosen = tuple(bands)
    for sensor in sensors:
        chosen = sensor.check(chosen)
    return {"ms": chosen, "rgb": RGB_BANDS}


def reader_of(
    selection: Selection, side: Modality, bands: Sequence[str], options: FileOptions
) -> Callable[[Path], NDArray[Any]]:
    """Return what reads the files of one side, each by its own source.

    Raises:
        ConfigError: If RGB files have more than 8 bits per channel and nothing tells what is white.
    """
    listing = selection.side(side)
    paths = selection.paths(side)
    owners = (listing.sources[origin] for origin in listing.origins.tolist())
    owner = dict(zip(paths, owners, strict=True))
    known: PixelOptions = with_rgb_max(paths, options) if side == "rgb" else options
    return lambda path: owner[path].read(path, bands, options.sizes[side], known)
