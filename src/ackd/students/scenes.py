"""A student that gives classes to whole RGB images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ackd.backbones import Backbone
from ackd.data.normalise import Normaliser
from ackd.students.file import standardisation
from ackd.students.given import Given, listed
from ackd.students.photographs import Invalid, PhotographReader
from ackd.students.predictions import ScenePrediction
from ackd.students.student import Student, require_batch_size
from ackd.tasks import Task
from ackd.utils.networks import eval_mode

__all__ = ["SceneStudent"]

BATCH = 64


class SceneStudent(Student[Backbone]):
    """Tells the classes of scenes; see :class:`~ackd.students.student.Student`."""

    def __init__(
        self,
        network: Backbone,
        task: Task,
        content: Mapping[str, Any],
        path: Path,
        reader: PhotographReader,
        unknown: tuple[str, ...] = (),
    ) -> None:
        super().__init__(
            network, task, content, path, sensor="rgb", size=reader.size, unknown=unknown
        )
        self.reader = reader
        self.normaliser = Normaliser(*standardisation(content))

    def predict(
        self,
        images: Any,
        *,
        bands: Sequence[int] | Sequence[str] | None = None,
        rgb_max: float | None = None,
        invalid: Invalid | None = None,
        check: bool = True,
        batch_size: int = BATCH,
    ) -> Any:
        """Say what images show.

        Every image is read, resized and normalised as those of training were.

        Args:
            images: A path (jpg, png, tif, npy), an image of Pillow, an array or a tensor of
                (3, H, W), (H, W, 3) or (H, W); or several, as a list or as one array (B, ...).
            bands: Of images with more bands, or in another order than red, green, blue: the
                positions (from 0) of the student's bands, or the names of all bands of the image.
            rgb_max: The number that is white, in images of more than 8 bits per channel.
            invalid: What happens to images with pixels without data (NaN, nodata, alpha 0):
                ``"error"`` refuses them, ``"zero"`` gives these pixels the mean of training. As in
                training, if not given.
            check: Whether numbers and sizes that cannot be right are refused.
            batch_size: Images that go through the network together.

        Returns:
            A :class:`~ackd.students.ScenePrediction`; a list of them for several images.

        Raises:
            ImageError: An image cannot be read, or is nothing that the student was trained on.
            ConfigError: An option is wrong.
        """
        given, single = listed(images)
        found = list(
            self._each(
                given, batch_size, bands=bands, rgb_max=rgb_max, invalid=invalid, check=check
            )
        )
        return found[0] if single else found

    def predict_each(
        self, images: Iterable[Any], *, batch_size: int = BATCH, **options: Any
    ) -> Iterator[ScenePrediction]:
        """The same of any number of images, a batch in memory at a time.

        Args:
            images: Any iterable of images.
            batch_size: Images that go through the network together.
            **options: Those of :meth:`predict`.
        """
        given, _ = listed(iter(images))
        yield from self._each(given, batch_size, **options)

    def _each(
        self, images: Iterable[Given], batch_size: int, **options: Any
    ) -> Iterator[ScenePrediction]:
        require_batch_size(batch_size)
        waiting = iter(images)
        while batch := list(islice(waiting, batch_size)):
            pixels = [self.reader.read(one, **options) for one in batch]
            if len({one.dtype for one in pixels}) > 1:
                pixels = [one.astype(np.float32) for one in pixels]
            logits = self.logits(torch.from_numpy(np.stack(pixels)))
            yield from map(self.answer, logits.numpy())

    def logits(self, images: Tensor) -> Tensor:
        """Run the network on images of the right size.

        Args:
            images: (B, 3, H, W) of 0..255, NaN where invalid, in the student's order of bands.

        Returns:
            (B, C) float32 on the CPU.
        """
        device = self.device
        with torch.inference_mode(), eval_mode(self.network):
            normalised = self.normaliser.to(device)(images.to(device))
            logits: Tensor = self.network(normalised).logits
        return logits.float().cpu()

    def probabilities(self, logits: Tensor) -> Tensor:
        """Of each class: the softmax of logits (..., C) where classes exclude each other.

        The sigmoid of each where an image has several.
        """
        return logits.sigmoid() if self.task.sigmoid else logits.softmax(dim=-1)

    def answer(self, logits: NDArray[np.float32]) -> ScenePrediction:
        """What logits (C,) of an image say."""
        if self.task.sigmoid:
            labels = tuple(c for c, v in zip(self.classes, logits, strict=True) if v > 0)
        else:
            labels = (self.classes[int(logits.argmax())],)
        probabilities = self.probabilities(torch.from_numpy(logits)).numpy()
        return ScenePrediction(self.classes, logits, probabilities, labels)
