"""Jobs of a sweep that run a few lines of Python in place of a training."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ackd.sweeps.jobs import Job
from ackd.sweeps.slots import Slots

RESULT = json.dumps({"student": {"metrics": {"oa": 0.5, "f1": 0.4}}, "teacher": None})
# What a run does that goes well; RUN is its folder.
WELL = f"(RUN / 'result.json').write_text('{RESULT}')"


@dataclass(frozen=True)
class Scripted(Job):
    """A job whose one override is a script."""

    def command(self) -> list[str]:
        head = "import os, sys, time, subprocess, signal, pathlib\n"
        head += f"RUN = pathlib.Path({str(self.folder)!r})\n"
        return [sys.executable, "-c", head + self.overrides[0]]


def jobs_of(root: Path, *scripts: str, devices: int = 1) -> list[Job]:
    return [
        Scripted(number, f"n={number}", (script,), root / f"n={number}", str(number), devices)
        for number, script in enumerate(scripts)
    ]


def places(count: int) -> Slots:
    return Slots((), count)


def wait_for(true: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return False


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
