"""Freed memory stays with the process of a run on the CPU, unless the user has chosen otherwise."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ackd.utils.memory import CHOSEN_BY_USER, keep_freed_memory
from tests.cli.running import forked

ROOT = Path(__file__).resolve().parents[2]
COUNT = """
import resource, torch
FIRST
def step():
    for size in (3, 40):
        torch.zeros(size * 2**18)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):  # until the heap has grown to hold both
    step()
before = faults()
for _ in range(5):
    step()
print(faults() - before)
"""
ALONE = "from ackd.utils.memory import keep_freed_memory; keep_freed_memory()"
A_RUN = """
from pathlib import Path
import os, pytest
from ackd.train import train
from tests.stages import toy
toy.small(pytest.MonkeyPatch())
train(toy.composed(Path("OUT"), "until=teacher", "trainer.accelerator=cpu"), Path("OUT") / "run")
"""
RETURNED = 5 * 40 * 200  # pages of 4 kB; an array of 40 MB is handed out again each time

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")


def faults(first: str, **variables: str) -> int:
    kept = {name: text for name, text in os.environ.items() if name not in CHOSEN_BY_USER}
    done = subprocess.run(
        [sys.executable, "-c", COUNT.replace("FIRST", first)],
        capture_output=True, text=True, check=True, cwd=ROOT, env=kept | variables,
    )  # fmt: skip
    return int(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_step_finds_the_memory_of_the_one_before() -> None:
    assert faults("") > RETURNED
    assert faults(ALONE) < RETURNED / 20
    assert faults(ALONE, MALLOC_TOP_PAD_="4096") > RETURNED


def test_a_run_on_the_cpu_keeps_it(tmp_path: Path) -> None:
    program = COUNT.replace("FIRST", A_RUN.replace("OUT", str(tmp_path)))
    done = forked("-c", program, cwd=ROOT)
    assert done.code == 0, done.err
    assert int(done.out.splitlines()[-1]) < RETURNED / 20


def test_another_allocator_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not keep_freed_memory()
