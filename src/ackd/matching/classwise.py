"""Exact class-wise arg-max of inner products, without an N x K matrix.

Every matching rule is one: cosine after normalisation, a KL divergence with the logarithms on one
side (a row's own entropy moves all its candidates alike, a candidate's is one more column).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["argmax_in_class", "check_classes"]

STUDENT_ROWS = 512
TEACHER_ROWS = 512
"""A block of 512 x 512 float32 products is 1 MB and stays in a core's cache."""

REFINE_ROWS = 4096


def argmax_in_class(
    students: Tensor, teachers: Tensor, student_classes: Tensor, teacher_classes: Tensor
) -> Tensor:
    """Find argmax_k <students_n, teachers_k> over the teachers of student n's class.

    Works in two passes, because float32 products are fast but their rounding (about 1e-5 for
    logarithms of -100) can swap candidates that float64 tells apart: a float32 pass keeps the
    maximum of each block of teachers, and only blocks that come within the rounding bound of a
    student's best are computed again in float64. The result is that of float64; values that
    agree to float64's rounding are ties, and go to the lowest index. Time grows as N * K /
    classes, memory as N + K.

    Args:
        students: (N, d) finite floating rows.
        teachers: (K, d) finite floating rows.
        student_classes: (N,) integer class of each student.
        teacher_classes: (K,) integers, or (K, C) booleans for teachers of several classes.

    Returns:
        (N,) int64 index into ``teachers``.

    Raises:
        ValueError: If shapes disagree, a value is not finite, or a student's class has no
            teacher.
    """
    _check_rows(students, teachers)
    check_classes(student_classes, len(students), teacher_classes, len(teachers))
    a, b = students.detach().double(), teachers.detach().double()
    result = torch.empty(len(a), dtype=torch.int64, device=a.device)
    for rows, candidates in class_members(student_classes, teacher_classes):
        rows, candidates = rows.to(a.device), candidates.to(a.device)
        result[rows] = candidates[_argmax(a[rows], b[candidates])]
    return result


def class_members(
    student_classes: Tensor, teacher_classes: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield, class by class, the student indices and the (ascending) teacher indices.

    Raises:
        ValueError: If a class has students but no teacher.
    """
    for c in torch.unique(student_classes).tolist():
        if teacher_classes.ndim == 2:
            known = 0 <= c < teacher_classes.shape[1]
            mask = teacher_classes[:, c] if known else torch.zeros(len(teacher_classes)).bool()
        else:
            mask = teacher_classes == c
        candidates = mask.nonzero().squeeze(1)
        rows = (student_classes == c).nonzero().squeeze(1)
        if len(candidates) == 0:
            raise ValueError(
                f"Class {c} has {len(rows)} students but no teacher, so they cannot be matched; "
                "give the class teacher images or leave its students out."
            )
        yield rows, candidates


def check_classes(
    student_classes: Tensor, students: int, teacher_classes: Tensor, teachers: int
) -> None:
    """Refuse class tensors of a wrong shape or type.

    Raises:
        ValueError: If they are not (N,) integers and (K,) integers or (K, C) booleans.
    """
    if student_classes.shape != (students,) or not _integer(student_classes):
        raise ValueError(
            f"student_classes must be ({students},) integers, one a student, but is "
            f"{tuple(student_classes.shape)} of {student_classes.dtype}."
        )
    one = teacher_classes.ndim == 1 and _integer(teacher_classes)
    several = teacher_classes.ndim == 2 and teacher_classes.dtype == torch.bool
    if not (one or several) or len(teacher_classes) != teachers:
        raise ValueError(
            f"teacher_classes must be ({teachers},) integers or ({teachers}, C) booleans, but is "
            f"{tuple(teacher_classes.shape)} of {teacher_classes.dtype}."
        )


def _integer(x: Tensor) -> bool:
    return not x.is_floating_point() and not x.is_complex() and x.dtype != torch.bool


def _check_rows(students: Tensor, teachers: Tensor) -> None:
    if students.ndim != 2 or teachers.ndim != 2 or students.shape[1] != teachers.shape[1]:
        raise ValueError(
            "Students and teachers must be (N, d) and (K, d) rows of one width, but are "
            f"{tuple(students.shape)} and {tuple(teachers.shape)}."
        )
    for name, rows in (("student", students), ("teacher", teachers)):
        if not bool(rows.isfinite().all()):
            raise ValueError(
                f"Some {name} rows hold NaN or infinity and cannot be matched; check the network "
                "that made them (a learning rate too high?) and its input."
            )


@dataclass
class _Best:
    """The best candidate so far of each student."""

    value: Tensor
    index: Tensor


@torch.no_grad()
def _argmax(a: Tensor, b: Tensor) -> Tensor:
    """First arg-max of ``a @ b.T`` in each row, to float64's rounding; a, b float64."""
    # Reduced-precision matrix products (TF32, bf16) would break the rounding bound; float64 is
    # never reduced.
    exact = torch.get_float32_matmul_precision() == "highest"
    fast = torch.float32 if exact else torch.float64
    a_fast, b_fast = a.to(fast), b.to(fast)
    reach = b.abs().amax(dim=0)
    found = torch.empty(len(a), dtype=torch.int64, device=a.device)
    # Wide student chunks amortise the refinement; block maxima are (chunk, K / TEACHER_ROWS).
    for start in range(0, len(a), REFINE_ROWS):
        chunk = slice(start, start + REFINE_ROWS)
        scale = a[chunk].abs() @ reach
        maxima = _block_maxima(a_fast[chunk], b_fast)
        found[chunk] = _refine(a[chunk], b, maxima, scale, torch.finfo(fast).eps)
    return found


def _block_maxima(a: Tensor, b: Tensor) -> Tensor:
    """(len(a), blocks): the largest product of each row with each block of teachers."""
    blocks = range(0, len(b), TEACHER_ROWS)
    maxima = a.new_empty(len(blocks), len(a))
    with torch.autocast(a.device.type, enabled=False):
        for position, start in enumerate(blocks):
            part = b[start : start + TEACHER_ROWS]
            for first in range(0, len(a), STUDENT_ROWS):
                rows = slice(first, first + STUDENT_ROWS)
                torch.amax(part @ a[rows].T, dim=0, out=maxima[position, rows])
    return maxima.T


def _refine(a: Tensor, b: Tensor, maxima: Tensor, scale: Tensor, eps: float) -> Tensor:
    """Settle in float64 the blocks that the fast pass could not rule out."""
    # Both inputs are rounded, then d products are summed: d + 2 roundings bound each value.
    slack = 2 * (a.shape[1] + 2) * eps * scale
    tie = 4 * (a.shape[1] + 2) * torch.finfo(torch.float64).eps * scale
    open_blocks = maxima.double() >= (maxima.amax(dim=1).double() - slack)[:, None]
    best = _Best(a.new_full((len(a),), -torch.inf), a.new_zeros(len(a), dtype=torch.int64))
    for position in open_blocks.any(dim=0).nonzero().squeeze(1).tolist():
        rows = open_blocks[:, position].nonzero().squeeze(1)
        first = position * TEACHER_ROWS
        values = a[rows] @ b[first : first + TEACHER_ROWS].T
        top = values.amax(dim=1)
        lowest = (values >= (top - tie[rows])[:, None]).to(torch.uint8).argmax(dim=1)
        better = top > best.value[rows] + tie[rows]
        best.index[rows[better]] = first + lowest[better]
        best.value[rows[better]] = top[better]
    return best.index
