"""A reader that has seen enough ends a command without a word."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import environment, run
from tests.slow import slow

COMMANDS = ("train", "demo", "search", "report", "prepare", "dashboard")


def closed(module: str, *words: str, cwd: Path, **variables: str) -> tuple[int, str]:
    """Run a command whose output nobody reads."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *words], cwd=cwd, text=True,
        env=environment(cwd) | variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        return process.wait(timeout=60), said


@pytest.mark.parametrize("command", [name if name == "train" else slow(name) for name in COMMANDS])
def test_help_into_a_closed_pipe(tmp_path: Path, command: str) -> None:
    assert closed(f"ackd.{command}", "--help", cwd=tmp_path) == (141, "")


@pytest.mark.parametrize("buffered", ["", "1"], ids=["buffered", "unbuffered"])
def test_a_configuration_into_a_closed_pipe(tmp_path: Path, buffered: str) -> None:
    done = closed("ackd.train", "--cfg", "job", cwd=tmp_path, PYTHONUNBUFFERED=buffered)
    assert done == (141, "")


def test_the_log_of_a_run_into_a_closed_pipe(tmp_path: Path) -> None:
    program = (
        "import logging\n"
        "from ackd.config.messages.cli_errors import friendly_errors\n"
        "from ackd.tracking.logbook import logbook\n"
        "with friendly_errors([]), logbook():\n"
        "    logging.getLogger('ackd').info('a line')\n"
        "    raise KeyError('went on')\n"
    )
    (tmp_path / "program.py").write_text(program)
    assert closed("program", cwd=tmp_path) == (141, "")


def test_a_broken_pipe_elsewhere_is_still_told(tmp_path: Path) -> None:
    program = (
        "from ackd.config.messages.cli_errors import friendly_errors\n"
        "with friendly_errors([]):\n"
        "    raise BrokenPipeError(32, 'Broken pipe')\n"
    )
    done = run("-c", program, cwd=tmp_path)
    assert done.code == 1
    assert done.last.startswith("ackd: Broken pipe")
