"""Reconstruction of a teacher's feature maps by their cosine.

Nair and Haensch, "Let me show you how it's done - Cross-modal knowledge distillation as pretext
task for semantic segmentation", CVPR Workshops, eq 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from ackd.errors import ConfigError, unknown
from ackd.losses._checks import require_valid
from ackd.ops.precision import full_precision

CosineOver = Literal["layer", "position"]
# Here, since torch 2.6 compiles neither get_args nor the union of two types.
_OVERS, _LISTS = get_args(CosineOver), (list, tuple)


@full_precision
def cosine_reconstruction(
    student_maps: Sequence[Tensor],
    teacher_maps: Sequence[Tensor],
    valid: Tensor | None = None,
    over: CosineOver = "layer",
) -> Tensor:
    """Return 1 - mean over layers of the cosine of both networks' maps, Nair and Haensch eq 2.

        L = 1 - (1 / |L|) sum_l cos(phi_l^S, phi_l^T)

    - ``layer``: the map of an image is one vector of C h w numbers; the mean is over images.
    - ``position``: the channels of a pixel are one vector; the mean is over all valid pixels of the
      batch. The cosine of two numbers is their sign, so it refuses a layer with one channel.

    A pixel of a layer is valid if more than half of the area under it is. Pixels that are not valid
    count as zeros on both sides, whatever they hold, NaN included. Images (or pixels) without a
    valid part are left out of a layer's mean, and layers without any out of the mean over layers;
    where nothing is valid the loss is 0 with a zero gradient. A vector of zeros has no direction:
    its cosine is 0, without a gradient.

    The cosine is blind to scale. Give logits, not probabilities, for a last layer: half of a
    probability is another answer with cosine 1.

    Args:
        student_maps: One (B, C_l, h_l, w_l) for each layer.
        teacher_maps: The same shapes; constants, no gradient reaches them.
        valid: (B, H, W) or (B, 1, H, W) bool, at the resolution of the input; None for all.
        over: One of the two above.

    Returns:
        A scalar in [0, 2], in float32 or better.

    Raises:
        ConfigError: ``over`` is unknown, or is "position" for a layer with one channel.
        TypeError: Maps are not floating-point tensors, or ``valid`` is not bool.
        ValueError: There is no layer, or numbers of layers or shapes differ.
    """
    sums, counts = layer_cosines(student_maps, teacher_maps, valid, over)
    # Multiplied, not branched upon: a branch would wait for the accelerator in every step.
    there = counts > 0
    losses = there * (1.0 - sums / counts.clamp(min=1))
    return losses.sum() / there.sum().clamp(min=1)


@full_precision
def layer_cosines(
    student_maps: Sequence[Tensor],
    teacher_maps: Sequence[Tensor],
    valid: Tensor | None = None,
    over: CosineOver = "layer",
) -> tuple[Tensor, Tensor]:
    """Return what :func:`cosine_reconstruction` is made of, e.g. to add it up over processes.

    Args:
        student_maps: See there.
        teacher_maps: See there.
        valid: See there.
        over: See there.

    Returns:
        (L,) the sum of the cosines of each layer, over images or pixels that count, and (L,) int64
        how many these are.
    """
    _check(student_maps, teacher_maps, over)
    if valid is not None:
        valid = require_valid(valid, student_maps[0]).unsqueeze(1)
    sums: list[Tensor] = []
    counts: list[Tensor] = []
    for student, teacher in zip(student_maps, teacher_maps, strict=True):
        mask = _valid_at(student, valid)
        cosines, present = _cosines(student, teacher.detach(), mask, over)
        sums.append((cosines * present).sum())
        counts.append(present.sum())
    return torch.stack(sums), torch.stack(counts)


def _valid_at(layer: Tensor, valid: Tensor | None) -> Tensor:
    """Validity at the resolution of a layer, (B, 1, h, w) bool."""
    if valid is None:
        return layer.new_ones((len(layer), 1, *layer.shape[2:]), dtype=torch.bool)
    return F.adaptive_avg_pool2d(valid.float(), (layer.shape[2], layer.shape[3])) > 0.5


def _cosines(
    student: Tensor, teacher: Tensor, mask: Tensor, over: CosineOver
) -> tuple[Tensor, Tensor]:
    """The cosines of a layer, (B,) or (B, h, w), and which of them count."""
    # Not a product with the mask: 0 times NaN is NaN.
    student, teacher = student.where(mask, 0.0), teacher.where(mask, 0.0)
    if over == "layer":
        student, teacher, present = student.flatten(1), teacher.flatten(1), mask.flatten(1).any(1)
    else:
        present = mask.squeeze(1)
    cosines = F.cosine_similarity(student, teacher, dim=1)
    # Near zero its gradient grows without bound, and at zero it is that of its safeguard.
    directed = (student.detach() != 0).any(1) & (teacher != 0).any(1)
    return cosines.where(directed, 0.0), present


def _check(student: Sequence[Tensor], teacher: Sequence[Tensor], over: CosineOver) -> None:
    if over not in _OVERS:
        raise unknown("cosine", str(over), _OVERS, "over")
    if not isinstance(student, _LISTS) or not isinstance(teacher, _LISTS):
        raise TypeError("student_maps and teacher_maps must be lists with one tensor per layer.")
    if len(student) != len(teacher) or not student:
        raise ValueError(
            "student_maps and teacher_maps must hold one map for each of the same layers, but they "
            f"hold {len(student)} and {len(teacher)}."
        )
    for place, (ours, theirs) in enumerate(zip(student, teacher, strict=True)):
        if ours.ndim != 4 or ours.shape != theirs.shape or not ours.numel():
            raise ValueError(
                f"The maps of layer {place} must both have the same shape (B, C, h, w), but they "
                f"have {tuple(ours.shape)} (student) and {tuple(theirs.shape)} (teacher)."
            )
        if not ours.is_floating_point() or not theirs.is_floating_point():
            raise TypeError(
                f"The maps of layer {place} must hold floating-point numbers, but they hold "
                f"{ours.dtype} (student) and {theirs.dtype} (teacher)."
            )
        if len(ours) != len(student[0]):
            raise ValueError(
                f"All layers must be of the same images, but layer 0 has {len(student[0])} and "
                f"layer {place} has {len(ours)}."
            )
        if over == "position" and ours.shape[1] == 1:
            raise ConfigError(
                f"over=position compares the channels of each pixel, but layer {place} has one "
                "channel: the cosine is 1 or -1 there and has no gradient. Set over=layer, or "
                "leave that layer out."
            )
