"""The artifacts as a table, and the question before some of them are deleted."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ackd.artifacts.found import Item
from ackd.artifacts.pruning import prune, remove_dead_locks
from ackd.artifacts.uses import Uses
from ackd.errors import AckdError, counted
from ackd.utils.io import say_bytes

__all__ = ["WIDTH", "ask_and_prune", "refuse_unreadable", "say_runs", "shortened", "show_items",
           "wide_console"]  # fmt: skip

WIDTH = 160  # characters, where the output is not a terminal
SHOWN = 2  # runs of an artifact in the table


def wide_console() -> Console:
    """A console for a table of many columns: a pipe or a log has no width of its own."""
    shown = Console()
    return Console(width=shown.width if shown.is_terminal else WIDTH, highlight=False)


def show_items(
    items: Sequence[Item], root: Path, outputs: Sequence[Path], *, all_runs: bool = False
) -> None:
    """Print a table of artifacts.

    Args:
        items: Of the folder.
        root: The artifacts folder.
        outputs: Where the runs are; their names are relative to it.
        all_runs: Name every run that uses one, not the first few.
    """
    total = say_bytes(sum(item.size for item in items))
    table = Table(
        title=f"{counted(len(items), 'artifact')} in {root.absolute()}, {total}", title_style=""
    )
    heads = ("artifact", "state", "size", "backbone", "validation", "last use", "used by")
    for head in heads:
        table.add_column(head, justify="right" if head == "size" else "left", overflow="fold")
    for item in items:
        names = [shortened(run.folder, outputs) for run in item.users]
        if not all_runs:
            more = len(names) - SHOWN
            names = names[:SHOWN] + ([f"and {more} more"] if more > 0 else [])
        state = f"{item.kind}, in use" if item.held and item.kind == "finished" else str(item.kind)
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(item.last_use))
        cells = (
            item.label, state, say_bytes(item.size), item.backbone, item.metric, day,
            ("\n" if all_runs else ", ").join(names) or "no run",
        )  # fmt: skip
        table.add_row(*map(escape, cells))
    wide_console().print(table)


def shortened(folder: Path, outputs: Sequence[Path]) -> str:
    """A run folder relative to the first of some folders that it is in."""
    for root in outputs:
        if folder.is_relative_to(root.resolve()):
            return folder.relative_to(root.resolve()).as_posix()
    return str(folder)


def say_runs(uses: Uses, outputs: Sequence[Path]) -> None:
    """Print how many runs were looked at, and of which it is not known what they use."""
    print(f"{counted(uses.runs, 'run')} in {', '.join(str(path.absolute()) for path in outputs)}")
    if uses.silent:
        print(
            f"{uses.silent} of them are of an earlier version or have used none; of these at most "
            "the teacher is known."
        )
    for path in uses.unreadable:
        print(f"cannot be read, so what this run uses is not known: {path}")


def refuse_unreadable(uses: Uses) -> None:
    """Refuse to say what is unused where a run cannot be read.

    Raises:
        AckdError: One cannot.
    """
    if uses.unreadable:
        raise AckdError(
            f"{uses.unreadable[0]} cannot be read, so it is not known what is unused; delete this "
            "run folder or name the artifacts that are to go."
        )


def ask_and_prune(
    going: Sequence[Item], root: Path, outputs: Sequence[Path], *, yes: bool, dry_run: bool = False
) -> None:
    """Show what is to go, ask, and delete it; nothing that a running process uses.

    Args:
        going: What is to go.
        root: The artifacts folder.
        outputs: Where the runs are; locks of dead ones go as well.
        yes: Do not ask.
        dry_run: Only show.

    Raises:
        AckdError: Something could not be deleted.
    """
    if not going:
        print("There is nothing to prune.")
    else:
        show_items(going, root, outputs)
    if dry_run:
        return
    if going and not yes:
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
