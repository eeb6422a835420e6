"""Where the time of a step goes, by operator.

python -m benchmarks.profiling R/R "sembridge stored" --size 64 --batch 32
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from ackd.utils.memory import keep_freed_memory
from benchmarks.arms import ARMS, step_of
from benchmarks.steps import step_arm

__all__ = ["main", "profiled"]


def profiled(pairing: str, arm: str, size: int, batch: int, *, rows: int, steps: int = 3) -> str:
    """Return a table of the operators that take the most processor time in a few steps."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        step = step_of(step_arm(arm, pairing, size, batch, Path(folder)))
        step()
        with profile(activities=[ProfilerActivity.CPU]) as found:
            for _ in range(steps):
                step()
    shown: str = found.key_averages().table(sort_by="self_cpu_time_total", row_limit=rows)
    return shown


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profiling", description=__doc__)
    parser.add_argument("pairing", help="teacher/student, of R M S T")
    parser.add_argument("arm", choices=list(ARMS))
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rows", type=int, default=12)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    keep_freed_memory()
    print(profiled(given.pairing, given.arm, given.size, given.batch, rows=given.rows))


if __name__ == "__main__":
    main()
