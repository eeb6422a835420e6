"""The student's stage as a whole, against Vanilla KD, and the paper's Table 8 by its definition."""

from __future__ import annotations

import logging
import statistics
import tempfile
import warnings
from pathlib import Path
from typing import Any

from ackd.stages.context import SceneContext
from ackd.stages.pipeline import run_pipeline
from benchmarks.arms import ARMS, configure, noise
from benchmarks.measure import Seconds, compare, once
from benchmarks.scale import Scale
from benchmarks.section import SPREAD, Row, Section

__all__ = ["run"]

log = logging.getLogger("benchmarks")

COMPARED = ("kd live", "kd stored", "sembridge stored")
EPOCHS, REMATCHES = 200, 4
"""Of the paper's S2S-EU runs, which a short run is carried over to by its parts."""

PARTS = ("store", "galleries", "distill", "dynm", "planner")
Parts = dict[str, float]


def run(scale: Scale) -> Section:
    """Measure runs whose teacher and matcher are at hand, one re-match among their epochs.

    Columns: Vanilla KD with a live teacher in seconds of processor time; Vanilla KD with a stored
    teacher and SemBridge over it, as run here; ``at 200``: the same for 200 epochs and 4 re-matches
    by the wall clock's seconds of the parts (store pass, galleries and SSM, re-matches, epochs);
    ``Table 8``: (DynM + Planner) / Vanilla KD at that length, the latter with a live teacher as in
    the paper; ``matcher epoch``: an epoch of the matcher's training over one of Vanilla KD.
    """
    size, batch = next(iter(scale.batches.items()))
    images = scale.stage_batches * batch
    rows: dict[str, Row] = {}
    for pairing in scale.stages:
        with tempfile.TemporaryDirectory() as folder:
            rows[f"{pairing} {size} px, {images}"] = _measure(
                pairing, size, batch, images, scale, Path(folder)
            )
    title = "Student stage over Vanilla KD with a live teacher (pixels, images an epoch)"
    return Section("stages", title, rows, frozenset({"kd live s"}))


def _measure(pairing: str, size: int, batch: int, images: int, scale: Scale, folder: Path) -> Row:
    # As many of both, so that an epoch of the matcher has as many images as one of the student.
    bench, epochs = noise(images, images, size), scale.stage_epochs
    taken: dict[str, list[Seconds]] = {arm: [] for arm in COMPARED}
    parts: dict[str, list[Parts]] = {arm: [] for arm in COMPARED}
    matcher = 0.0
    for turn in range(scale.long_turns + 1):
        log.info("stages of %s, turn %d of %d", pairing, turn, scale.long_turns)
        for arm in COMPARED:
            config = configure(
                pairing, folder, *ARMS[arm], f"student.max_epochs={epochs}", "force=[store]",
                "teacher.max_epochs=1", "matcher.max_epochs=1", "dynm.e0=1", "dynm.count=1",
                f"dynm.reference_epochs={epochs}", *_matcher(pairing),
                *(f"{stage}.batch_size={batch}" for stage in ("teacher", "matcher", "student")),
            )  # fmt: skip
            context = SceneContext(config, bench)
            result: dict[str, Any] = {}
            place = folder / f"{arm}-{turn}".replace(" ", "-")
            seconds = once(lambda c=context, p=place, r=result: r.update(_run(c, p)))
            if turn:  # the first turn trains teacher and matcher
                taken[arm].append(seconds)
                parts[arm].append({name: result["seconds"][name] for name in PARTS})
            matcher = max(matcher, result["seconds"]["matcher"])
    return _row(taken, parts, matcher, epochs)


def _row(
    taken: dict[str, list[Seconds]], parts: dict[str, list[Parts]], matcher: float, epochs: int
) -> Row:
    timings = compare(taken)
    row: Row = {"kd live s": timings["kd live"].busy}
    for arm in COMPARED[1:]:
        row |= {arm: timings[arm].ratio, arm + SPREAD: timings[arm].spread}
        row[f"{arm} at {EPOCHS}"] = statistics.median(
            _carried(own, epochs) / _carried(live, epochs)
            for own, live in zip(parts[arm], parts["kd live"], strict=True)
        )
    pairs = list(zip(parts["sembridge stored"], parts["kd live"], strict=True))
    row["Table 8"] = statistics.median(
        (REMATCHES * own["dynm"] + EPOCHS / epochs * own["planner"])
        / (EPOCHS / epochs * live["distill"])
        for own, live in pairs
    )
    row["matcher epoch"] = matcher / statistics.median(
        live["distill"] / epochs for _, live in pairs
    )
    return row


def _carried(parts: Parts, epochs: int) -> float:
    """Seconds of a run of the paper's length; one re-match was measured."""
    fixed = parts["store"] + parts["galleries"] + REMATCHES * parts["dynm"]
    return fixed + EPOCHS * (parts["distill"] - parts["dynm"]) / epochs


def _matcher(pairing: str) -> tuple[str, ...]:
    """The paper's experiments match with a ResNet34, whatever the teacher and the student."""
    return () if pairing == "T/T" else ("backbone@matcher.backbone=resnet34",)


def _run(context: SceneContext, folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True)
    level = logging.getLogger("ackd").level
    for name in ("ackd", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return run_pipeline(context, folder, resume=False)
    finally:
        logging.getLogger("ackd").setLevel(level)
