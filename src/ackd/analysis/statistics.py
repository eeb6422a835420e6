"""Mean, spread, paired intervals and tests. Numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

__all__ = [
    "Interval", "Spread", "f1_interval", "holm", "mean_interval", "over_images",
    "over_images_pooled", "over_seeds", "ratio_interval", "spread", "wilson",
]  # fmt: skip

RESAMPLES = 9999
BATCH = 500  # resamples held in memory at a time
IN_MEMORY = 20_000_000  # numbers of resamples at a time, where each image has several
F1_RESAMPLES = 2000


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation of n values; ``sd`` is None for a single one."""

    mean: float
    sd: float | None
    n: int


@dataclass(frozen=True)
class Interval:
    """A mean difference with its confidence interval and p-value, None where undefined."""

    mean: float
    low: float | None
    high: float | None
    p: float | None
    n: int


def spread(values: Sequence[float]) -> Spread:
    """Summarise values over seeds.

    Raises:
        ValueError: There are none.
    """
    if not values:
        raise ValueError("A mean needs at least one value; there are none.")
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Spread(float(np.mean(values)), sd, len(values))


def over_images(gains: npt.NDArray[np.float64], *, level: float = 0.95, seed: int = 0) -> Interval:
    """Is a difference larger than the choice of test images explains?

    The interval is the bias-corrected and accelerated bootstrap over images (Efron, 1987), the
    p-value that of a two-sided sign-flip permutation test: without a difference, an image's gain is
    as likely to have the other sign. The trained networks are taken as they are.

    Args:
        gains: (N,) differences of correctness, as a mean over seeds.
        level: Of the interval, 0 ... 1.
        seed: Of the resampling; a report made twice is the same.

    Raises:
        ValueError: There are fewer than two images.
    """
    if len(gains) < 2:
        raise ValueError(f"A paired test needs two images at least; there are {len(gains)}.")
    mean = float(gains.mean())
    if _constant(gains):
        # Nothing varies: no resample can differ.
        return Interval(mean, mean, mean, 1.0 if mean == 0 else None, len(gains))
    low, high = _bca(gains, level, seed)
    test = stats.permutation_test(
        (gains,), np.mean, permutation_type="samples", n_resamples=RESAMPLES, batch=BATCH,
        vectorized=True, rng=np.random.default_rng(seed),
    )  # fmt: skip
    return Interval(mean, _finite(low), _finite(high), float(test.pvalue), len(gains))


def over_images_pooled(
    ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64], *, level: float = 0.95,
    seed: int = 0,
) -> Interval:  # fmt: skip
    """The same for a share of all images together, such as the IoU of all their pixels.

    The difference is that of sum(part) / sum(whole), as a mean over seeds. The bootstrap draws
    whole images, for both sides and all seeds the same ones. The test exchanges what the two sides
    said of an image, for all seeds together: without a difference it does not matter who said it.

    Args:
        ours: (S, 2, N) parts and wholes of N images, of S seeds.
        theirs: Likewise.
        level: Of the interval, 0 ... 1.
        seed: Of the resampling.

    Raises:
        ValueError: There are fewer than two images that count.
    """
    there = (ours[:, 1] + theirs[:, 1]).sum(axis=0) > 0
    sides = np.stack([ours, theirs])[..., there].astype(np.float64)  # (2, S, 2, N)
    n = sides.shape[-1]
    if n < 2:
        raise ValueError(f"A paired test needs two images at least; there are {n}.")

    def gain(sums: npt.NDArray[np.float64]) -> Any:
        """From sums (..., 2, S, 2) to (...)."""
        part, whole = sums[..., 0], sums[..., 1]
        shares = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
        return (shares[..., 0, :] - shares[..., 1, :]).mean(axis=-1)

    totals = sides.sum(axis=-1)
    value = float(gain(totals))
    by_image = np.moveaxis(sides, -1, 0)  # (N, 2, S, 2)
    if _constant(gain(totals - by_image)):  # no image makes a difference
        return Interval(value, value, value, 1.0 if value == 0 else None, n)

    def of_images(rows: npt.NDArray[np.int64], axis: int = -1) -> Any:
        """Of the images in ``rows`` (..., n), by how often each of them was drawn."""
        del axis  # always the last
        draws = rows.reshape(-1, rows.shape[-1])
        places = draws + n * np.arange(len(draws))[:, None]
        drawn = np.bincount(places.ravel(), minlength=n * len(draws)).reshape(len(draws), n)
        sums = np.tensordot(drawn.astype(np.float64), by_image, axes=1)
        return gain(sums).reshape(rows.shape[:-1])

    boot = stats.bootstrap(
        (np.arange(n),), of_images, confidence_level=level, n_resamples=RESAMPLES,
        batch=BATCH, method="BCa", vectorized=True, rng=np.random.default_rng(seed),
    )  # fmt: skip
    generator = np.random.default_rng(seed)
    moved = by_image[:, ::-1] - by_image  # what an exchange changes
    extreme = 0
    for start in range(0, RESAMPLES, BATCH):
        exchanged = generator.random((min(BATCH, RESAMPLES - start), n)) < 0.5
        sums = totals + np.tensordot(exchanged.astype(np.float64), moved, axes=1)
        extreme += int((np.abs(gain(sums)) >= abs(value) - 1e-12).sum())
    low, high = boot.confidence_interval
    p = (extreme + 1) / (RESAMPLES + 1)
    return Interval(value, _finite(float(low)), _finite(float(high)), p, n)


def mean_interval(
    scores: npt.NDArray[np.float64], *, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Confidence interval of a mean over the choice of test images: the BCa bootstrap.

    Args:
        scores: (N,) of the images.
        level: Of the interval, 0 ... 1.
        seed: Of the resampling.

    Raises:
        ValueError: There are fewer than two images.
    """
    if len(scores) < 2:
        raise ValueError(f"An interval needs at least two images; there are {len(scores)}.")
    mean = float(scores.mean())
    if _constant(scores):
        return mean, mean
    return _bca(scores, level, seed)


def ratio_interval(
    part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64], *, level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:  # fmt: skip
    """Confidence interval of a pooled share over the choice of test images: the BCa bootstrap.

    The share is sum(part) / sum(whole), such as the IoU of all pixels of all tiles, and the mean
    over classes of their shares where there are several. Pixels of one image are not independent:
    images are drawn, not pixels. Images that have nothing of any whole are left out.

    Args:
        part: (N, C) counts of N images and C classes.
        whole: (N, C) counts, at least as large.
        level: Of the interval, 0 ... 1.
        seed: Of the resampling.

    Raises:
        ValueError: There are fewer than two images that count.
    """
    there = whole.sum(axis=1) > 0
    part, whole = part[there].astype(np.float64), whole[there].astype(np.float64)
    if len(part) < 2:
        raise ValueError(f"An interval needs at least two images; there are {len(part)}.")

    def share(over: npt.NDArray[np.float64], under: npt.NDArray[np.float64]) -> Any:
        """From sums (..., C) to (...)."""
        known = under > 0
        shares = np.divide(over, under, out=np.zeros_like(over), where=known)
        return shares.sum(axis=-1) / known.sum(axis=-1)

    def of_images(rows: npt.NDArray[np.int64], axis: int = -1) -> Any:
        """Of the images in ``rows`` (..., n)."""
        del axis  # always the last
        return share(part[rows].sum(axis=-2), whole[rows].sum(axis=-2))

    value = float(share(part.sum(axis=0), whole.sum(axis=0)))
    if _constant(share(part.sum(axis=0) - part, whole.sum(axis=0) - whole)):
        return value, value  # no image makes a difference
    boot = stats.bootstrap(
        (np.arange(len(part)),), of_images, confidence_level=level, n_resamples=RESAMPLES,
        batch=max(1, min(BATCH, IN_MEMORY // part.size)), method="BCa", vectorized=True,
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    interval = boot.confidence_interval
    return float(interval.low), float(interval.high)


def over_seeds(ours: Sequence[float], theirs: Sequence[float], *, level: float = 0.95) -> Interval:
    """Is a difference larger than the choice of seeds explains?

    Student's t for paired values. With so few seeds as are usual this assumes normal differences;
    one seed, or equal differences, give the mean alone.

    Raises:
        ValueError: The two have different lengths, or none.
    """
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"Paired seeds are needed; there are {len(ours)} and {len(theirs)}.")
    gains = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    mean, n = float(gains.mean()), len(gains)
    if n < 2:
        return Interval(mean, None, None, None, n)
    error = float(gains.std(ddof=1)) / math.sqrt(n)
    if error < 1e-12:
        # Equal differences, as of one test image each: no spread to judge them by.
        return Interval(mean, None, None, None, n)
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    p = float(2 * stats.t.sf(abs(mean) / error, n - 1))
    return Interval(mean, mean - half, mean + half, p, n)


def wilson(share: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Confidence interval of a share, e.g. of OA over the choice of test images (Wilson, 1927).

    Args:
        share: 0 ... 1, of ``n`` images.
        n: How many there are.
        level: Of the interval, 0 ... 1.

    Raises:
        ValueError: There are no images.
    """
    if n < 1:
        raise ValueError(f"An interval needs at least one image; there are {n}.")
    z = float(stats.norm.ppf((1 + level) / 2))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return max(0.0, middle - half), min(1.0, middle + half)


def f1_interval(
    true: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_], *, absent_as_zero: bool = False,
    level: float = 0.95, seed: int = 0,
) -> tuple[float, float]:  # fmt: skip
    """Confidence interval of macro F1 over the choice of test images: a percentile bootstrap.

    Args:
        true: (N, C) the labels of N images, as one or several out of C.
        said: (N, C) what was predicted.
        absent_as_zero: Whether a class that is neither there nor predicted counts 0, as
            torchmetrics has it for several labels per image; otherwise it is left out, as for
            single ones.
        level: Of the interval, 0 ... 1.
        seed: Of the resampling.

    Raises:
        ValueError: There are no images.
    """
    n = len(true)
    if n < 1:
        raise ValueError(f"An interval needs at least one image; there are {n}.")
    # Images with the same labels and the same answer are alike, which leaves C² kinds at most.
    kinds, counts = np.unique(np.hstack([true, said]), axis=0, return_counts=True)
    there, named = np.hsplit(kinds, 2)
    hits = (there & named).astype(np.float32)
    sizes = there.astype(np.float32) + named
    generator = np.random.default_rng(seed)
    values = []
    for start in range(0, F1_RESAMPLES, BATCH):
        draws = min(BATCH, F1_RESAMPLES - start)
        drawn = generator.multinomial(n, counts / n, size=draws).astype(np.float32)
        size = drawn @ sizes
        scores = 2 * (drawn @ hits) / np.maximum(size, 1)
        classes = scores.shape[1] if absent_as_zero else (size > 0).sum(axis=1)
        values.append(scores.sum(axis=1) / classes)
    low, high = np.quantile(np.concatenate(values), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values for how many there are (Holm, 1979); None stays None and is not counted."""
    known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, position) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        adjusted[position] = highest
    return adjusted


def _bca(values: npt.NDArray[np.float64], level: float, seed: int) -> tuple[float, float]:
    """The bias-corrected and accelerated bootstrap of a mean."""
    boot = stats.bootstrap(
        (values,), np.mean, confidence_level=level, n_resamples=RESAMPLES, batch=BATCH,
        method="BCa", rng=np.random.default_rng(seed),
    )  # fmt: skip
    interval = boot.confidence_interval
    return float(interval.low), float(interval.high)


def _constant(values: npt.NDArray[np.float64]) -> bool:
    """Whether values differ by no more than rounding."""
    return bool(np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
