"""Scene classification: the whole pipeline on the embedded data, and a table with intervals.

One teacher and one matcher are trained. Three kinds of students share them, each trained with
several seeds: here the seed changes a student's accuracy as much as the method does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir
from numpy.typing import NDArray
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from ackd.config.location import config_dir
from ackd.errors import ConfigError

__all__ = ["STUDENTS", "Accuracy", "accuracy_of", "ranking", "run"]

STUDENTS = {
    "baseline": "student, no distillation",
    "kd": "student, Vanilla KD on random pairs",
    "sembridge": "student, SemBridge",
}
LEVEL = 0.95


@dataclass(frozen=True)
class Accuracy:
    """A share of the test images in 0 ... 1 with its 95 % interval.

    Attributes:
        seeds: Of each seed.
        low: Lower end of the interval of their mean.
        high: Upper end.
    """

    seeds: tuple[float, ...]
    low: float
    high: float

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.seeds))


@dataclass(frozen=True)
class Runs:
    """The runs of one method, one for each seed: their results and which images they got right."""

    results: list[dict[str, Any]]
    correct: list[list[bool]]


def accuracy_of(correct: NDArray[np.bool_]) -> Accuracy:
    """Measure accuracy with the interval that test images and seeds together leave.

    One seed has Wilson's interval, which covers the choice of test images alone. With several, the
    variance of the images' mean correctness and that of the seeds (Student's t) are added.

    Args:
        correct: (S, N), whether the network of each seed classified each image correctly.
    """
    # Late: SciPy takes a second to load, which the first line need not wait for.
    from scipy import stats

    from ackd.analysis.statistics import wilson

    seeds, images = correct.shape
    each = tuple(float(value) for value in correct.mean(axis=1))
    if seeds == 1:
        return Accuracy(each, *wilson(float(correct.mean()), images, level=LEVEL))
    upper = (1 + LEVEL) / 2
    of_images = stats.norm.ppf(upper) * correct.mean(axis=0).std(ddof=1) / math.sqrt(images)
    of_seeds = stats.t.ppf(upper, seeds - 1) * np.std(each, ddof=1) / math.sqrt(seeds)
    middle, half = float(np.mean(each)), float(np.hypot(of_images, of_seeds))
    return Accuracy(each, max(0.0, middle - half), min(1.0, middle + half))


def ranking(students: Mapping[str, Accuracy]) -> str:
    """Say which students differ by more than chance: those whose intervals do not overlap."""
    apart = [
        f"{better} is above {worse}"
        for better, high in students.items()
        for worse, low in students.items()
        if high.low > low.high
    ]
    if not apart:
        return (
            "The students' intervals overlap, so the table ranks none of them: it shows that each "
            "way of training works, not which is better."
        )
    return (
        f"By more than chance: {'; '.join(apart)}. Where intervals overlap, read no ranking out of "
        "the table."
    )


def run(given: list[str], seeds: int) -> None:
    """Train everything and print the accuracy of the teacher and the students with intervals.

    Args:
        given: Options of ackd.train, as Hydra reads them.
        seeds: Of each kind of student.
    """
    from ackd.train import train

    began = time.perf_counter()
    print(
        f"ackd.demo: a teacher, a matcher and {len(STUDENTS) * seeds} students; loading PyTorch",
        flush=True,
    )
    first = _compose(given, "sembridge").seed
    jobs = [
        (method, _compose([*given, f"seed={first + turn}"], method))
        for turn in range(seeds)
        for method in STUDENTS
    ]
    # Late: it loads PyTorch, which neither the first line nor a wrong option need wait for.
    from ackd.report.predictions import read_predictions

    runs = {method: Runs([], []) for method in STUDENTS}
    for method, cfg in jobs:
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
        folder = Path(cfg.outputs).expanduser() / "demo" / f"{method}-s{cfg.seed}" / stamp
        runs[method].results.append(train(cfg, folder))
        scores = read_predictions(folder / "predictions.csv").scores()
        runs[method].correct.append([bool(scores[file]) for file in sorted(scores)])
    _print(runs, time.perf_counter() - began)


def _compose(given: list[str], method: str) -> DictConfig:
    """Compose one of the runs and find its mistakes, before any of them starts."""
    taken = [word for word in given if word.lstrip("+").partition("=")[0] in ("method", "until")]
    if taken:
        raise ConfigError(
            f"The demo runs {', '.join(STUDENTS)} to the end, so it takes no {taken[0]}; for one "
            f"of them: python -m ackd.train {taken[0]}"
        )
    from ackd.train import check

    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        cfg = compose("train", overrides=["name=demo", f"method={method}", *given])
    check(cfg)
    return cfg


def _print(runs: dict[str, Runs], seconds: float) -> None:
    from ackd.tasks import task_of_result

    one = runs["sembridge"].results[0]
    share = task_of_result(one["student"]).compared
    data = one["data"]
    students = {STUDENTS[m]: accuracy_of(np.array(each.correct)) for m, each in runs.items()}
    tests = {side: sizes["test"] for side, sizes in data["split_sizes"].items()}
    seeds = len(runs["sembridge"].results)
    table = Table(
        title=f"{data['name']}: {len(data['classes'])} classes, test images of the "
        f"{one['protocol']} protocol, {seconds:.0f} s in all"
    )
    head = share.head + share.unit
    for name in ("", "sees", "backbone", head, "95 % interval", f"{head} of each seed"):
        table.add_column(name, justify="right" if "%" in name else "left", no_wrap=True)
    bands = {side: f"{side.upper()}, {len(names)} bands" for side, names in data["bands"].items()}
    reached = one["teacher"]["metrics"].get(share.name)
    taught = [] if reached is None else _cells(_of_teacher(reached, tests["ms"]))
    table.add_row("teacher", bands["ms"], one["teacher"]["backbone"], *taught)
    for name, found in students.items():
        table.add_row(name, bands["rgb"], one["student"]["backbone"], *_cells(found))
    console = Console(width=max(120, Console().width))
    console.print(table)
    console.print(
        f"{share.head}: share of the test images that are classified correctly, {tests['ms']:,} "
        f"for the teacher and {tests['rgb']:,} for each student. "
        + (
            f"The teacher's interval covers the choice of test images (Wilson); a student's covers "
            f"test images and {seeds} seeds together (Student's t)."
            if seeds > 1
            else "The intervals cover the choice of test images (Wilson) and not that of the seed, "
            "which changes a student more."
        )
    )
    console.print(ranking(students))


def _of_teacher(share: float, images: int) -> Accuracy:
    hits = np.arange(images) < round(share * images)
    return accuracy_of(hits[None])


def _cells(found: Accuracy) -> tuple[str, str, str]:
    each = "  ".join(f"{100 * value:.1f}" for value in found.seeds)
    return f"{100 * found.mean:.1f}", f"{100 * found.low:.1f} to {100 * found.high:.1f}", each
