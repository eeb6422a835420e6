"""What the named approximations save of a SemBridge step.

What they cost in accuracy is measured on images, not on noise: see `experiments/approximations`.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

from benchmarks.arms import step_of
from benchmarks.measure import in_turns
from benchmarks.scale import Scale
from benchmarks.section import SPREAD, Row, Section
from benchmarks.steps import step_arm

__all__ = ["run"]

log = logging.getLogger("benchmarks")

NARROW = 4
"""The fraction of z's width that a narrower Planner has."""


def run(scale: Scale) -> Section:
    """Measure them where the Planner weighs most, beside the smallest student.

    Columns: a step in seconds of processor time, and its ratio to the exact one.
    """
    size, batch = next(iter(scale.batches.items()))
    pairing = "S/S" if "S/S" in scale.pairings else scale.pairings[0]
    log.info("approximations of %s", pairing)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are trying to `self.log")
        steps = _steps(pairing, size, batch, Path(folder))
        timings = in_turns(steps, scale.turns)
    rows: dict[str, Row] = {
        f"{pairing} {size} px, {batch}: {name}": {
            "step s": t.busy, "ratio": t.ratio, "ratio" + SPREAD: t.spread,
        }
        for name, t in timings.items()
    }  # fmt: skip
    title = "Step time of the approximations over the exact SemBridge step"
    return Section("approximations", title, rows, frozenset({"step s"}))


def _steps(pairing: str, size: int, batch: int, folder: Path) -> dict[str, Callable[[], None]]:
    def made(name: str, *options: str, bf16: bool = False) -> Callable[[], None]:
        arm = step_arm("sembridge stored", pairing, size, batch, folder / name, *options)
        return step_of(arm, bf16=bf16)

    exact = step_arm("sembridge stored", pairing, size, batch, folder / "exact")
    assert exact.lesson.module.teacher is not None
    width = exact.lesson.module.teacher.z_dim // NARROW
    return {
        "exact": step_of(exact),
        f"planner.dim={width}": made("narrow", f"planner.dim={width}"),
        "trainer.precision=bf16-mixed": made("autocast", bf16=True),
    }
