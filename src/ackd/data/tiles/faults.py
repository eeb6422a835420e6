"""What is wrong with tiles, told at once: how many, which, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ackd.errors import DataError, ImageError

__all__ = ["Faults", "some_of", "told"]

#: Names in a message.
_NAMED: Final = 4


class Faults:
    """Collects faults by their kind, so that an archive is not repaired file by file."""

    def __init__(self, total: int) -> None:
        """Begin.

        Args:
            total: Tiles that are looked at.
        """
        self.total = total
        self._found: dict[str, list[tuple[str, str]]] = {}

    def add(self, kind: str, tile: str, text: str) -> None:
        """Note a fault.

        Args:
            kind: Of the fault, a predicate that fits after "3 of 20 tiles": ``"cannot be read"``.
            tile: Its id.
            text: A sentence or two about this tile, with the way out.
        """
        self._found.setdefault(kind, []).append((tile, text))

    def raise_any(self) -> None:
        """Raise DataError where there is a fault."""
        if not self._found:
            return
        parts = []
        for kind, found in self._found.items():
            tiles = [tile for tile, _ in found]
            text = found[0][1]
            parts.append(f"{len(tiles)} of {self.total} tiles {kind}: {some_of(tiles)}. {text}")
        raise DataError(" ".join(parts))


def told(error: ImageError) -> str:
    """What is wrong with a file of a tile, and what to do: tiles have no publisher's archive."""
    advice = " Get the file again, or take all files of the tile out." if error.advice else ""
    return f"{error.text}{advice}"


def some_of(names: Sequence[str]) -> str:
    """The first names of a list and how many more there are."""
    shown = ", ".join(names[:_NAMED])
    more = len(names) - _NAMED
    return f"{shown} and {more} more" if more > 0 else shown
