"""CORAL by shape: three B x B products against two D x D covariances, value and gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ackd.losses import coral
from benchmarks.device import chosen
from benchmarks.measure import in_turns
from benchmarks.scale import Scale
from benchmarks.section import SPREAD, Row, Section

__all__ = ["run"]

DIRECT = 2**34
"""Multiplications of a covariance beyond which the slow path is not waited for."""


def run(scale: Scale) -> Section:
    """Measure every shape.

    Columns: ``gram ms``; ``direct``, the covariances' time over it; ``difference``, of both values
    relative to the direct one.
    """
    rows: dict[str, Row] = {}
    for batch, width in scale.coral:
        arms = {"gram": step(batch, width, "gram")}
        if batch * width * width < DIRECT:
            arms["direct"] = step(batch, width, "direct")
        timings = in_turns(arms, scale.turns)
        row: Row = {"gram ms": 1e3 * timings["gram"].busy}
        if "direct" in timings:
            row |= {"direct": timings["direct"].ratio, "direct" + SPREAD: timings["direct"].spread}
            gram, direct = arms["gram"](), arms["direct"]()
            row["difference"] = abs(gram - direct) / direct
        rows[f"{batch} x {width}"] = row
    title = "CORAL, value and gradient, by images x features"
    return Section("coral", title, rows, frozenset({"gram ms", "difference"}))


def step(rows: int, width: int, path: Any) -> Callable[[], float]:
    """Value and gradient of one call; the teacher's side is constant."""
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(rows, width, generator=generator).to(chosen()).requires_grad_()
    teacher = torch.randn(rows, width, generator=generator).to(chosen())

    def call() -> float:
        student.grad = None
        value = coral(teacher, student, path=path)
        value.backward()
        return value.item()

    return call
