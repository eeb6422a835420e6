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
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks import device

__all__ = [
    "ROOT",
    "Seconds",
    "Timing",
    "compare",
    "in_process",
    "in_turns",
    "machine",
    "mark",
    "once",
    "peak_gb",
    "watched_memory",
]

ROOT = Path(__file__).resolve().parents[1]
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Seconds:
    """What one call took.

    Attributes:
        wall: By the clock on the wall.
        busy: Of the processor, all threads, which other processes hardly touch; on an accelerator
            the wall clock, for there the processor mostly waits.
    """

    wall: float
    busy: float


@dataclass(frozen=True)
class Timing:
    """One arm of a comparison.

    Attributes:
        wall: Median of the wall clock, in seconds.
        busy: Median of the time at work, in seconds.
        ratio: Median, over the turns, of the time at work over that of the first arm.
        spread: Half of the distance from the smallest to the largest of these ratios.
    """

    wall: float
    busy: float
    ratio: float
    spread: float


def mark() -> Seconds:
    """The clocks, once the device has done all that it was given; differences count."""
    device.settle()
    wall = time.perf_counter()
    return Seconds(wall, time.process_time() if device.chosen().type == "cpu" else wall)


def once(function: Callable[[], Any]) -> Seconds:
    """Time one call."""
    before = mark()
    function()
    after = mark()
    return Seconds(after.wall - before.wall, after.busy - before.busy)


def in_turns(arms: Mapping[str, Callable[[], Any]], turns: int) -> dict[str, Timing]:
    """Call every arm once to warm up, then all of them ``turns`` times in turns."""
    for arm in arms.values():
        arm()
    found: dict[str, list[Seconds]] = {name: [] for name in arms}
    for _ in range(turns):
        for name, arm in arms.items():
            found[name].append(once(arm))
    return compare(found)


def compare(found: Mapping[str, Sequence[Seconds]]) -> dict[str, Timing]:
    """Hold the arms against the first one, turn by turn."""
    first = next(iter(found.values()))
    timings = {}
    for name, taken in found.items():
        ratios = [a.busy / b.busy for a, b in zip(taken, first, strict=True)]
        timings[name] = Timing(
            statistics.median(s.wall for s in taken),
            statistics.median(s.busy for s in taken),
            statistics.median(ratios),
            (max(ratios) - min(ratios)) / 2,
        )
    return timings


def peak_gb() -> float:
    """The largest resident memory of this process so far, in GB; mapped files count."""
    own = _memory("VmHWM")
    if own is not None:
        # A child's ru_maxrss begins with what its parent had.
        return own
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def _memory(name: str) -> float | None:
    """An entry of Linux's status of this process in GB; None elsewhere."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024 / 1e9
    return None


@contextmanager
def watched_memory() -> Iterator[list[float]]:
    """Collect the memory, in GB, that is this process's own: no pages of mapped files.

    Empty on systems without ``/proc``.
    """
    seen: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while (now := _memory("RssAnon")) is not None:
            seen.append(now)
            if done.wait(POLL_SECONDS):
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "device": device.describe(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
    }


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    if about.exists():
        for line in about.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def in_process(module: str, function: str, **arguments: Any) -> dict[str, Any]:
    """Call a function of a benchmark in a process of its own, for its peak memory.

    Args:
        module: Its name within this package.
        function: Gives a mapping that JSON can hold.
        arguments: Its keyword arguments, which JSON can hold.
    """
    words = ["-m", "benchmarks.child", module, function, json.dumps(arguments)]
    done = subprocess.run(
        [sys.executable, *words], check=False, capture_output=True, text=True, cwd=ROOT
    )
    if done.returncode:
        raise RuntimeError(f"{module}.{function}({arguments}) failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
