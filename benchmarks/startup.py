"""How long the command line takes to answer, against a bare ``import hydra``.

python benchmarks/startup.py [--turns 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from measure import write

COMMANDS = {
    "import hydra": ["-c", "import hydra"],
    "--cfg job": ["-m", "ackd.train", "--cfg", "job"],
    "--help": ["-m", "ackd.train", "--help"],
    "a misspelt option": ["-m", "ackd.train", "loss.lamda1=0.3"],
}


def measure(words: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of one process."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *words], check=False, capture_output=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for turn in range(given.turns + 1):
        for name, words in COMMANDS.items():
            measured = measure(words)
            if turn:  # the first turn fills the file cache
                seconds[name].append(measured)
    base = seconds["import hydra"]
    rows = {
        name: {
            "wall": statistics.median(wall for wall, _ in found),
            "cpu": statistics.median(cpu for _, cpu in found),
            "ratio": statistics.median(a / b for (_, a), (_, b) in zip(found, base, strict=True)),
        }
        for name, found in seconds.items()
    }
    print(f"{'':20}{'wall s':>8}{'cpu s':>8}{'ratio':>8}")
    for name, row in rows.items():
        print(f"{name:20}{row['wall']:>8.2f}{row['cpu']:>8.2f}{row['ratio']:>8.2f}")
    write(given.json, rows)


if __name__ == "__main__":
    main()
