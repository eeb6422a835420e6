"""``predictions.csv``: how well each test image was done, and what was taken for what."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ackd.analysis.statistics import mean_interval, wilson
from ackd.report.model import Cell, blank
from ackd.tasks import MetricDescription

__all__ = [
    "Predictions", "confusion", "interval_of", "paired_gains", "paired_sums", "read_predictions",
]  # fmt: skip

FIRST = "file"
LABELS = ("true", "predicted")


@dataclass(frozen=True)
class Predictions:
    """What a network said of the test images.

    Attributes:
        files: Names of the N images.
        head: Names of the K columns behind that of the files.
        columns: (K, N) what is told of each image, as it is written in the file.
    """

    files: tuple[str, ...]
    head: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]

    @property
    def named(self) -> bool:
        """Whether it names a true and a predicted class for each image."""
        return self.head[: len(LABELS)] == LABELS

    @property
    def true(self) -> tuple[str, ...]:
        """The class of each image; empty where images have no class."""
        return self.columns[0] if self.named else ()

    @property
    def predicted(self) -> tuple[str, ...]:
        """The class that was named; empty where images have no class."""
        return self.columns[1] if self.named else ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in the benchmark's order; empty where images have no class."""
        return self.head[len(LABELS) :] if self.named else ()

    def scores(self, metric: str | None = None) -> dict[str, float]:
        """The score of each image, whose mean is a metric.

        Args:
            metric: Its name; images with a class have the score 1 where it was named, else 0.

        Returns:
            By the image's name; NaN for an image without a score, such as a tile in which a class
            neither is nor is predicted.

        Raises:
            ValueError: There is no such column, or it holds something that is not a finite number.
        """
        if self.named:
            answers = zip(self.true, self.predicted, strict=True)
            return dict(zip(self.files, (float(t == p) for t, p in answers), strict=True))
        if metric not in self.head:
            raise ValueError(f"predictions.csv has no column '{metric}'.")
        texts = self.columns[self.head.index(metric)]
        if not np.isfinite([float(text) for text in texts if text]).all():
            raise ValueError(f"predictions.csv has values of '{metric}' that are not finite.")
        values = (float(text) if text else math.nan for text in texts)
        return dict(zip(self.files, values, strict=True))

    def sums(self, columns: Sequence[str]) -> dict[str, tuple[float, float]]:
        """What a pooled metric is made of: the first of some columns, and all of them together.

        Args:
            columns: See :attr:`ackd.tasks.MetricDescription.pooled`.

        Returns:
            By the image's name.

        Raises:
            ValueError: There is no such column, or it holds something that is not a number.
        """
        missing = [name for name in columns if name not in self.head]
        if missing:
            raise ValueError(f"predictions.csv has no column '{missing[0]}'.")
        counts = np.array([self.columns[self.head.index(name)] for name in columns], np.float64)
        if not np.isfinite(counts).all():
            raise ValueError("predictions.csv has counts that are not finite.")
        pairs = zip(counts[0].tolist(), counts.sum(axis=0).tolist(), strict=True)
        return dict(zip(self.files, pairs, strict=True))


def read_predictions(path: Path) -> Predictions:
    """Read a ``predictions.csv``.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It has no image, no column ``file``, or an image twice.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if not rows or len(rows[0]) < 2 or rows[0][0] != FIRST:
        raise ValueError(f"does not start with the column {FIRST} and others behind it")
    body = [row for row in rows[1:] if row]
    if not body:
        raise ValueError("holds no image")
    if any(len(row) != len(rows[0]) for row in body):
        raise ValueError("has lines of different lengths; was it cut off?")
    files, *columns = zip(*body, strict=True)
    if len(set(files)) != len(files):
        raise ValueError("names an image twice")
    return Predictions(files, tuple(rows[0][1:]), tuple(columns))


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
    ours: Sequence[Predictions], theirs: Sequence[Predictions], metric: str | None = None
) -> npt.NDArray[np.float64]:
    """Difference of the scores of each image, ours less theirs, as a mean over seeds.

    Args:
        ours: S runs, one per seed.
        theirs: The S runs that they are paired with.
        metric: The one whose scores they are, see :meth:`Predictions.scores`.

    Returns:
        (N,) values; their mean is the difference of the mean metric, over the images that have a
        score on both sides, in any of the runs.

    Raises:
        ValueError: The runs were not measured on the same images, or lack the scores.
    """
    files = _same_files((*ours, *theirs))
    gains = _mean_scores(ours, files, metric) - _mean_scores(theirs, files, metric)
    return np.asarray(gains[~np.isnan(gains)], dtype=np.float64)


def paired_sums(
    ours: Sequence[Predictions], theirs: Sequence[Predictions], columns: Sequence[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What a pooled metric of both sides is made of, image by image.

    Args:
        ours: S runs, one per seed.
        theirs: The S runs that they are paired with.
        columns: See :meth:`Predictions.sums`.

    Returns:
        Ours and theirs, (S, 2, N): of each image the part, and the whole that it is a part of.

    Raises:
        ValueError: The runs were not measured on the same images, or lack the columns.
    """
    files = _same_files((*ours, *theirs))
    tables = [[run.sums(columns) for run in side] for side in (ours, theirs)]
    first, second = (
        np.array([[[table[file][which] for file in files] for which in (0, 1)] for table in side])
        for side in tables
    )
    return first, second


def _same_files(runs: Sequence[Predictions]) -> tuple[str, ...]:
    """The images of all runs.

    Raises:
        ValueError: They are not the same.
    """
    files = runs[0].files
    if any(set(run.files) != set(files) for run in runs):
        raise ValueError("The runs were not measured on the same test images.")
    return files


def interval_of(
    metric: MetricDescription, values: Sequence[float], runs: Sequence[Predictions]
) -> Cell:
    """The 95 % confidence interval of a mean over the choice of test images.

    Wilson's where each image is right or wrong, a bootstrap of the images' scores otherwise.

    Args:
        metric: The mean of the scores of the images.
        values: Of the runs, of which the interval is that of the mean.
        runs: Their predictions.
    """
    files = {frozenset(run.files) for run in runs}
    if not values or len(files) != 1:
        return blank()
    if all(run.named for run in runs):
        share = sum(values) / len(values)
        if not 0 <= share <= 1:  # a damaged result.json
            return blank()
        low, high = wilson(share, len(runs[0].files))
    else:
        try:
            scores = _mean_scores(runs, runs[0].files, metric.name)
            low, high = mean_interval(scores[~np.isnan(scores)])
        except ValueError:
            return blank()
    return Cell(f"{metric.bare(low)} to {metric.bare(high)}")


def _mean_scores(
    runs: Sequence[Predictions], files: Sequence[str], metric: str | None
) -> npt.NDArray[np.float64]:
    """(N,) scores of the images, as a mean over the runs that give them one; NaN without."""
    tables = [run.scores(metric) for run in runs]
    scores = np.array([[table[file] for file in files] for table in tables], dtype=np.float64)
    known = (~np.isnan(scores)).sum(axis=0)
    return np.where(known > 0, np.nansum(scores, axis=0) / np.maximum(known, 1), np.nan)
