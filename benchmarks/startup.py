"""How long the command line takes to answer, against a bare ``import hydra``."""

from __future__ import annotations

import resource
import subprocess
import sys
import time

from benchmarks.measure import Seconds, compare
from benchmarks.scale import Scale
from benchmarks.section import SPREAD, Row, Section

__all__ = ["run"]

COMMANDS = {
    "import hydra": ["-c", "import hydra"],
    "--cfg job": ["-m", "ackd.train", "--cfg", "job"],
    "--help": ["-m", "ackd.train", "--help"],
    "a misspelt option": ["-m", "ackd.train", "loss.lamda1=0.3"],
}


def run(scale: Scale) -> Section:
    """Start every command in turns; ``ratio`` is of processor time."""
    found: dict[str, list[Seconds]] = {name: [] for name in COMMANDS}
    for turn in range(scale.turns + 1):
        for name, words in COMMANDS.items():
            taken = measure(words)
            if turn:  # the first turn fills the file cache
                found[name].append(taken)
    rows: dict[str, Row] = {
        name: {"wall s": t.wall, "cpu s": t.busy, "ratio": t.ratio, "ratio" + SPREAD: t.spread}
        for name, t in compare(found).items()
    }
    title = "Start-up of the command line over a bare import of Hydra"
    return Section("startup", title, rows, frozenset({"wall s", "cpu s"}))


def measure(words: list[str]) -> Seconds:
    """Run Python with some arguments."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *words], check=False, capture_output=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Seconds(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
