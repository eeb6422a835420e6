"""Pairs without matching: any teacher of the student's class."""

from __future__ import annotations

import torch
from torch import Tensor

from ackd.matching.classwise import check_classes, class_members

__all__ = ["random_pairs"]


def random_pairs(student_classes: Tensor, teacher_classes: Tensor, seed: int) -> Tensor:
    """Draw one teacher of the own class for every student, uniformly and by seed.

    Args:
        student_classes: (N,) integers.
        teacher_classes: (K,) integers, or (K, C) booleans for multi-label teachers.
        seed: Fixes the draw; add the epoch to it to draw anew each epoch.

    Returns:
        (N,) int64 teacher indices, on the device of ``student_classes``.

    Raises:
        ValueError: If the class tensors have a wrong shape or a class has no teacher.
    """
    check_classes(student_classes, len(student_classes), teacher_classes, len(teacher_classes))
    # Drawn on the CPU: the same seed gives the same pairs on every device.
    generator = torch.Generator().manual_seed(seed)
    result = torch.empty(len(student_classes), dtype=torch.int64)
    for rows, candidates in class_members(student_classes.cpu(), teacher_classes.cpu()):
        drawn = torch.randint(len(candidates), (len(rows),), generator=generator)
        result[rows] = candidates[drawn]
    return result.to(student_classes.device)
