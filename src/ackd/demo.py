"""``python -m ackd.demo``: the whole pipeline on the embedded data, and a table.

One teacher and one matcher are trained; three students share them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from ackd.config.boundary import last_word
from ackd.config.location import config_dir
from ackd.config.words import quoted_paths
from ackd.errors import ConfigError

__all__ = ["main"]

STUDENTS = {
    "baseline": "student, no distillation",
    "kd": "student, Vanilla KD on random same-class pairs",
    "sembridge": "student, SemBridge",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train everything and print OA and macro F1 of the teacher and the three students."""
    parser = argparse.ArgumentParser(prog="python -m ackd.demo", description=__doc__)
    parser.add_argument(
        "overrides", nargs="*", help="options of ackd.train, e.g. student.max_epochs=5"
    )
    with last_word(sys.argv[1:] if arguments is None else arguments):
        _run(quoted_paths(parser.parse_args(arguments).overrides))


def _run(given: list[str]) -> None:
    from ackd.train import train

    began = time.perf_counter()
    print("ackd.demo: a teacher, a matcher and three students; loading PyTorch", flush=True)
    jobs = {method: _compose(given, method) for method in STUDENTS}
    results: dict[str, dict[str, Any]] = {}
    for method, cfg in jobs.items():
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
        folder = Path(cfg.outputs).expanduser() / "demo" / f"{method}-s{cfg.seed}" / stamp
        results[method] = train(cfg, folder)
    _print(results, time.perf_counter() - began)


def _compose(given: list[str], method: str) -> DictConfig:
    """Compose one of the three runs and find its mistakes, before any of them starts."""
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


def _print(results: dict[str, dict[str, Any]], seconds: float) -> None:
    any_result = results["sembridge"]
    data = any_result["data"]
    table = Table(
        title=f"{data['name']}: {len(data['classes'])} classes, test images of the "
        f"{any_result['protocol']} protocol, {seconds:.0f} s in all"
    )
    for name in ("", "sees", "backbone", "OA %", "macro F1 %"):
        table.add_column(name, justify="right" if "%" in name else "left", no_wrap=True)
    bands = {side: f"{side.upper()}, {len(names)} bands" for side, names in data["bands"].items()}
    rows = [("teacher", "ms", any_result["teacher"])]
    rows += [(STUDENTS[m], "rgb", result["student"]) for m, result in results.items()]
    for name, side, report in rows:
        values = (f"{100 * report['metrics'][key]:.1f}" for key in ("oa", "f1"))
        table.add_row(name, bands[side], report["backbone"], *values)
    console = Console(width=max(100, Console().width))
    console.print(table)
    console.print(
        f"Teacher: {data['split_sizes']['ms']['test']} test images; students: "
        f"{data['split_sizes']['rgb']['test']}. One seed each: differences of a few points mean "
        "little."
    )


if __name__ == "__main__":
    main()
