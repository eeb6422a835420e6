"""Reading ahead: the next item is made in a thread while one is worked on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

__all__ = ["ahead"]

T = TypeVar("T")
_END: Final = object()


def ahead(items: Iterable[T]) -> Iterator[T]:
    """Go through ``items``, one further than the caller is.

    Libraries that decode images leave the interpreter to others meanwhile, so that a network works
    while the next images are read. Errors come in their turn.
    """
    upcoming = iter(items)
    with ThreadPoolExecutor(1, "ackd-reading") as pool:
        waiting = pool.submit(next, upcoming, _END)
        while (item := waiting.result()) is not _END:
            waiting = pool.submit(next, upcoming, _END)
            yield item  # type: ignore[misc]
