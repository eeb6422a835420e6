"""The command line: ``python -m ackd.artifacts list`` and ``prune``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ackd.config.messages.cli_errors import friendly_errors
from ackd.errors import AckdError, ConfigError, nearest_path

if TYPE_CHECKING:
    from ackd.artifacts.found import Item

__all__ = ["cli", "main"]

WIDTH = 160  # characters, where the output is not a terminal
SHOWN = 2  # runs of an artifact in the table


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says.

    Raises:
        AckdError: A name, a folder or an option cannot be, or something could not be deleted.
    """
    given = _parser().parse_args(arguments)
    # Late: --help answers without torch.
    from ackd.artifacts.found import find
    from ackd.artifacts.pruning import named
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
        _list(items, root, outputs, runs=bool(given.names))
        _notes(uses.runs, uses.silent, uses.unreadable, outputs)
        return
    if not (given.names or given.unused or given.older_than is not None):
        raise ConfigError("Say what to prune: --unused, --older-than DAYS, or names as list shows.")
    _prune(items, root, outputs, given, unreadable=[str(path) for path in uses.unreadable])


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
    return Path(os.environ.get(f"ACKD_{name.upper()}") or name)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not valid: expected a number of days from 0")
    return days


def _list(
    items: Sequence[Item], root: Path, outputs: Sequence[Path], *, runs: bool = False
) -> None:
    from ackd.utils.io import say_bytes

    shown = Console()
    out = Console(width=shown.width if shown.is_terminal else WIDTH, highlight=False)
    total = say_bytes(sum(item.size for item in items))
    table = Table(title=f"{len(items)} artifacts in {root.absolute()}, {total}", title_style="")
    heads = ("artifact", "state", "size", "backbone", "validation", "last use", "used by")
    for head in heads:
        table.add_column(head, justify="right" if head == "size" else "left", overflow="fold")
    for item in items:
        names = [_short(run.folder, outputs) for run in item.users]
        if not runs:
            more = len(names) - SHOWN
            names = names[:SHOWN] + ([f"and {more} more"] if more > 0 else [])
        state = f"{item.kind}, in use" if item.held and item.kind == "finished" else str(item.kind)
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(item.last_use))
        cells = (
            item.label, state, say_bytes(item.size), item.backbone, item.metric, day,
            ("\n" if runs else ", ").join(names) or "no run",
        )  # fmt: skip
        table.add_row(*map(escape, cells))
    out.print(table)


def _short(folder: Path, outputs: Sequence[Path]) -> str:
    for root in outputs:
        if folder.is_relative_to(root.resolve()):
            return folder.relative_to(root.resolve()).as_posix()
    return str(folder)


def _notes(runs: int, silent: int, unreadable: Sequence[Path], outputs: Sequence[Path]) -> None:
    print(f"{runs} runs in {', '.join(str(path.absolute()) for path in outputs)}")
    if silent:
        print(
            f"{silent} of them are of an earlier version or have used none; of these at most the "
            "teacher is known."
        )
    for path in unreadable:
        print(f"cannot be read, so what this run uses is not known: {path}")


def _prune(
    items: Sequence[Item], root: Path, outputs: Sequence[Path], given: argparse.Namespace, *,
    unreadable: Sequence[str],
) -> None:  # fmt: skip
    from ackd.artifacts.pruning import chosen, prune, remove_dead_locks
    from ackd.utils.io import say_bytes

    if given.unused and unreadable:
        raise AckdError(
            f"{unreadable[0]} cannot be read, so it is not known what is unused; delete this run "
            "folder or name the artifacts that are to go."
        )
    going = chosen(items, unused=given.unused, older_than=given.older_than, now=time.time())
    for item in items:
        if item.held and (given.names or not given.unused or not item.used):
            print(f"{item.label} stays: a running process uses it")
    if not going:
        print("There is nothing to prune.")
    else:
        _list(going, root, outputs)
    if given.dry_run:
        return
    if going and not given.yes:
        asked = sys.stdin.isatty()
        if not asked or input("Delete them? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was deleted." + ("" if asked else " Without a question: --yes"))
            return
    freed, failed = 0, []
    for item, reason in prune(going):
        if reason:
            failed.append(f"{item.label}: {reason}")
        else:
            freed += item.size
    remove_dead_locks(root, outputs)
    if going:
        print(f"deleted {len(going) - len(failed)}, {say_bytes(freed)}")
    if failed:
        raise AckdError(f"{len(failed)} could not be deleted:\n" + "\n".join(failed))


def cli() -> None:
    """Run the command line; the last word is never a stack trace."""
    with friendly_errors([]):
        main()
