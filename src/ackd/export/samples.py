"""Images to calibrate with and to compare with: from a folder, from the run, or drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.tiles import IGNORED
from ackd.data.tiles.crops import pad, padding_for
from ackd.data.tiles.mask_classes import code_of_values
from ackd.data.tiles.matching import IMAGES as TILES
from ackd.data.tiles.matching import match
from ackd.data.tiles.rasters import read_raster
from ackd.errors import ConfigError, DataError, counted, did_you_mean, nearest_path
from ackd.export.graph import AnyStudent
from ackd.students import SegmentationStudent
from ackd.students.given import Given
from ackd.utils.progress import tracked

__all__ = ["Sample", "Samples", "drawn", "evenly", "from_folder", "whole_strides"]

#: Endings of photographs.
PHOTOGRAPHS: Final = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".npy")
#: Of a larger image its middle is taken, so that memory stays bounded.
LARGEST_SIDE: Final = 1024
#: Values of masks where nothing is known, besides what a file says.
_UNKNOWN: Final = (-1, IGNORED)
_MASK_KEYS: Final = ("masks", "mask", "labels", "label")


@dataclass(frozen=True, eq=False)
class Sample:
    """An image as an exported graph takes it.

    Attributes:
        pixels: (C, H, W) float32 as stored, NaN where there is no data.
        target: Its label: a class, (C,) bool, or a mask (H, W) uint8; None where it has none.
    """

    pixels: NDArray[np.float32]
    target: Any = None

    @property
    def known(self) -> NDArray[np.bool_]:
        """(H, W) True where there is data."""
        known: NDArray[np.bool_] = np.all(np.isfinite(self.pixels), axis=0)
        return known


@dataclass(frozen=True, eq=False)
class Samples:
    """Some images.

    Attributes:
        images: At least one.
        where: What they are, for messages and cards.
        real: Whether they are images of the kind that the student is for, rather than noise.
    """

    images: tuple[Sample, ...]
    where: str
    real: bool = True

    @property
    def labelled(self) -> bool:
        """Whether all have labels."""
        return all(one.target is not None for one in self.images)

    def told(self) -> str:
        """E.g. ``200 images of DIR``."""
        return f"{counted(len(self.images), 'image')} {self.where}"


def evenly(count: int, limit: int) -> list[int]:
    """At most ``limit`` of ``count`` positions, spread over all of them."""
    if limit < 1:
        raise ConfigError(f"--images {limit} leaves no image; give 1 or more.")
    return sorted({round(at) for at in np.linspace(0, count - 1, min(count, limit))})


def drawn(student: AnyStudent, count: int) -> Samples:
    """Draw images with the means and deviations of training, blurred a little; nothing real.

    Args:
        student: Whose.
        count: How many.
    """
    from scipy.ndimage import gaussian_filter

    if isinstance(student, SegmentationStudent):
        height, width = student.size or (4 * student.stride, 4 * student.stride)
    else:
        height, width = student.reader.size
    mean, std = student.mean.numpy(), student.std.numpy()
    draw = np.random.default_rng(0)
    images = []
    for number in range(count):
        noise = draw.normal(size=(len(student.bands), height, width))
        # From fine to coarse, and each with the same contrast.
        blurred = gaussian_filter(noise, sigma=(0, 0.5 * (number % 4), 0.5 * (number % 4)))
        pixels = mean + std * blurred / max(float(blurred.std()), 1e-6)
        if student.sensor == "rgb":
            pixels = pixels.clip(0, 255).round()
        images.append(Sample(pixels.astype(np.float32)))
    return Samples(tuple(images), "of noise with the statistics of training", real=False)


def from_folder(
    student: AnyStudent,
    folder: str | PathLike[str],
    limit: int,
    *,
    masks: str | PathLike[str] | None = None,
    labels: bool = True,
    option: str = "--data",
    **options: Any,
) -> Samples:
    """Read images as the student reads them.

    Args:
        student: Whose.
        folder: Searched for images at any depth. Where folders directly in it are called like the
            classes, they are the labels of scenes.
        limit: At most so many, spread over all of them in the order of their names.
        masks: A folder with a mask for each image, of the classes' numbers; two classes may also
            be 0 and 255. -1 and (beside 1) 255 are pixels of which nothing is known.
        labels: Whether labels are wanted.
        option: That gave the folder, for messages.
        **options: Of :meth:`ackd.students.SceneStudent.predict` or that of segmentation, as
            ``bands``, ``rgb_max``, ``unit``, ``check``.

    Raises:
        DataError: There is no such folder, no image, or one that the student refuses.
        ConfigError: An option cannot be.
    """
    tiles = isinstance(student, SegmentationStudent)
    if masks is not None and not tiles:
        raise ConfigError(
            "--masks is for segmentation; the labels of scenes are the names of their folders."
        )
    folder = Path(folder).expanduser()
    files = _files(folder, TILES if tiles else PHOTOGRAPHS, option)
    partners = None
    if masks is not None and labels:
        partners = _partners(files, Path(masks).expanduser())
    chosen = [files[at] for at in evenly(len(files), limit)]
    found: list[Sample] = []
    if isinstance(student, SegmentationStudent):
        for path in tracked(chosen, f"reading {folder.name}", len(chosen)):
            image = student.reader.read(Given(path, str(path)), **options)
            pixels = np.where(image.valid, image.pixels.astype(np.float32), np.float32("nan"))
            found.append(Sample(pixels))
        if partners is not None:
            found = _with_masks(student, found, chosen, partners)
    else:
        classes = _folder_classes(student, files, folder) if labels else {}
        for path in tracked(chosen, f"reading {folder.name}", len(chosen)):
            read = student.reader.read(Given(path, str(path)), **options)
            found.append(Sample(read.astype(np.float32), classes.get(path)))
    return Samples(tuple(_smaller(one) for one in found), f"of {folder}")


def whole_strides(sample: Sample, stride: int, static: tuple[int, int] | None = None) -> Sample:
    """Bring an image to a size that a graph takes.

    Args:
        sample: Of any size.
        stride: Of the network; the image is mirrored at its edges as for a student.
        static: (H, W) that a graph insists on: larger images are cut at their upper left corner,
            smaller ones are filled up with pixels without data.
    """
    pixels, target = sample.pixels, sample.target
    height, width = pixels.shape[1:]
    if static is None:
        border = padding_for(height, width, stride)
        edge = None if target is None else pad(target, border, IGNORED)
        return Sample(pad(pixels, border), edge)
    if (height, width) == static:
        return sample
    cut = (slice(0, static[0]), slice(0, static[1]))
    filled = np.full((len(pixels), *static), np.nan, np.float32)
    part = pixels[:, *cut]
    filled[:, : part.shape[1], : part.shape[2]] = part
    if target is None:
        return Sample(filled)
    mask = np.full(static, IGNORED, np.uint8)
    mask[: part.shape[1], : part.shape[2]] = target[cut]
    return Sample(filled, mask)


def _smaller(sample: Sample) -> Sample:
    height, width = sample.pixels.shape[1:]
    if max(height, width) <= LARGEST_SIDE:
        return sample
    cut = tuple(
        slice((side - kept) // 2, (side - kept) // 2 + kept)
        for side, kept in ((side, min(side, LARGEST_SIDE)) for side in (height, width))
    )
    target = sample.target
    return replace(
        sample, pixels=sample.pixels[:, *cut], target=None if target is None else target[cut]
    )


def _files(folder: Path, endings: Sequence[str], option: str) -> list[Path]:
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else f"does not exist.{nearest_path(folder)}"
        raise DataError(f"{option} {folder} {what}; expected a folder with images.")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in endings and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        raise DataError(f"{option} {folder} has no file that ends with {', '.join(endings)}.")
    return found


def _folder_classes(student: AnyStudent, files: Sequence[Path], folder: Path) -> dict[Path, int]:
    """The class of each image; nothing where folders are not called like classes."""
    if student.task.sigmoid:
        return {}
    numbers = {name.casefold(): number for number, name in enumerate(student.classes)}
    parts = {path: path.relative_to(folder).parts[0] for path in files}
    strange = sorted({part for part in parts.values() if part.casefold() not in numbers})
    if not strange:
        return {path: numbers[part.casefold()] for path, part in parts.items()}
    if len(strange) == len(set(parts.values())):
        return {}
    raise DataError(
        f"{folder} has folders that are called like classes of the student, and {strange[0]}, "
        f"which is none.{did_you_mean(strange[0], student.classes)} Its classes are "
        f"{', '.join(student.classes)}."
    )


def _partners(files: Sequence[Path], masks: Path) -> dict[Path, Path]:
    labels = _files(masks, TILES, "--masks")
    try:
        images, found = match(files, labels)
    except DataError as error:
        raise DataError(
            f"The masks of {masks} do not belong to the images: they have to be called like them, "
            f"but for what all names of a folder begin or end with ({error})"
        ) from error
    return {path: found.files[name] for name, path in images.files.items()}


def _with_masks(
    student: SegmentationStudent,
    images: Sequence[Sample],
    files: Sequence[Path],
    partners: dict[Path, Path],
) -> list[Sample]:
    read = []
    values: dict[float, str] = {}
    for image, path in zip(images, files, strict=True):
        raster = read_raster(partners[path], _MASK_KEYS)
        mask = raster.pixels[0].astype(np.float64)
        if mask.shape != image.pixels.shape[1:]:
            raise DataError(
                f"{partners[path]} has {mask.shape[0]}x{mask.shape[1]} pixels, but its image "
                f"{path} has {image.pixels.shape[1]}x{image.pixels.shape[2]}."
            )
        told = raster.nodata[0]
        # Many masks say that their background is none.
        if told is not None and told not in range(len(student.classes)):
            mask[mask == told] = np.nan
        mask[raster.invalid[0]] = np.nan
        values |= dict.fromkeys(np.unique(mask[~np.isnan(mask)]).tolist(), str(partners[path]))
        read.append(mask)
    numbers = _numbers(student, values)
    found = []
    for image, mask in zip(images, read, strict=True):
        target = np.full(mask.shape, IGNORED, np.uint8)
        for value, number in numbers.items():
            target[mask == value] = number
        target[~image.known] = IGNORED
        found.append(replace(image, target=target))
    return found


def _numbers(student: SegmentationStudent, values: dict[float, str]) -> dict[int, int]:
    """Value of a mask -> class."""
    count = len(student.classes)
    if set(values) <= {*range(count), *_UNKNOWN} and not (count == 2 and set(values) == {0, 255}):
        return {value: value for value in range(count)}
    if count == 2 and set(values) <= {0, 255}:
        return dict(code_of_values(values, None).values)
    strange = next(v for v in values if v not in {*range(count), *_UNKNOWN})
    raise DataError(
        f"{values[strange]} has the value {strange:g}; masks hold the numbers of the classes, "
        + ", ".join(f"{number} {name}" for number, name in enumerate(student.classes))
        + f", and {IGNORED} or -1 where nothing is known."
    )
