"""Whether the Planner has anything to plan: how many patches the networks give."""

from __future__ import annotations

import logging

import torch

from ackd.backbones import Backbone
from ackd.data.benchmark import Benchmark, SceneSet
from ackd.utils.networks import eval_mode

__all__ = ["warn_of_a_single_patch"]

log = logging.getLogger("ackd")


def warn_of_a_single_patch(benchmark: Benchmark, teacher: Backbone, student: Backbone) -> None:
    """Say so where one of the two sides has a single patch, to which the other is then pooled.

    Args:
        benchmark: Tells how large the images are.
        teacher: The MS network.
        student: The RGB network.
    """
    sides = ((teacher, benchmark.ms), (student, benchmark.rgb))
    (rows_t, columns_t), (rows_s, columns_s) = (_grid(*side) for side in sides)
    if 1 in (rows_t * columns_t, rows_s * columns_s):
        log.warning(
            "the Planner has nothing to plan: the patch grid is %dx%d for the teacher's images "
            "(%dx%d pixels) and %dx%d for the student's (%dx%d pixels), and L_ot1 compares the "
            "smaller grid. With one patch its weight is 1, and L_ot1 aligns the same features as "
            "L_ot2 where zbar is the mean patch. Use larger images or a network with a smaller "
            "stride, or switch it off (ska.ot1=false)",
            rows_t, columns_t, *benchmark.ms.images.shape[2:],
            rows_s, columns_s, *benchmark.rgb.images.shape[2:],
        )  # fmt: skip


def _grid(network: Backbone, scenes: SceneSet) -> tuple[int, int]:
    """Rows and columns of the patches, asked of a black image; no generator is drawn from."""
    device = next(network.parameters()).device
    with eval_mode(network), torch.no_grad():
        return network(torch.zeros(1, *scenes.images.shape[1:], device=device)).grid  # type: ignore[no-any-return]
