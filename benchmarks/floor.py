"""The matrix products that SemBridge adds to a step, and nothing else of it.

No implementation of the method as printed can do with less time than its products take alone: the
Planner's queries and keys (eq 17), CORAL's three products of the batch with itself (eqs 29-31), the
projection where widths differ, and for all of these the products of the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from ackd.backbones import Backbone
from benchmarks.device import chosen
from benchmarks.measure import once

__all__ = ["matrix_rate", "operations", "products"]

Shape = tuple[int, ...]


def products(student: Backbone, teacher: Backbone, batch: int, patches: int) -> Callable[[], None]:
    """Return a function that multiplies once all that a step has to.

    Args:
        student: For its widths.
        teacher: For its widths.
        batch: B, images.
        patches: N, of the smaller grid.
    """
    rows = batch * patches
    shapes: list[tuple[int, int, int]] = []
    # Both Planners: queries and keys, and the gradient of both weights. Only the student's patches
    # need a gradient themselves.
    width = teacher.z_dim
    shapes += 4 * [(rows, width, width)] + 4 * [(width, rows, width)] + 2 * [(rows, width, width)]
    pairs = ((rows, student.z_dim, width), (batch, student.zbar_dim, teacher.zbar_dim))
    for samples, narrow, wide in pairs:
        if narrow != wide:
            shapes += [(samples, narrow, wide), (narrow, samples, wide), (samples, wide, narrow)]
    # L_ot1 trains the Planner on the teacher's side, so both sides of it need a gradient; the
    # teacher's zbar needs none.
    for features, sides in ((patches * width, 2), (teacher.zbar_dim, 1)):
        shapes += 3 * [(batch, features, batch)] + 2 * sides * [(batch, batch, features)]
    # One output a shape: a step's memory is warm as well.
    unique = set(shapes)
    left = {s: torch.randn(s[0], s[1], device=chosen()) for s in unique}
    right = {s: torch.randn(s[1], s[2], device=chosen()) for s in unique}
    out = {s: torch.empty(s[0], s[2], device=chosen()) for s in unique}

    def run() -> None:
        for s in shapes:
            torch.mm(left[s], right[s], out=out[s])

    return run


def operations(function: Callable[[], Any]) -> int:
    """Count the floating-point operations of all products and convolutions in a call."""

    def gram(a: Shape, *_: Any, **__: Any) -> int:
        return 2 * a[-2] * a[-2] * a[-1]

    def matmul(a: Shape, b: Shape, *_: Any, **__: Any) -> int:
        return 2 * a[-2] * a[-1] * b[-1]

    # CORAL's products are operators of ours, which torch knows no formula for.
    ours = {torch.ops.ackd.exact_gram: gram, torch.ops.ackd.exact_matmul: matmul}
    with FlopCounterMode(display=False, custom_mapping=ours) as counter:
        function()
    return int(counter.get_total_flops())


def matrix_rate() -> float:
    """Operations a second of one large float32 product, the best of a few."""
    side = 1024 if chosen().type == "cpu" else 8192
    a, b = (torch.randn(side, side, device=chosen()) for _ in range(2))
    out = torch.empty_like(a)
    fastest = min(once(lambda: torch.mm(a, b, out=out)).wall for _ in range(5))
    return 2 * side**3 / fastest
