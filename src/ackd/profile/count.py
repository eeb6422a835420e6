"""What follows from a network alone: parameters and multiply-adds."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from ackd.export.graph import AnyStudent, StudentGraph, example

__all__ = ["Counts", "count"]


class Counts(NamedTuple):
    """What a network has.

    Attributes:
        parameters: Weights, without statistics of batch normalization.
        multiply_adds: Of convolutions and matrix products for one image; a multiplication and an
            addition are one. Normalizations, activations and resizing are not counted.
    """

    parameters: int
    multiply_adds: int


def count(student: AnyStudent, size: tuple[int, int]) -> Counts:
    """Count the parameters and multiply-adds of a student.

    Args:
        student: Whose.
        size: (H, W) of the image.
    """
    image = example(student, size).to(student.device)
    counter = FlopCounterMode(display=False)
    # Gradients are off in any case; inference tensors would hide operators from the counter.
    with torch.no_grad(), counter:
        StudentGraph(student).to(student.device).eval()(image)
    parameters = sum(parameter.numel() for parameter in student.network.parameters())
    return Counts(parameters, counter.get_total_flops() // 2)
