"""The command line: ``python -m ackd.artifacts list`` and ``prune``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from ackd.config.location import from_environment
from ackd.config.messages.cli_errors import friendly_errors
from ackd.errors import ConfigError, nearest_path

__all__ = ["cli", "main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says.

    Raises:
        AckdError: A name, a folder or an option cannot be, or something could not be deleted.
    """
    given = _parser().parse_args(arguments)
    # Late: --help answers without torch.
    from ackd.artifacts.found import find
    from ackd.artifacts.listing import ask_and_prune, refuse_unreadable, say_runs, show_items
    from ackd.artifacts.pruning import chosen, named
    from ackd.artifacts.uses import read_uses

    root: Path = given.artifacts.expanduser()
    outputs = [path.expanduser() for path in given.outputs or [_default("outputs")]]
    if not root.is_dir():
        raise ConfigError(
            f"There is no folder {root.absolute()}; name that of the artifacts: --artifacts DIR."
            f"{nearest_path(root)}"
        )
    uses = read_uses(outputs)
    items = find(root, uses)
    if given.names:
        items = named(items, given.names)
    if given.command == "list":
        show_items(items, root, outputs, all_runs=bool(given.names))
        say_runs(uses, outputs)
        return
    if not (given.names or given.unused or given.older_than is not None):
        raise ConfigError("Say what to prune: --unused, --older-than DAYS, or names as list shows.")
    if given.unused:
        refuse_unreadable(uses)
    going = chosen(items, unused=given.unused, older_than=given.older_than, now=time.time())
    for item in items:
        if item.held and (given.names or not given.unused or not item.used):
            print(f"{item.label} stays: a running process uses it")
    ask_and_prune(going, root, outputs, yes=given.yes, dry_run=given.dry_run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ackd.artifacts",
        description="List finished teachers, matchers, stored outputs and packed images with the "
        "runs that use them, or delete those that nobody needs.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("list", help="sizes, metrics, last use, and the runs that use them")
    show.add_argument("names", nargs="*", metavar="STAGE/NAME", help="these alone, with all runs")
    remove = commands.add_parser(
        "prune", help="delete some; never what a running process uses",
        description="All conditions that are given must hold. What an interrupted training has "
        "left counts as used as long as a run without a result may go on with it. A run does not "
        "need its artifacts once it has finished: a later run trains them again.",
    )  # fmt: skip
    remove.add_argument("names", nargs="*", metavar="STAGE/NAME", help="these, whoever uses them")
    remove.add_argument("--unused", action="store_true", help="what no run uses")
    remove.add_argument(
        "--older-than", type=_days, metavar="DAYS", help="what was last used before so many days"
    )
    how = remove.add_mutually_exclusive_group()
    how.add_argument("--yes", action="store_true", help="do not ask")
    how.add_argument("--dry-run", action="store_true", help="say what would go, delete nothing")
    for command in (show, remove):
        command.add_argument(
            "--artifacts", type=Path, default=_default("artifacts"), metavar="DIR",
            help="(default: %(default)s)",
        )  # fmt: skip
        command.add_argument(
            "--outputs",
            type=Path,
            action="append",
            metavar="DIR",
            help=f"where the runs are; may be given several times (default: {_default('outputs')})",
        )
    return parser


def _default(name: str) -> Path:
    return Path(from_environment(f"ACKD_{name.upper()}", name))


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not valid: expected a number of days from 0")
    return days


def cli() -> None:
    """Run the command line; the last word is never a stack trace."""
    with friendly_errors([]):
        main()
