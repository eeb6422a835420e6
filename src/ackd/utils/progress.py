"""How far something is: bars on a terminal, silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

__all__ = ["FILE_ONLY", "Progress", "bar", "part_of", "tracked"]

#: Attribute of log records that are for ``train.log`` alone, a terminal has a bar instead.
FILE_ONLY = "file_only"

T = TypeVar("T")

#: Called as ``progress(done, total)``; a total of 0 where nobody knows the end.
Progress = Callable[[int, int], None]


@contextmanager
def bar(title: str) -> Iterator[Progress]:
    """Show a bar while inside; what it gives takes (done, total)."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    # On stderr, so that what is piped on has only the results.
    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task(title, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total or None)


def tracked(items: Iterable[T], title: str, total: int) -> Iterator[T]:
    """Go through ``items`` and show how many of ``total`` are done."""
    with bar(title) as report:
        for done, item in enumerate(items, start=1):
            yield item
            report(done, total)


def part_of(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Let one piece of work report as part of a larger one.

    Args:
        progress: Of the whole; None where nobody listens.
        before: What was done before this piece.
        total: Of the whole.
    """
    if progress is None:
        return None
    return lambda done, _: progress(before + done, total)
