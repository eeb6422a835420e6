"""Checks that the losses share: each names the thing, the value and the way out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ackd.errors import ConfigError


def require_matrix(name: str, value: Tensor, meaning: str) -> None:
    """Reject everything that is not a floating-point (rows, columns) tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor of shape {meaning}, not a {_kind(value)}.")
    if value.ndim != 2:
        raise ValueError(f"{name} must have the shape {meaning}, but it has {_shape(value)}.")
    if not value.is_floating_point():
        raise TypeError(f"{name} must hold floating-point numbers, but it holds {value.dtype}.")


def require_logits(student: Tensor, teacher: Tensor) -> None:
    """Reject logits that cannot be compared: other shapes, no image, a single class."""
    require_matrix("student_logits", student, "(B, C)")
    require_matrix("teacher_logits", teacher, "(B, C)")
    _require_same_shape("student_logits", student, "teacher_logits", teacher, "(B, C)")
    require_classes("student_logits", student)


def require_classes(name: str, logits: Tensor) -> None:
    """Reject empty batches and a single class, whose softmax is 1 whatever the logit."""
    if logits.shape[0] == 0:
        raise ValueError(f"{name} has the shape {_shape(logits)}: the batch holds no image.")
    if logits.shape[1] < 2:
        raise ValueError(
            f"{name} has the shape {_shape(logits)}, but at least two classes are needed: "
            "a softmax over one class is always 1, so nothing could be learnt from it."
        )


def require_features(
    first_name: str,
    first: Tensor,
    second_name: str,
    second: Tensor,
    reason: str,
    same_width: bool = True,
) -> None:
    """Reject features that cannot be related row by row: both must be (B, D) with B >= 2."""
    require_matrix(first_name, first, "(B, D)")
    require_matrix(second_name, second, "(B, D)")
    if same_width:
        _require_same_shape(first_name, first, second_name, second, "(B, D)")
    elif len(first) != len(second):
        raise ValueError(
            f"{first_name} and {second_name} must hold the same number of rows, "
            f"but they have {len(first)} and {len(second)}."
        )
    require_two_rows(first_name, first, reason)
    require_two_rows(second_name, second, reason)


def require_two_rows(name: str, value: Tensor, reason: str) -> None:
    """Reject a batch of fewer than two, and features without a column."""
    if value.shape[0] < 2:
        raise ValueError(
            f"{name} has the shape {_shape(value)}, but at least two rows are needed: {reason}. "
            "Drop an incomplete last batch (drop_last=True) or use larger batches."
        )
    if value.shape[1] == 0:
        raise ValueError(f"{name} has the shape {_shape(value)}: it holds no feature.")


def require_target(target: Tensor, logits: Tensor) -> None:
    """Reject targets that are not one class index for each row of ``logits``."""
    if not isinstance(target, Tensor):
        raise TypeError(f"target must be a tensor of shape (B,), not a {_kind(target)}.")
    if target.shape != logits.shape[:1]:
        raise ValueError(
            f"target must have the shape ({logits.shape[0]},), one class index for each image, "
            f"but it has {_shape(target)}."
        )
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise TypeError(f"target must hold integer class indices, but it holds {target.dtype}.")
    # On an accelerator this comparison would wait for the device in every step.
    if target.device.type == "cpu" and not torch.compiler.is_compiling():
        lowest, highest = int(target.min()), int(target.max())
        if lowest < 0 or highest >= logits.shape[1]:
            wrong = lowest if lowest < 0 else highest
            raise ValueError(
                f"target holds the class index {wrong}, but there are {logits.shape[1]} classes: "
                f"indices run from 0 to {logits.shape[1] - 1}."
            )


def require_valid(valid: Tensor, images: Tensor) -> Tensor:
    """Reject masks of valid pixels that do not fit a batch; return them as (B, H, W)."""
    if not isinstance(valid, Tensor) or valid.dtype != torch.bool:
        kind = valid.dtype if isinstance(valid, Tensor) else _kind(valid)
        raise TypeError(
            f"valid must be a tensor of bool, True where a pixel counts, but it is {kind}. A mask "
            "of 0 and 1 becomes one by .bool()."
        )
    fits = valid.ndim == 3 or (valid.ndim == 4 and valid.shape[1] == 1)
    if not fits or len(valid) != len(images) or not valid.numel():
        raise ValueError(
            f"valid must have the shape ({len(images)}, H, W) or ({len(images)}, 1, H, W), but it "
            f"has {_shape(valid)}."
        )
    return valid.reshape(len(valid), *valid.shape[-2:])


def require_positive(name: str, value: float, error: type[ValueError] = ValueError) -> None:
    """Reject a number that is not finite and > 0."""
    if not _is_number(value) or not value > 0:
        raise error(f"{name} must be a finite number > 0, but it is {value!r}.")


def require_not_negative(name: str, value: float, error: type[ValueError] = ValueError) -> None:
    """Reject a number that is not finite and >= 0."""
    if not _is_number(value) or not value >= 0:
        raise error(f"{name} must be a finite number >= 0, but it is {value!r}.")


def require_not_positive(name: str, value: float, error: type[ValueError] = ValueError) -> None:
    """Reject a number that is not finite and <= 0."""
    if not _is_number(value) or not value <= 0:
        raise error(f"{name} must be a finite number <= 0, but it is {value!r}.")


def require_finite(name: str, value: float, error: type[ValueError] = ValueError) -> None:
    """Reject what is not a finite number."""
    if not _is_number(value):
        raise error(f"{name} must be a finite number, but it is {value!r}.")


def require_option(name: str, value: bool) -> None:
    """Reject a switch that is neither true nor false."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be true or false, but it is {value!r}.")


def require_epoch(epoch: int) -> None:
    """Reject an epoch before the first one, which has the number 0."""
    if epoch < 0:
        raise ValueError(f"epoch must be >= 0 (the first epoch is 0), but it is {epoch}.")


def _require_same_shape(
    first_name: str, first: Tensor, second_name: str, second: Tensor, meaning: str
) -> None:
    if first.shape != second.shape:
        raise ValueError(
            f"{first_name} and {second_name} must have the same shape {meaning}, "
            f"but they have {_shape(first)} and {_shape(second)}."
        )


_NUMBERS = (int, float)  # not `int | float`, which torch 2.6 does not compile


def _is_number(value: object) -> bool:
    # bool is an int in Python, yet True as a temperature is a mistake.
    return isinstance(value, _NUMBERS) and not isinstance(value, bool) and math.isfinite(value)


def _shape(value: Tensor) -> str:
    return str(tuple(value.shape))


def _kind(value: object) -> str:
    return type(value).__name__
