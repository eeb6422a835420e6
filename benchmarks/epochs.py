"""An epoch through the Trainer: loader, callbacks, logging, validation, checkpoints."""

from __future__ import annotations

import itertools
import logging
import statistics
import tempfile
import warnings
from pathlib import Path

import lightning.pytorch as pl

from ackd.stages.context import SceneContext
from ackd.stages.fitting import fit
from ackd.tracking.loggers import run_loggers
from benchmarks.arms import ARMS, configure, make_arm, noise
from benchmarks.measure import Seconds, compare, mark
from benchmarks.scale import Scale
from benchmarks.section import SPREAD, Row, Section

__all__ = ["run"]

log = logging.getLogger("benchmarks")

EPOCHS = 4
"""The first one warms up, and in the last one the transport cost is measured."""


class Laps(pl.Callback):
    """What each epoch took, from its start to that of the next."""

    def __init__(self) -> None:
        self._marks: list[Seconds] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begin a lap."""
        self._marks.append(mark())

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """End the last one."""
        self.on_train_epoch_start(trainer, pl_module)

    @property
    def laps(self) -> list[Seconds]:
        """One an epoch."""
        marks = self._marks
        return [Seconds(b.wall - a.wall, b.busy - a.busy) for a, b in itertools.pairwise(marks)]


def run(scale: Scale) -> Section:
    """Measure every pairing at the first size.

    Columns: the plain epoch in seconds of processor time, its images a second by the wall clock,
    each other arm as a ratio to it, and ``with transport``: an epoch of SemBridge (stored) at whose
    end the transport cost is measured, one in five by default. Epochs before which pairs change are
    not among them; see the stages.
    """
    size, batch = next(iter(scale.batches.items()))
    rows: dict[str, Row] = {}
    images = scale.epoch_batches * batch
    for pairing in scale.pairings:
        log.info("epochs of %s", pairing)
        with tempfile.TemporaryDirectory() as folder:
            rows[f"{pairing} {size} px, {images}"] = _measure(
                pairing, size, batch, images, scale.long_turns, Path(folder)
            )
    title = "Epoch through the Trainer over the plain student's (pixels, images an epoch)"
    return Section("epochs", title, rows, frozenset({"plain s", "plain images/s"}))


def _measure(pairing: str, size: int, batch: int, images: int, turns: int, folder: Path) -> Row:
    bench = noise(images, images, size)
    ordinary: dict[str, list[Seconds]] = {arm: [] for arm in ARMS}
    last: list[Seconds] = []
    for turn in range(turns):
        for arm, chosen in ARMS.items():
            config = configure(
                pairing, folder, *chosen, "matching=random", f"student.batch_size={batch}",
                f"student.max_epochs={EPOCHS}", "dynm.enabled=false", f"transport.every={EPOCHS}",
            )  # fmt: skip
            laps = _fit(SceneContext(config, bench), folder / f"{arm}-{turn}".replace(" ", "-"))
            middle = laps[1:-1]
            ordinary[arm].append(
                Seconds(
                    statistics.fmean(lap.wall for lap in middle),
                    statistics.fmean(lap.busy for lap in middle),
                )
            )
            if arm == "sembridge stored":
                last.append(laps[-1])
    timings = compare({**ordinary, "with transport": last})
    plain = timings["plain"]
    row: Row = {"plain s": plain.busy, "plain images/s": images / plain.wall}
    for name in [*list(ARMS)[1:], "with transport"]:
        row |= {name: timings[name].ratio, name + SPREAD: timings[name].spread}
    return row


def _fit(context: SceneContext, folder: Path) -> list[Seconds]:
    arm, laps = make_arm(context, folder / "store"), Laps()
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings(), run_loggers(context.config, "student", folder) as loggers:
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        task = arm.lesson.module.task
        fit(
            arm.lesson.module, arm.data, context.config, stage="student", folder=folder, seed=0,
            max_epochs=EPOCHS, monitor=task.monitor, mode=task.mode,
            loggers=loggers, callbacks=[*arm.lesson.callbacks, laps],
        )  # fmt: skip
    return laps.laps
