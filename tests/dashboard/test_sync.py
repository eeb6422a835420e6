"""``make wandb-sync`` leaves the work to wandb, and tells it where the runs are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ackd.dashboard.__main__ import main

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the target with this Python instead of the one in .venv."""
    bin_ = tmp_path / "venv" / "bin"
    bin_.mkdir(parents=True)
    (bin_ / "python").symlink_to(sys.executable)
    ready = bin_.parent / ".ready"
    command = ["make", "-f", ROOT / "Makefile", f"VENV={bin_.parent}", "-o", ready, "wandb-sync"]
    ready.touch()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "ACKD_"))}
    environment |= {
        "HOME": str(tmp_path),  # nobody's account
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    return subprocess.run(
        [*command, *options], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip


def offline_run(outputs: Path, name: str) -> Path:
    folder = outputs / "wandb" / f"offline-run-20260101_000000-{name}"
    folder.mkdir(parents=True)
    path = folder / f"run-{name}.wandb"
    path.touch()
    return path


def test_without_a_terminal_it_lists_what_would_be_sent(tmp_path: Path) -> None:
    waiting = offline_run(tmp_path / "runs", "one")
    sent = offline_run(tmp_path / "runs", "two")
    sent.with_name(sent.name + ".synced").touch()
    done = make(tmp_path, f"OUTPUTS={tmp_path / 'runs'}")
    assert done.returncode == 0, done.stdout
    assert "Would sync 1 run" in done.stdout
    assert waiting.name in done.stdout
    assert sent.name not in done.stdout


def test_told_to_send_it_needs_an_account(tmp_path: Path) -> None:
    offline_run(tmp_path / "outputs", "one")
    done = make(tmp_path, "SYNC=--yes")
    assert done.returncode != 0
    assert "wandb login" in done.stdout


def test_a_folder_without_runs_is_named(tmp_path: Path) -> None:
    done = make(tmp_path, "OUTPUTS=elsewhere")
    assert done.returncode != 0
    assert "There are no W&B runs in elsewhere/wandb" in done.stdout
    assert "OUTPUTS=DIR" in done.stdout


def test_the_old_command_names_the_new_one() -> None:
    with pytest.raises(SystemExit, match="make wandb-sync"):
        main(["sync", "--dry-run", "outputs"])
