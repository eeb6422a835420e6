"""Any number of photographs through a student of scenes, and the table of what it says."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ackd.errors import ImageError
from ackd.predict.ahead import ahead
from ackd.students import SceneStudent
from ackd.students.given import Given
from ackd.students.photographs import Invalid
from ackd.students.predictions import ScenePrediction
from ackd.students.scenes import BATCH
from ackd.students.student import require_batch_size
from ackd.utils.io import beside

__all__ = ["ImageAnswer", "predict_images", "write_table"]


@dataclass(frozen=True, eq=False)
class ImageAnswer:
    """What a student says of a file, or why it says nothing.

    Attributes:
        path: Of the file.
        prediction: None where the image was refused.
        error: Why it was.
    """

    path: Path
    prediction: ScenePrediction | None
    error: ImageError | None = None


def predict_images(
    student: SceneStudent,
    paths: Iterable[str | PathLike[str]],
    *,
    bands: Sequence[int] | Sequence[str] | None = None,
    rgb_max: float | None = None,
    invalid: Invalid | None = None,
    check: bool = True,
    batch_size: int = BATCH,
) -> Iterator[ImageAnswer]:
    """Say what photographs show, one after the other.

    The next batch is read while the network works on one. An image that cannot be read, or is
    nothing that the student was trained on, gets no answer and stops nothing.

    Args:
        student: Whose answers.
        paths: jpg, png, tif, npy.
        bands: As for :meth:`ackd.students.SceneStudent.predict`, and so are all others.
        rgb_max: The same.
        invalid: The same.
        check: The same.
        batch_size: The same.

    Yields:
        An answer for each path, in their order.

    Raises:
        ConfigError: An option is wrong.
    """
    require_batch_size(batch_size)
    waiting = iter(paths)

    def batches() -> Iterator[list[tuple[Path, NDArray[np.generic] | ImageError]]]:
        while batch := list(islice(waiting, batch_size)):
            read: list[tuple[Path, NDArray[np.generic] | ImageError]] = []
            for path in map(_path, batch):
                try:
                    pixels = student.reader.read(
                        Given(path, str(path)), bands=bands, rgb_max=rgb_max, invalid=invalid,
                        check=check,
                    )  # fmt: skip
                    read.append((path, pixels))
                except ImageError as error:
                    read.append((path, error))
            yield read

    for batch in ahead(batches()):
        images = [found for _, found in batch if isinstance(found, np.ndarray)]
        if len({one.dtype for one in images}) > 1:
            images = [one.astype(np.float32) for one in images]
        logits = student.logits(torch.from_numpy(np.stack(images))).numpy() if images else ()
        answers = map(student.answer, logits)
        for path, found in batch:
            if isinstance(found, ImageError):
                yield ImageAnswer(path, None, found)
            else:
                yield ImageAnswer(path, next(answers))


def _path(given: str | PathLike[str]) -> Path:
    return Path(given).expanduser()


def write_table(
    path: Path,
    student: SceneStudent,
    answers: Iterable[tuple[str, ImageAnswer]],
    worded: Callable[[str], str] = str,
) -> None:
    """Write answers as a CSV, whole or not at all.

    Columns: ``name``, ``label`` and its ``probability``; ``labels`` with all above 0.5 where an
    image may have several, ``|`` between them; the probability of each class by its name; and
    ``error``, why an image has no answer.

    Args:
        path: Of the CSV.
        student: Whose answers.
        answers: The name of each image, and its answer.
        worded: Brings an error into the words of who asked.
    """
    several = student.task.sigmoid
    heads = ["name", "label", "probability", *(["labels"] if several else [])]
    taken = {*heads, "error"}
    classes = [f"class {name}" if name in taken else name for name in student.classes]
    with beside(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*heads, *classes, "error"])
        for name, answer in answers:
            said = answer.prediction
            if said is None:
                blank = [""] * (len(heads) - 1 + len(classes))
                writer.writerow([name, *blank, worded(str(answer.error))])
                continue
            labels = ["|".join(said.labels)] if several else []
            shares = [f"{share:.6g}" for share in said.probabilities.tolist()]
            writer.writerow([name, said.label, f"{said.probability:.6g}", *labels, *shares, ""])
