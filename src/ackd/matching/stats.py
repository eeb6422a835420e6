"""How good a set of pairs is, and how it moved."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = [
    "distinct_teachers",
    "mean_by_class",
    "share_changed",
    "teachers_of_half",
    "top_teacher_share",
]


def share_changed(before: Tensor, after: Tensor) -> float:
    """Share of students whose teacher differs between two pairings, in 0..1.

    One minus it is the agreement of two pairings, e.g. of DynM with SSM.

    Args:
        before: (N,) teacher indices.
        after: (N,) teacher indices of the same students.

    Raises:
        ValueError: If the shapes differ or there is no student.
    """
    if before.shape != after.shape:
        raise ValueError(
            "Two pairings of the same students have one length, but these have "
            f"{tuple(before.shape)} and {tuple(after.shape)}."
        )
    _need_students(before)
    return float((before != after).double().mean())


def distinct_teachers(pairs: Tensor) -> int:
    """How many teachers serve at least one student; ``pairs`` is (N,) teacher indices."""
    return len(torch.unique(pairs))


def top_teacher_share(pairs: Tensor) -> float:
    """Share of students that the most popular teacher serves, in 0..1.

    Args:
        pairs: (N,) teacher indices.

    Raises:
        ValueError: If there is no student.
    """
    return float(_served(pairs).max()) / len(pairs)


def teachers_of_half(pairs: Tensor) -> int:
    """How few teachers, the most popular first, serve at least half of the students.

    Args:
        pairs: (N,) teacher indices.

    Raises:
        ValueError: If there is no student.
    """
    served = _served(pairs).sort(descending=True).values.cumsum(0)
    return int((2 * served < len(pairs)).sum()) + 1


def mean_by_class(values: Tensor, classes: Tensor, count: int) -> Tensor:
    """Mean of a quantity of the pairs (e.g. their divergence) in each class.

    Args:
        values: (N,) one value a student.
        classes: (N,) class of each student, in 0..count - 1.
        count: Number of classes.

    Returns:
        (count,) float64 means; NaN for a class without students.

    Raises:
        ValueError: If the lengths differ or a class is out of range.
    """
    if values.shape != classes.shape or values.ndim != 1:
        raise ValueError(
            "A mean a class needs one value and one class a student, but they are "
            f"{tuple(values.shape)} and {tuple(classes.shape)}."
        )
    if len(classes) and not 0 <= int(classes.min()) <= int(classes.max()) < count:
        raise ValueError(
            f"Classes reach from {int(classes.min())} to {int(classes.max())}, but should lie in "
            f"0..{count - 1}."
        )
    sums = torch.zeros(count, dtype=torch.float64, device=values.device)
    sums.index_add_(0, classes, values.detach().double())
    return sums / torch.bincount(classes, minlength=count)


def _need_students(pairs: Tensor) -> None:
    if pairs.numel() == 0:
        raise ValueError("There are no pairs, so no share of them can be given.")


def _served(pairs: Tensor) -> Tensor:
    """How many students each teacher of the pairs serves."""
    _need_students(pairs)
    _, counts = torch.unique(pairs, return_counts=True)
    served: Tensor = counts
    return served
