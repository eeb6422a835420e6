"""A student that gives a class to each pixel of images of any size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ackd.data.tiles import IGNORED, MaskedNormaliser, crop_back
from ackd.data.tiles.crops import pad, padding_for
from ackd.data.tiles.options import SarUnit
from ackd.data.tiles.statistics import normalised
from ackd.errors import ConfigError
from ackd.segmentation import SegmentationNetwork
from ackd.students.file import standardisation
from ackd.students.given import Given, listed
from ackd.students.predictions import MaskPrediction
from ackd.students.student import Student, require_batch_size
from ackd.students.tiles import TileImage, TileReader
from ackd.tasks import Task
from ackd.utils.networks import eval_mode

__all__ = ["SegmentationStudent"]

BATCH = 4


class SegmentationStudent(Student[SegmentationNetwork]):
    """Maps classes; see :class:`~ackd.students.student.Student`."""

    def __init__(
        self,
        network: SegmentationNetwork,
        task: Task,
        content: Mapping[str, Any],
        path: Path,
        reader: TileReader,
        size: tuple[int, int] | None = None,
        unknown: tuple[str, ...] = (),
    ) -> None:
        super().__init__(
            network, task, content, path, sensor=reader.sensor, size=size, unknown=unknown
        )
        self.reader = reader
        self.normaliser = MaskedNormaliser(*standardisation(content))

    @property
    def stride(self) -> int:
        """Of the network: sides of what it sees are divisible by it."""
        return self.network.stride

    def predict(
        self,
        images: Any,
        *,
        bands: Sequence[int] | Sequence[str] | None = None,
        unit: SarUnit | None = None,
        nodata: float | None = None,
        valid: Any = None,
        check: bool = True,
        batch_size: int = BATCH,
    ) -> Any:
        """Map the classes of images of any size.

        Every image is read and normalised as those of training were, padded to the stride of the
        network, and its answer is cropped back. A pixel that is NaN, infinite, has a nodata value,
        or is 0 in all bands (where training took that for nodata) has no answer.

        Args:
            images: A path (tif, png, npy, npz), an image of Pillow, an array or a tensor of
                (C, H, W), (H, W, C) or (H, W); or several, as a list or as one array (B, C, H, W).
            bands: Of images with more bands, or in another order: the positions (from 0) of the
                student's bands, or the names of all bands of the image.
            unit: ``"linear"`` for SAR intensities, which become decibels; ``"db"``, or ``"other"``
                for numbers of the unit of training. As the files of training were, if not given.
            nodata: A number that marks pixels without data although the image does not say so.
            valid: (H, W) bool, False where the image has no data; one for each of several images.
            check: Whether numbers that cannot be right are refused.
            batch_size: Images of one size that go through the network together.

        Returns:
            A :class:`~ackd.students.MaskPrediction`; a list of them for several images.

        Raises:
            ImageError: An image cannot be read, or is nothing that the student was trained on.
            ConfigError: An option is wrong.
        """
        given, single = listed(images)
        masks = [valid] if single and valid is not None else valid
        found = list(
            self._each(given, batch_size, masks, bands=bands, unit=unit, nodata=nodata, check=check)
        )
        return found[0] if single else found

    def predict_each(
        self, images: Iterable[Any], *, batch_size: int = BATCH, **options: Any
    ) -> Iterator[MaskPrediction]:
        """The same of any number of images, a batch in memory at a time.

        Args:
            images: Any iterable of images.
            batch_size: Images of one size that go through the network together.
            **options: Those of :meth:`predict`.
        """
        given, _ = listed(iter(images))
        yield from self._each(given, batch_size, options.pop("valid", None), **options)

    def _each(
        self, images: Iterable[Given], batch_size: int, valid: Iterable[Any] | None, **options: Any
    ) -> Iterator[MaskPrediction]:
        require_batch_size(batch_size)
        read = self._read(images, valid, options)
        for _, alike in groupby(read, key=lambda one: (one.pixels.shape, one.pixels.dtype)):
            batch: list[TileImage] = []
            for one in alike:
                batch.append(one)
                if len(batch) == batch_size:
                    yield from self._answers(batch)
                    batch = []
            if batch:
                yield from self._answers(batch)

    def _read(
        self, images: Iterable[Given], valid: Iterable[Any] | None, options: Mapping[str, Any]
    ) -> Iterator[TileImage]:
        masks = None if valid is None else iter(valid)
        for one in images:
            mask = None
            if masks is not None:
                mask = next(masks, None)
                if mask is None:
                    raise ConfigError(f"valid has no mask for {one.called}; give one per image.")
                mask = np.asarray(mask.cpu() if isinstance(mask, Tensor) else mask)
            yield self.reader.read(one, valid=mask, **options)
        if masks is not None and next(masks, None) is not None:
            raise ConfigError("valid has more masks than there are images; give one per image.")

    def logits(self, images: NDArray[Any], valid: NDArray[np.bool_]) -> Tensor:
        """Run the network on images of one size.

        Args:
            images: (B, C, H, W) in the unit of training, in the student's order of bands.
            valid: (B, H, W) True where there is data.

        Returns:
            (B, K, H, W) float32 on the CPU; K is 1 for two classes, whose second it is.
        """
        padding = padding_for(images.shape[2], images.shape[3], self.stride)
        ready = pad(normalised(self.normaliser, images, valid).numpy(), padding)
        with torch.inference_mode(), eval_mode(self.network):
            logits: Tensor = self.network(torch.from_numpy(ready).to(self.device)).logits
        return crop_back(logits.float().cpu(), padding)

    def _answers(self, batch: Sequence[TileImage]) -> Iterator[MaskPrediction]:
        valid = np.stack([one.valid for one in batch])
        logits = self.logits(np.stack([one.pixels for one in batch]), valid)
        masks = self.task.answer(logits).numpy()
        masks = np.where(valid, masks, np.uint8(IGNORED))
        if logits.shape[1] == 1:
            second = logits.sigmoid()
            probabilities = torch.cat([1 - second, second], dim=1)
        else:
            probabilities = logits.softmax(dim=1)
        shown = probabilities.where(torch.from_numpy(valid)[:, None], torch.nan).numpy()
        for mask, shares, known in zip(masks, shown, valid, strict=True):
            yield MaskPrediction(self.classes, mask, shares, known)
