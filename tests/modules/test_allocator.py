"""Freed memory stays with the process, and only where that was asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ackd.modules import allocator
from ackd.modules.allocator import handle_freed_memory, keep_freed_memory
from ackd.stages import pipeline
from ackd.stages.context import Context
from tests.config.composing import checked
from tests.stages import toy

COUNT = """
import resource, torch
from ackd.modules.allocator import keep_freed_memory
KEEP
def step():
    for size in (3, 40):
        torch.zeros(size * 2**18)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
step()
before = faults()
for _ in range(5):
    step()
print(faults() - before)
"""


def _faults(first: str) -> int:
    script = COUNT.replace("KEEP", first)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator is Linux's")
def test_a_step_finds_the_memory_of_the_one_before() -> None:
    returned, kept = _faults(""), _faults("assert keep_freed_memory()")
    assert returned > 5 * 40 * 200  # pages of 4 kB; an array of 40 MB is handed out anew each time
    assert kept < returned / 20


@pytest.mark.parametrize(
    ("wanted", "accelerator", "variable", "kept"),
    [
        ("auto", "cpu", None, True),
        ("auto", "gpu", None, False),
        ("auto", "cpu", "MALLOC_TRIM_THRESHOLD_", False),
        ("keep", "gpu", "GLIBC_TUNABLES", True),
        ("return", "cpu", None, False),
    ],
)
def test_who_keeps(
    wanted: allocator.FreedMemory,
    accelerator: str,
    variable: str | None,
    kept: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in allocator.CHOSEN_BY_USER:
        monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv(variable, "1")
    calls: list[bool] = []
    monkeypatch.setattr(allocator, "keep_freed_memory", lambda: calls.append(True) or True)
    handle_freed_memory(wanted, accelerator)
    assert bool(calls) is kept


def test_a_run_does_what_the_option_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def asked(*given: object) -> None:
        raise LookupError(given)

    monkeypatch.setattr(pipeline, "handle_freed_memory", asked)
    config = checked("execution.freed_memory=return", "trainer.accelerator=cpu")
    with pytest.raises(LookupError, match=r"\('return', 'cpu'\)"):
        pipeline.run_pipeline(Context(config, toy.benchmark()), tmp_path, resume=False)


def test_another_allocator_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda _: object())
    assert not keep_freed_memory()
    with caplog.at_level("WARNING", "ackd"):
        handle_freed_memory("auto", "cpu")
        assert not caplog.records
        handle_freed_memory("keep", "cpu")
    assert "execution.freed_memory=keep" in caplog.text
