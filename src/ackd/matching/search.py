"""Which teacher image serves which student image: SSM, DynM and the nearest feature."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ackd.errors import unknown
from ackd.matching.classwise import argmax_in_class

__all__ = [
    "Direction",
    "match_by_distance",
    "match_by_divergence",
    "match_by_similarity",
    "pair_divergence",
]

Direction = Literal["student_teacher", "teacher_student"]
DIRECTIONS: tuple[Direction, ...] = ("student_teacher", "teacher_student")


def match_by_similarity(
    student_embeddings: Tensor,
    teacher_embeddings: Tensor,
    student_classes: Tensor,
    teacher_classes: Tensor,
) -> Tensor:
    """Self-supervised semantic-aware matching (SSM), eqs 8-10 of arXiv 2511.08901.

    Args:
        student_embeddings: (N, d) embeddings of the students; their length does not matter.
        teacher_embeddings: (K, d) embeddings of the teachers.
        student_classes: (N,) integers.
        teacher_classes: (K,) integers, or (K, C) booleans for multi-label teachers.

    Returns:
        (N,) int64: for each student the teacher of its class with the highest cosine
        similarity, the lowest index among equals.

    Raises:
        ValueError: If shapes disagree, a value is not finite, or a class has no teacher.
    """
    # Normalised in float64: float32 lengths are 1 only to 1e-7, as close as real candidates are.
    return argmax_in_class(
        functional.normalize(student_embeddings.detach().double(), dim=-1),
        functional.normalize(teacher_embeddings.detach().double(), dim=-1),
        student_classes,
        teacher_classes,
    )


def match_by_divergence(
    student_logits: Tensor,
    teacher_logits: Tensor,
    student_classes: Tensor,
    teacher_classes: Tensor,
    temperature: float,
    direction: Direction = "student_teacher",
) -> Tensor:
    """Dynamic matching (DynM), eqs 11-12 of arXiv 2511.08901.

    Args:
        student_logits: (N, C) raw logits.
        teacher_logits: (K, C) raw logits.
        student_classes: (N,) integers.
        teacher_classes: (K,) integers, or (K, C) booleans for multi-label teachers.
        temperature: gamma > 0, divides both logits. The divergence carries no gamma^2.
        direction: ``"student_teacher"`` for KL(p_S || p_T) (the paper), ``"teacher_student"``
            for KL(p_T || p_S) (the authors' code).

    Returns:
        (N,) int64: for each student the teacher of its class with the smallest divergence, the
        lowest index among equals.

    Raises:
        ValueError: If shapes disagree, a value is not finite, the temperature is not positive,
            the direction is unknown, or a class has no teacher.
    """
    log_s = _log_softmax(student_logits, temperature, direction)
    log_t = _log_softmax(teacher_logits, temperature, direction)
    if direction == "student_teacher":
        rows, candidates = log_s.exp(), log_t
    else:
        p = log_t.exp()
        entropy = -(p * log_t).sum(dim=-1, keepdim=True)
        rows = torch.cat([log_s, torch.ones_like(log_s[:, :1])], dim=1)
        candidates = torch.cat([p, entropy], dim=1)
    return argmax_in_class(rows, candidates, student_classes, teacher_classes)


def match_by_distance(
    student_features: Tensor,
    teacher_features: Tensor,
    student_classes: Tensor,
    teacher_classes: Tensor,
) -> Tensor:
    """Nearest teacher in feature space within the class, eq 2 of arXiv 2511.08901.

    Args:
        student_features: (N, d) features.
        teacher_features: (K, d) features.
        student_classes: (N,) integers.
        teacher_classes: (K,) integers, or (K, C) booleans for multi-label teachers.

    Returns:
        (N,) int64: for each student the teacher of its class with the smallest Euclidean
        distance, the lowest index among equals.

    Raises:
        ValueError: If shapes disagree, a value is not finite, or a class has no teacher.
    """
    s, t = student_features.detach().double(), teacher_features.detach().double()
    if s.ndim == t.ndim == 2 and s.shape[1] == t.shape[1]:
        # Distances do not change with the origin; near the data the products are small.
        s, t = s - t.mean(dim=0), t - t.mean(dim=0)
    half_square = -0.5 * t.square().sum(dim=-1, keepdim=True)
    rows = torch.cat([s, torch.ones_like(s[..., :1])], dim=-1)
    candidates = torch.cat([t, half_square], dim=-1)
    return argmax_in_class(rows, candidates, student_classes, teacher_classes)


def pair_divergence(
    student_logits: Tensor,
    teacher_logits: Tensor,
    temperature: float,
    direction: Direction = "student_teacher",
) -> Tensor:
    """Divergence of given pairs, row by row: the quantity that DynM makes small.

    Args:
        student_logits: (N, C) raw logits.
        teacher_logits: (N, C) raw logits, row n being the teacher of student n.
        temperature: gamma > 0, divides both logits; no gamma^2.
        direction: See :func:`match_by_divergence`.

    Returns:
        (N,) float64 divergences in nats, >= 0.

    Raises:
        ValueError: If the shapes differ, the temperature is not positive or the direction is
            unknown.
    """
    if student_logits.shape != teacher_logits.shape:
        raise ValueError(
            "Divergences of pairs need one teacher row a student row, but the logits are "
            f"{tuple(student_logits.shape)} and {tuple(teacher_logits.shape)}."
        )
    log_s = _log_softmax(student_logits, temperature, direction)
    log_t = _log_softmax(teacher_logits, temperature, direction)
    p, q = (log_s, log_t) if direction == "student_teacher" else (log_t, log_s)
    return (p.exp() * (p - q)).sum(dim=-1).clamp_min(0)


def _log_softmax(logits: Tensor, temperature: float, direction: str) -> Tensor:
    """Logarithms of the softened distribution, in float64 so that near ties stay apart."""
    if direction not in DIRECTIONS:
        raise unknown("direction", direction, DIRECTIONS, "dynm.direction")
    if not temperature > 0:
        raise ValueError(
            f"The temperature divides the logits and must be positive, but is {temperature}."
        )
    return functional.log_softmax(logits.detach().double() / temperature, dim=-1)
