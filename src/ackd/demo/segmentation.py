"""Segmentation of buildings: an optical teacher and three SAR students, and a table of their IoU.

The students share the teacher and its reconstruction: one learns from labels alone, one from the
teacher alone without any label, and one from the teacher first and from labels afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from ackd.config.programs import program_for
from ackd.errors import ConfigError

__all__ = ["ROWS", "run"]

ROWS = {
    "sar": "student, labels alone",
    "int": "student, reconstruction alone",
    "int_a": "student, reconstruction, then labels",
}
TAKEN = ("row", "reconstruction", "finetune", "until", "method")


def run(given: list[str], seeds: int) -> None:
    """Train everything and print the IoU of the teacher and the students with intervals.

    Args:
        given: Options of ackd.segment, as Hydra reads them.
        seeds: Of each student.
    """
    from ackd.command import train

    began = time.perf_counter()
    print(
        f"ackd.demo: an optical teacher and {len(ROWS) * seeds} SAR students; loading PyTorch",
        flush=True,
    )
    first = _compose(given, "int_a").seed
    jobs = [
        (row, _compose([*given, f"seed={first + turn}"], row))
        for turn in range(seeds)
        for row in ROWS
    ]
    results: dict[str, list[dict[str, Any]]] = {row: [] for row in ROWS}
    folders: dict[str, Path] = {}
    for row, cfg in jobs:
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
        folders[row] = Path(cfg.outputs).expanduser() / "demo" / f"{row}-s{cfg.seed}" / stamp
        results[row].append(train(cfg, folders[row]))
    _print(results, time.perf_counter() - began)
    print("Test tiles as SAR, optical, truth and prediction:")
    for row, folder in folders.items():
        for picture in sorted((folder / "pictures").glob("*.png")):
            print(f"  {ROWS[row]}: {picture}")


def _compose(given: list[str], row: str) -> DictConfig:
    """Compose one of the runs and find its mistakes, before any of them starts."""
    taken = [word for word in given if word.lstrip("+").partition("=")[0] in TAKEN]
    if taken:
        raise ConfigError(
            f"The demo runs the rows {', '.join(ROWS)} to the end, so it takes no {taken[0]}; for "
            f"one of them: python -m ackd.segment {taken[0]}"
        )
    from ackd.command import check

    program = program_for("segmentation")
    with initialize_config_dir(str(program.config_dir), version_base="1.3"):
        cfg = compose(program.primary, overrides=["+experiment=demo", f"row={row}", *given])
    check(cfg)
    return cfg


def _print(results: Mapping[str, Sequence[Mapping[str, Any]]], seconds: float) -> None:
    from ackd.tasks import task_of_result

    one = results["int_a"][0]
    task = task_of_result(one["student"])
    iou, data, seeds = task.selection, one["data"], len(results["int_a"])
    shown = [task[name] for name in ("precision", "recall")]
    table = Table(title=f"{data['name']}: {data['classes'][-1]}, {seconds:.0f} s in all")
    table.add_column("", no_wrap=True)
    table.add_column("sees", no_wrap=True)
    each = [f"{iou.head} of each seed"] if seeds > 1 else []
    for head in (iou.head, "95 % interval", *(m.head for m in shown), *each):
        table.add_column(head, justify="right", no_wrap=True)

    def add(name: str, sees: str, measured: Sequence[Mapping[str, Any]]) -> None:
        found = [side["metrics"] for side in measured]
        interval = measured[0]["interval"].get(iou.name) if len(measured) == 1 else None
        table.add_row(
            name, sees, iou.bare(_mean(found, iou.name)),
            f"{iou.bare(interval[0])} to {iou.bare(interval[1])}" if interval else "",
            *(metric.bare(_mean(found, metric.name)) for metric in shown),
            *(["  ".join(iou.bare(one[iou.name]) for one in found)] if seeds > 1 else []),
        )  # fmt: skip

    add("teacher", "optical", [one["teacher"]])
    for row, runs in results.items():
        add(ROWS[row], "SAR", [run["student"] for run in runs])
    console = Console(width=max(120, Console().width))
    console.print(table)
    everywhere, share = (one["student"]["metrics"][n] for n in ("all_positive_iou", "prevalence"))
    console.print(
        f"{iou.head}: intersection over union of the class {data['classes'][-1]}, in percent, over "
        f"all valid test pixels together. It covers {iou.bare(share)} % of them: saying that it is "
        f"everywhere reaches an {iou.head} of {iou.bare(everywhere)}. "
        + (
            "The intervals cover the choice of test tiles and not that of the seed."
            if seeds == 1
            else f"Means of {seeds} seeds."
        )
    )


def _mean(found: Sequence[Mapping[str, Any]], name: str) -> float:
    known = [one[name] for one in found if one[name] is not None]
    return float(np.mean(known)) if known else float("nan")
