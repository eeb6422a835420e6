"""``python -m benchmarks [--quick] [--only NAME ...]``: measure, print tables and a JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.logging import RichHandler

from ackd.utils.memory import keep_freed_memory
from benchmarks import device
from benchmarks.measure import machine
from benchmarks.scale import SCALES
from benchmarks.section import Section, markdown, table

__all__ = ["BENCHMARKS", "LAST", "main"]

BENCHMARKS = (
    "steps", "approximations", "epochs", "stages", "matching", "coral", "packing", "startup",
    "memory", "segmentation", "predict",
)  # fmt: skip
log = logging.getLogger("benchmarks")

LAST = Path(__file__).with_name("last.json")


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Run benchmarks and show how their ratios differ from the last release's."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        device.use(given.device)
    except ValueError as error:
        parser.error(str(error))
    torch.set_num_threads(given.threads)
    os.environ["OMP_NUM_THREADS"] = str(given.threads)  # of processes that are started
    keep_freed_memory()  # as a run on the CPU does
    scale = SCALES[given.scale]
    if given.pairings:
        scale = replace(scale, pairings=tuple(given.pairings), stages=tuple(given.pairings))
    log.handlers = [RichHandler(console=Console(stderr=True), show_path=False, show_level=False)]
    log.setLevel(logging.INFO)
    if given.turns:
        scale = replace(scale, turns=given.turns)
    console = Console(width=None if Console().is_terminal else 200)
    kept = scale.name if given.device == "cpu" else f"{scale.name} on {given.device}"
    before = _sections(LAST, kept)
    sections: dict[str, Section] = {}
    seconds: dict[str, float] = {}
    for name in given.only or BENCHMARKS:
        began = time.perf_counter()
        log.info("%s", name)
        sections[name] = importlib.import_module(f"benchmarks.{name}").run(scale)
        seconds[name] = round(time.perf_counter() - began, 1)
        console.print(table(sections[name], before.get(name, {})))
        if given.save:
            _save(kept, machine(), name, sections[name])
    about = machine()
    found = {
        "scale": scale.name,
        "machine": about,
        "seconds": seconds,
        "sections": {name: section.rows for name, section in sections.items()},
    }
    print(json.dumps(found))
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if given.markdown is not None:
        given.markdown.write_text("\n".join(map(markdown, sections.values())), encoding="utf-8")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, help="leave the others out")
    parser.add_argument(
        "--pairings", nargs="+", metavar="T/S", help="teacher/student, of R M S; e.g. R/R R/S"
    )
    size = parser.add_mutually_exclusive_group()
    for name, text in (
        ("quick", "small batches and few turns, minutes on two idle cores"),
        ("toy", "only to see that everything runs; the numbers mean nothing"),
    ):
        size.add_argument(
            f"--{name}", dest="scale", action="store_const", const=name, default="full", help=text
        )
    parser.add_argument(
        "--device", default="cpu", help="of steps, epochs and stages; cuda, for example"
    )
    parser.add_argument(
        "--turns", type=int, help="of short arms, where the machine's speed wanders"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each process")
    parser.add_argument("--json", type=Path, help="write all numbers here too")
    parser.add_argument("--markdown", type=Path, help="write the tables here too")
    parser.add_argument(
        "--save", action="store_true", help=f"write the ratios into {LAST.name}, for a release"
    )
    return parser


def _sections(path: Path, scale: str) -> dict[str, dict[str, dict[str, float]]]:
    """The ratios of the last release at the same scale."""
    if not path.is_file():
        return {}
    found = json.loads(path.read_text(encoding="utf-8")).get(scale, {})
    return {name: section["ratios"] for name, section in found.items()}


def _save(scale: str, about: dict[str, Any], name: str, section: Section) -> None:
    """Replace the rows that were measured, and keep all others."""
    content = json.loads(LAST.read_text(encoding="utf-8")) if LAST.is_file() else {}
    kept = content.setdefault(scale, {}).get(name, {"ratios": {}})["ratios"]
    content[scale][name] = {"machine": about, "ratios": kept | section.ratios()}
    beside = LAST.with_suffix(".json.part")
    beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    beside.replace(LAST)


if __name__ == "__main__":
    main()
