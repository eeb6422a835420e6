"""The time of one training step, as ratios to the student alone, beside the method's floor."""

from __future__ import annotations

import logging
import tempfile
import warnings
from pathlib import Path

import torch

from ackd.backbones import Backbone
from ackd.stages.context import SceneContext
from ackd.utils.networks import eval_mode
from benchmarks.arms import ARMS, Arm, configure, make_arm, noise, step_of, teacher_of
from benchmarks.device import chosen
from benchmarks.floor import matrix_rate, operations, products
from benchmarks.measure import in_turns
from benchmarks.scale import Scale
from benchmarks.section import SPREAD, Row, Section

__all__ = ["run", "step_arm"]

log = logging.getLogger("benchmarks")


def run(scale: Scale) -> Section:
    """Measure every pairing at every size.

    Columns: the plain step in seconds (of processor time; on an accelerator by the wall clock);
    each other arm as a ratio to it; ``arithmetic``: the operations of a SemBridge step (stored)
    over those of a plain step; ``floor``: 1 + the time of the products alone over that of the plain
    step; ``over floor``: SemBridge stored over the floor; ``images/s`` of SemBridge (stored);
    ``plain share`` and ``share``: operations a second of both in products and convolutions, over
    those of one large product.
    """
    rows: dict[str, Row] = {}
    rate = matrix_rate()
    for size, batch in scale.batches.items():
        for pairing in scale.pairings:
            log.info("steps of %s at %d px", pairing, size)
            with tempfile.TemporaryDirectory() as folder:
                rows[f"{pairing} {size} px, {batch}"] = _measure(
                    pairing, size, batch, scale.turns, rate, Path(folder)
                )
    title = "Step time over the plain student's (teacher/student, pixels, images a batch)"
    return Section("steps", title, rows, frozenset({"plain s", "images/s"}))


def step_arm(name: str, pairing: str, size: int, batch: int, folder: Path, *options: str) -> Arm:
    """An arm with two batches of images, with options of its own."""
    overrides = (*ARMS[name], "matching=random", f"student.batch_size={batch}", *options)
    config = configure(pairing, folder, *overrides)
    context = SceneContext(config, noise(2 * batch, 2 * batch, size))
    return make_arm(context, folder / name.replace(" ", "-"))


def _measure(pairing: str, size: int, batch: int, turns: int, rate: float, folder: Path) -> Row:
    with warnings.catch_warnings():
        # Outside of a Trainer there is nobody to log to, and nothing to log.
        warnings.filterwarnings("ignore", message="You are trying to `self.log")
        arms = {name: step_arm(name, pairing, size, batch, folder) for name in ARMS}
        steps = {name: step_of(arm) for name, arm in arms.items()}
        student = arms["plain"].lesson.module.backbone
        teacher = teacher_of(arms["kd live"].context).to(chosen())
        patches = min(_patches(network, size) for network in (student, teacher))
        alone = products(student, teacher, batch, patches)
        timings = in_turns({**steps, "products": alone}, turns)
        plain, bridged = (operations(steps[arm]) for arm in ("plain", "sembridge stored"))
    row: Row = {"plain s": timings["plain"].busy}
    for arm in list(ARMS)[1:]:
        row |= {arm: timings[arm].ratio, arm + SPREAD: timings[arm].spread}
    floor = 1 + timings["products"].ratio
    row |= {
        "arithmetic": bridged / plain,
        "floor": floor,
        "over floor": row["sembridge stored"] / floor,
        "images/s": batch / timings["sembridge stored"].wall,
        "plain share": plain / timings["plain"].wall / rate,
        "share": bridged / timings["sembridge stored"].wall / rate,
    }
    return row


@torch.no_grad()
def _patches(network: Backbone, size: int) -> int:
    with eval_mode(network):
        height, width = network(torch.zeros(1, network.bands, size, size, device=chosen())).grid
    return height * width
