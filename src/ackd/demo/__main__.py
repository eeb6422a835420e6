"""``python -m ackd.demo``: which experiment is shown, with which options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from ackd.config.command_line import quoted_paths
from ackd.config.messages.cli_errors import friendly_errors
from ackd.config.messages.removed import known_words

__all__ = ["main"]

TASKS = {
    "scenes": "an MS teacher, a matcher and RGB students on synthetic landscapes",
    "segmentation": "an optical teacher and SAR students on synthetic towns",
}
SEEDS = {"scenes": 3, "segmentation": 1}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment of a task, and print its table."""
    with friendly_errors(sys.argv[1:] if arguments is None else arguments):
        given = _parsed(arguments)
        module = import_module(f"ackd.demo.{given.task}")
        module.run(quoted_paths(known_words(given.overrides)), given.seeds or SEEDS[given.task])


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m ackd.demo",
        description="Train a small experiment on data that needs no download, and print a table.",
    )
    parser.add_argument(
        "--task", choices=TASKS, default="scenes",
        help="; ".join(f"{name}: {text}" for name, text in TASKS.items()) + " (default: scenes)",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", type=int,
        help="seeds of each kind of student (default: "
        + ", ".join(f"{count} for {name}" for name, count in SEEDS.items()) + ")",
    )  # fmt: skip
    parser.add_argument(
        "overrides", nargs="*",
        help="options of ackd.train or ackd.segment, e.g. student.max_epochs=5",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    if given.seeds is not None and given.seeds < 1:
        parser.error(f"--seeds {given.seeds}: expected 1 or more")
    return given


if __name__ == "__main__":
    main()
