"""``predictions.csv``: who was right on which test image, and who took what for what."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["Predictions", "confusion", "paired_gains", "read_predictions"]

COLUMNS = ("file", "true", "predicted")


@dataclass(frozen=True)
class Predictions:
    """What a classifier said of the test images.

    Attributes:
        files: Names of the N images.
        true: Their classes.
        predicted: The classes that it named.
        classes: The C class names in the benchmark's order.
    """

    files: tuple[str, ...]
    true: tuple[str, ...]
    predicted: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def correct(self) -> dict[str, bool]:
        """Whether each image, by its name, was classified correctly."""
        answers = zip(self.files, self.true, self.predicted, strict=True)
        return {file: truth == said for file, truth, said in answers}


def read_predictions(path: Path) -> Predictions:
    """Read a ``predictions.csv``.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It has no image, other columns, or an image twice.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if not rows or tuple(rows[0][:3]) != COLUMNS:
        raise ValueError(f"does not start with the columns {', '.join(COLUMNS)}")
    body = [row for row in rows[1:] if row]
    if not body:
        raise ValueError("holds no image")
    if any(len(row) != len(rows[0]) for row in body):
        raise ValueError("has lines of different lengths; was it cut off?")
    files, true, predicted = zip(*(row[:3] for row in body), strict=True)
    if len(set(files)) != len(files):
        raise ValueError("names an image twice")
    return Predictions(files, true, predicted, tuple(rows[0][3:]))


def confusion(runs: Sequence[Predictions]) -> npt.NDArray[np.int64]:
    """Count, over all runs, how often class i was taken for class j.

    Images with several labels, or of a class that the first run does not know, are left out.

    Returns:
        (C, C) counts; row i holds the images whose true class is i.
    """
    index = {name: position for position, name in enumerate(runs[0].classes)}
    counts = np.zeros((len(index), len(index)), dtype=np.int64)
    for run in runs:
        for truth, said in zip(run.true, run.predicted, strict=True):
            if truth in index and said in index:
                counts[index[truth], index[said]] += 1
    return counts


def paired_gains(
    ours: Sequence[Predictions], theirs: Sequence[Predictions]
) -> npt.NDArray[np.float64]:
    """Difference of correctness on each image, ours less theirs, as a mean over seeds.

    Args:
        ours: S runs, one a seed.
        theirs: The S runs that they are paired with.

    Returns:
        (N,) values in -1 ... 1; their mean is the difference of mean OA.

    Raises:
        ValueError: The runs were not measured on the same images.
    """
    files = ours[0].files
    if any(set(run.files) != set(files) for run in (*ours, *theirs)):
        raise ValueError("The runs were not measured on the same test images.")

    def mean_correct(runs: Sequence[Predictions]) -> npt.NDArray[np.float64]:
        tables = [run.correct for run in runs]
        right = np.array([[table[file] for file in files] for table in tables], dtype=np.float64)
        return np.asarray(right.mean(axis=0))

    return np.asarray(mean_correct(ours) - mean_correct(theirs), dtype=np.float64)
