"""Time functions against each other in one process, and say what a process needed.

A machine that others use as well runs at another speed from minute to minute. The arms of a
comparison therefore take turns, and what counts is the ratio within a turn.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

__all__ = ["Timing", "in_process", "in_turns", "machine", "once", "peak_gb", "write"]


@dataclass(frozen=True)
class Timing:
    """Seconds of one arm.

    Attributes:
        wall: Median of the wall clock.
        cpu: Median of the processor time of all threads; other processes hardly touch it.
        ratio: Median, over the turns, of processor time over that of the first arm.
    """

    wall: float
    cpu: float
    ratio: float


def in_turns(arms: Mapping[str, Callable[[], Any]], turns: int) -> dict[str, Timing]:
    """Call every arm once to warm up, then all of them ``turns`` times in turns."""
    for arm in arms.values():
        arm()
    wall: dict[str, list[float]] = {name: [] for name in arms}
    cpu: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(turns):
        for name, arm in arms.items():
            seconds = once(arm)
            wall[name].append(seconds[0])
            cpu[name].append(seconds[1])
    first = next(iter(arms))
    return {
        name: Timing(
            statistics.median(wall[name]),
            statistics.median(cpu[name]),
            statistics.median(a / b for a, b in zip(cpu[name], cpu[first], strict=True)),
        )
        for name in arms
    }


def once(function: Callable[[], Any]) -> tuple[float, float]:
    """Wall and processor seconds of one call."""
    began, busy = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - began, time.process_time() - busy


def peak_gb() -> float:
    """The largest resident memory of this process so far, in GB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def write(path: Path | None, rows: Mapping[str, Any]) -> None:
    """Write rows and the machine as JSON, where a path is given."""
    if path is None:
        return
    plain = {k: asdict(v) if isinstance(v, Timing) else v for k, v in rows.items()}
    path.write_text(json.dumps({"machine": machine(), "rows": plain}, indent=2) + "\n")


def in_process(script: Path, *arguments: str) -> dict[str, Any]:
    """Run a benchmark as a process of its own, for its peak memory; its last line is JSON."""
    done = subprocess.run(
        [sys.executable, str(script), *arguments], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
