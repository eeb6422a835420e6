"""Run the command line as a user does: another process, from a folder that is not the checkout.

:func:`run` starts a Python of its own; :func:`forked` and :func:`train` fork one that has imported
torch and Lightning already, which is what most of a short command's time would go to.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import ackd

# Scenes and lengths for seconds. Patches are pooled so that L_ot1 stays small as well.
TINY = (
    "data.classes=3", "data.ms_per_class=20", "data.rgb_per_class=25", "data.size=32",
    "data.ms_test_per_class=0", "data.rgb_test_per_class=0",
    "teacher.batch_size=8", "matcher.batch_size=8", "student.batch_size=8",
    "teacher.max_epochs=1", "matcher.max_epochs=1", "student.max_epochs=1",
    "ska.patches=pooled",
)  # fmt: skip
TIMEOUT = 400  # seconds


@dataclass(frozen=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """The last line of stderr that says anything."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def environment(home: Path) -> dict[str, str]:
    """The user's environment without accounts and without folders chosen elsewhere."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("ACKD_", "WANDB_", "HYDRA_", "PYTEST_", "LOCAL_RANK"))
    }
    # A checkout that is not installed is found as well; threads would fight over the cores.
    source = str(Path(ackd.__file__).parents[1])
    return kept | {"PYTHONPATH": source, "OMP_NUM_THREADS": "1", "HOME": str(home)}


def run(*words: str, cwd: Path, **variables: str) -> Done:
    """Run Python with these words in ``cwd``."""
    done = subprocess.run(
        [sys.executable, *words], cwd=cwd, env=environment(cwd) | variables,
        capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    return Done(done.returncode, done.stdout, done.stderr)


@cache
def _fork_server() -> subprocess.Popen[str]:
    """One for each process of the suite; it ends with its stdin."""
    script = Path(__file__).with_name("fork_server.py")
    return subprocess.Popen(
        [sys.executable, script], env=environment(Path.home()), text=True, bufsize=1,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def forked(*words: str, cwd: Path, **variables: str) -> Done:
    """Run Python with ``-m MODULE ...`` or ``-c PROGRAM ...`` in a fork of a warm one."""
    server = _fork_server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        asked = {
            "words": words, "cwd": str(cwd), "out": str(out), "err": str(err),
            "environment": environment(cwd) | variables,
        }  # fmt: skip
        print(json.dumps(asked), file=server.stdin, flush=True)
        if not select.select([server.stdout], [], [], TIMEOUT)[0]:
            server.kill()
            _fork_server.cache_clear()
            raise TimeoutError(f"python {' '.join(words)} did not end")
        return Done(int(server.stdout.readline()), out.read_text(), err.read_text())


def train(*overrides: str, cwd: Path, **variables: str) -> Done:
    """Run ``python -m ackd.train``, in a fork of a warm Python."""
    return forked("-m", "ackd.train", *overrides, cwd=cwd, **variables)


def run_folders(cwd: Path) -> list[Path]:
    """All finished run folders, the oldest first."""
    found = [path.parent for path in (cwd / "outputs").rglob("result.json")]
    return sorted(found, key=lambda folder: (folder / "run.json").stat().st_mtime)
