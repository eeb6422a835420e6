"""What a benchmark is once it is read: two sets of scenes, one a modality, and a class list."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ackd.data.sensors import SENSORS, Sensor
from ackd.data.stored import Images, digests_of, sums_of, totals
from ackd.errors import DataError

__all__ = ["TEST", "TRAIN", "VAL", "VALIDATES_ON_TEST", "Benchmark", "Modality", "SceneSet"]

Modality = Literal["ms", "rgb"]

TRAIN: Final = 0
VAL: Final = 1
TEST: Final = 2

#: Protocols under which one share of the images serves for validation and for test.
VALIDATES_ON_TEST: Final = frozenset({"paper"})


@dataclass(frozen=True, eq=False)
class SceneSet:
    """All images of one modality, decoded, with what is known about each.

    Attributes:
        modality: ``"ms"`` (multispectral) or ``"rgb"``.
        images: (N, C, H, W) digital numbers in the native type of their files (uint16 MS, uint8
            RGB; own MS images also float32): a C-contiguous array, or a store that gives blocks
            of one (`ackd.data.cache.PackedImages`).
        labels: (N,) int64 class index, or (N, K) bool where an image bears several classes.
        files: (N,) str, the file of each image relative to ``data.root`` with ``/`` between.
        scene_ids: (N,) str; equal ids are the same place and time, seen by both modalities.
        split: (N,) int8, ``TRAIN``, ``VAL`` or ``TEST``.
        bands: The C channel names, such as ``("B02", "B03", ...)`` or ``("R", "G", "B")``.
        sensor: The sensor's name, a key of `ackd.data.sensors.SENSORS`.
        scale: Digital numbers per unit of reflectance, where they are not the sensor's own.
        offset: Added to digital numbers before they are divided by the scale.

    Floating-point images have NaN where a pixel is invalid.

    Raises:
        ValueError: If the arrays do not fit each other.
        TypeError: If an array has the wrong type.
    """

    modality: Modality
    images: Images
    labels: NDArray[Any]
    files: NDArray[np.str_]
    scene_ids: NDArray[np.str_]
    split: NDArray[np.int8]
    bands: tuple[str, ...]
    sensor: str
    scale: float | None = None
    offset: float = 0.0

    def __post_init__(self) -> None:
        if self.modality not in ("ms", "rgb"):
            raise ValueError(f"modality is '{self.modality}'; expected 'ms' or 'rgb'.")
        where = f"SceneSet({self.modality})"
        if self.images.ndim != 4:
            raise ValueError(
                f"{where}: images has shape {self.images.shape}; expected (N, C, H, W)."
            )
        if self.images.dtype.kind not in "iu" and self.images.dtype != np.float32:
            raise TypeError(
                f"{where}: images is {self.images.dtype}; expected the integers of the files "
                "(uint16 for MS, uint8 for RGB) or float32, because normalising comes later."
            )
        if isinstance(self.images, np.ndarray) and not self.images.flags.c_contiguous:
            raise ValueError(
                f"{where}: images is not C-contiguous; pass np.ascontiguousarray(images)."
            )
        count, channels = self.images.shape[:2]
        if len(self.bands) != channels or len(set(self.bands)) != channels:
            raise ValueError(
                f"{where}: images has {channels} channels but bands is {self.bands}; "
                "expected one name a channel, each once."
            )
        for name in ("labels", "files", "scene_ids", "split"):
            array = getattr(self, name)
            if len(array) != count:
                raise ValueError(
                    f"{where}: {name} has {len(array)} entries; expected {count}, one an image."
                )
        self._check_types(where)

    def _check_types(self, where: str) -> None:
        single = self.labels.ndim == 1 and self.labels.dtype == np.int64
        several = self.labels.ndim == 2 and self.labels.dtype == np.bool_
        if not (single or several):
            raise TypeError(
                f"{where}: labels is {self.labels.dtype} of shape {self.labels.shape}; expected "
                "(N,) int64 class indices, or (N, K) bool for several labels an image."
            )
        if single and self.labels.size and self.labels.min() < 0:
            raise ValueError(
                f"{where}: labels holds {self.labels.min()}; expected class indices >= 0."
            )
        for name in ("files", "scene_ids"):
            array = getattr(self, name)
            if array.ndim != 1 or array.dtype.kind != "U":
                raise TypeError(f"{where}: {name} is {array.dtype}; expected (N,) numpy strings.")
        if self.split.ndim != 1 or self.split.dtype != np.int8:
            raise TypeError(f"{where}: split is {self.split.dtype}; expected (N,) int8.")
        strangers = np.setdiff1d(self.split, [TRAIN, VAL, TEST])
        if strangers.size:
            raise ValueError(
                f"{where}: split holds {strangers.tolist()}; "
                f"expected TRAIN={TRAIN}, VAL={VAL} or TEST={TEST}."
            )

    def __len__(self) -> int:
        """The number of images."""
        return len(self.images)

    @property
    def multilabel(self) -> bool:
        """Whether an image may bear several classes."""
        return self.labels.ndim == 2

    @property
    def camera(self) -> Sensor:
        """The sensor, with the scale that these images have."""
        sensor = SENSORS[self.sensor]
        return sensor if self.scale is None else replace(sensor, scale=self.scale)

    def indices(self, split: int) -> NDArray[np.int64]:
        """Return the positions of the images of one split, ascending.

        Where no image is kept for validation (protocol ``paper``, whose best epoch is chosen on
        the share it reports), the validation images *are* the test images.

        Args:
            split: ``TRAIN``, ``VAL`` or ``TEST``.

        Raises:
            ValueError: If ``split`` is none of the three.
        """
        if split not in (TRAIN, VAL, TEST):
            raise ValueError(
                f"split is {split!r}; expected TRAIN={TRAIN}, VAL={VAL} or TEST={TEST}."
            )
        if split == VAL and not np.any(self.split == VAL):
            split = TEST
        return np.flatnonzero(self.split == split).astype(np.int64)

    @cached_property
    def fingerprint(self) -> str:
        """A hex digest of everything that shapes training: pixels, labels, names, split, bands.

        The folder the files lie in does not enter, so the same data elsewhere has the same one,
        and so has the same data packed.
        """
        digest = hashlib.blake2b(digest_size=16)
        shapes = [(array.shape, str(array.dtype)) for array in (self.images, self.labels)]
        digest.update(repr((self.modality, self.sensor, self.bands, shapes)).encode())
        if self.scale is not None or self.offset:
            digest.update(repr((self.scale, self.offset)).encode())
        for names in (self.files, self.scene_ids):
            # numpy pads strings to the longest one; joined, the digest sees the names alone
            digest.update("\0".join(names.tolist()).encode() + b"\1")
        for array in (self.labels, self.split, digests_of(self.images)):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def band_statistics(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and standard deviation of each band over the training images.

        Sums of integer images are exact, so neither their order nor their number costs precision.

        Invalid pixels (NaN) do not count.

        Returns:
            Mean and (population) standard deviation, each (C,) float64 in digital numbers. A
            constant band gets the standard deviation 1 and is named in a warning.

        Raises:
            ValueError: If there is no training image.
            DataError: If a band has no valid pixel.
        """
        return self._statistics

    @cached_property
    def _statistics(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        # Every stage asks; on a whole archive of unpacked images it is gigabytes to look at.
        chosen = self.indices(TRAIN)
        if not chosen.size:
            raise ValueError(
                f"SceneSet({self.modality}): no image is in the training split, so the bands have "
                "no statistics; assign the splits first."
            )
        total, squares, valid = map(totals, sums_of(self.images, chosen))
        for name, count in zip(self.bands, valid, strict=True):
            if not count:
                raise DataError(
                    f"Band {name} has no valid pixel in any {self.modality} training image; leave "
                    "it out of data.bands."
                )
        mean = np.array([t / n for t, n in zip(total, valid, strict=True)])
        variance = [
            (n * q - t * t) / (n * n) for t, q, n in zip(total, squares, valid, strict=True)
        ]
        if self.images.dtype.kind == "f":  # what rounding leaves of a constant band
            variance = [
                v if v > 1e-12 * m * m else 0.0 for v, m in zip(variance, mean, strict=True)
            ]
        std = np.sqrt(np.array(variance))
        constant = [name for name, value in zip(self.bands, std, strict=True) if value == 0.0]
        if constant:
            warnings.warn(
                f"Constant over all {self.modality} training images: {', '.join(constant)}. A "
                "constant band teaches nothing; its standard deviation is taken as 1.",
                stacklevel=4,
            )
            std[std == 0.0] = 1.0
        return mean, std

    def class_counts(
        self, split: int | None = None, classes: int | None = None
    ) -> NDArray[np.int64]:
        """Count the images of each class; an image of several classes counts for each.

        Args:
            split: ``TRAIN``, ``VAL`` or ``TEST``; all images where None.
            classes: The number of classes, so that trailing empty ones are counted too; as many
                as the labels show where None.

        Returns:
            (classes,) int64.
        """
        labels = self.labels if split is None else self.labels[self.indices(split)]
        if self.multilabel:
            return np.asarray(labels.sum(axis=0), dtype=np.int64)
        return np.bincount(labels, minlength=classes or 0).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A teacher's images, a student's images, and the class list they share.

    Attributes:
        name: Such as ``"s2s_eu"``.
        classes: The class names; a label is a position in them.
        ms: The multispectral side (the teacher's).
        rgb: The RGB side (the student's).
        protocol: How the splits were made: ``"strict"``, ``"paper"``, ``"none"``, ...
        notes: What a result must say about its data, fit for JSON: ``partial``,
            ``partial_reasons``, ``twins``, counts.

    Raises:
        ValueError: If sides are swapped, a label has no class, or test images without validation
            images meet a protocol that does not say that the one stands for the other.
    """

    name: str
    classes: tuple[str, ...]
    ms: SceneSet
    rgb: SceneSet
    protocol: str
    notes: dict[str, Any]

    def __post_init__(self) -> None:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"Benchmark '{self.name}': a class name stands twice: {self.classes}.")
        for modality, side in (("ms", self.ms), ("rgb", self.rgb)):
            if side.modality != modality:
                raise ValueError(
                    f"Benchmark '{self.name}': the {modality} side holds {side.modality} images."
                )
            named = (
                side.labels.shape[1] if side.multilabel else 1 + int(side.labels.max(initial=-1))
            )
            if named > len(self.classes) or (side.multilabel and named != len(self.classes)):
                raise ValueError(
                    f"Benchmark '{self.name}': the labels of the {modality} side need {named} "
                    f"classes, but the class list has {len(self.classes)}."
                )
            tested, validated = np.any(side.split == TEST), np.any(side.split == VAL)
            split = self.protocol != "none"  # before that, only what never trains is marked as test
            if split and tested and not validated and self.protocol not in VALIDATES_ON_TEST:
                raise ValueError(
                    f"Benchmark '{self.name}': the {modality} side has test images and none for "
                    f"validation under protocol '{self.protocol}'; only "
                    f"{', '.join(sorted(VALIDATES_ON_TEST))} validates on its test images."
                )

    @property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of each side's images, by side."""
        return {side.modality: side.fingerprint for side in (self.ms, self.rgb)}

    @property
    def validates_on_test(self) -> bool:
        """Whether the best epoch is chosen on the very images the result is reported on."""
        return self.protocol in VALIDATES_ON_TEST
