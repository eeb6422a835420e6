"""What users give a student: paths, images of Pillow, arrays and tensors, one or many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ackd.data.tiles.rasters import Raster, bands_first
from ackd.errors import ConfigError, ImageError, counted, unknown

__all__ = ["Given", "as_raster", "chosen_bands", "listed"]

_SINGLE: Final = "The image"
#: What bands are called of which the files say nothing.
_COUNTED: Final = re.compile(r"b[1-9]\d*")
_KINDS: Final = (
    "a path (jpg, png, tif, npy), an image of Pillow, an array or a tensor; several of them as a "
    "list, or as one array (B, C, H, W)"
)


@dataclass(frozen=True)
class Given:
    """One image as it was given.

    Attributes:
        image: A path, an image of Pillow, or an array that is not yet looked at.
        called: What messages call it.
    """

    image: Path | Image.Image | NDArray[Any]
    called: str


def listed(images: Any) -> tuple[Iterable[Given], bool]:
    """Tell one image from many.

    Args:
        images: What the user gave.

    Returns:
        The images, and whether it was a single one.

    Raises:
        ConfigError: It is no image.
    """
    if isinstance(images, torch.Tensor):
        images = _array(images)
    if isinstance(images, np.ndarray) and images.dtype.kind != "O":
        if images.ndim == 4:
            return (Given(one, _numbered(row)) for row, one in enumerate(images)), False
        return [_given(images, _SINGLE)], True
    if isinstance(images, str | PathLike | Image.Image):
        return [_given(images, _SINGLE)], True
    if isinstance(images, Iterable) and not isinstance(images, bytes | dict):
        return (_given(one, _numbered(row)) for row, one in enumerate(images)), False
    raise ConfigError(f"{type(images).__name__} is not an image; a student takes {_KINDS}.")


def _given(image: Any, called: str) -> Given:
    if isinstance(image, str | PathLike):
        path = Path(image).expanduser()
        return Given(path, str(path))
    if isinstance(image, Image.Image):
        return Given(image, called)
    if isinstance(image, torch.Tensor):
        image = _array(image)
    if not isinstance(image, np.ndarray) or image.dtype.kind == "O":
        raise ConfigError(f"{called} is a {type(image).__name__}; a student takes {_KINDS}.")
    return Given(image, called)


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    tensor = tensor.detach().cpu()
    # NumPy does not know the short floats of networks.
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _numbered(row: int) -> str:
    return f"Image {row} (counted from 0)"


def as_raster(called: str, array: NDArray[Any], bands: int) -> Raster:
    """Bring an array to (C, H, W), and say of it what a file would say of itself: nothing.

    Args:
        called: The image, for messages.
        array: (C, H, W), (H, W, C) or (H, W). Where the first axis is as long as there are bands,
            it is that of the bands; else the last one, where it is.
        bands: How many the student has.
    """
    if array.dtype.kind not in "iuf":
        raise ImageError(f"{called} holds {array.dtype}; expected numbers.", "wrong type")
    if array.ndim == 3 and bands in (array.shape[0], array.shape[2]):
        pixels = array if array.shape[0] == bands else np.moveaxis(array, 2, 0)
    else:
        pixels = bands_first(called, array)
    if not pixels.size:
        raise ImageError(f"{called} has no pixel; its shape is {array.shape}.", "wrong shape")
    nothing = np.zeros(pixels.shape, np.bool_)
    return Raster(pixels, nothing, (None,) * len(pixels), None, None)


def chosen_bands(
    called: str,
    raster: Raster,
    trained: Sequence[str],
    bands: Sequence[int] | Sequence[str] | None,
) -> list[int]:
    """Find the bands of a student in an image.

    Args:
        called: The image, for messages.
        raster: The image.
        trained: The student's bands by name, in its order.
        bands: Positions, counted from 0, of the student's bands in its order; or the names of all
            bands of the image. None for what the file says, and where it says nothing, for the
            student's bands in its order.

    Returns:
        The position of each of the student's bands.

    Raises:
        ImageError: The image cannot have them.
        ConfigError: ``bands`` does not fit.
    """
    count = len(raster.pixels)
    if bands is not None:
        return _as_said(called, count, trained, list(bands))
    names = raster.names or tuple(f"b{number}" for number in range(1, count + 1))
    if all(name in names for name in trained):
        return [names.index(name) for name in trained]
    # Names that only count bands contradict nothing.
    counting = all(_COUNTED.fullmatch(name) for name in trained)
    if count == len(trained) and (raster.names is None or counting):
        return list(range(count))
    told = f" ({', '.join(raster.names)})" if raster.names else ""
    raise ImageError(
        f"{called} has {counted(count, 'band')}{told}, but the student was trained on "
        f"{counted(len(trained), 'band')} in this order: {', '.join(trained)}. bands=[...] says "
        f"which they are: {len(trained)} positions, counted from 0, or the names of all {count}.",
        "wrong bands",
    )


def _as_said(called: str, count: int, trained: Sequence[str], bands: list[Any]) -> list[int]:
    if bands and all(isinstance(each, str) for each in bands):
        if len(bands) != count:
            raise ConfigError(
                f"bands={bands} has {counted(len(bands), 'name')}, but {called} has "
                f"{counted(count, 'band')}; name all of them, in their order."
            )
        for name in trained:
            if name not in bands:
                raise unknown("band", name, bands, "bands")
        return [bands.index(name) for name in trained]
    good = all(isinstance(each, int) and 0 <= each < count for each in bands)
    if not good or len(bands) != len(trained):
        raise ConfigError(
            f"bands={bands} does not fit {called}, which has {counted(count, 'band')}: expected "
            f"{len(trained)} positions from 0 to {count - 1}, those of {', '.join(trained)}, or "
            "the names of all its bands."
        )
    return bands
