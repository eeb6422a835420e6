"""From the values of mask files to the classes of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.tiles.options import REST
from ackd.data.tiles.tile_set import IGNORED
from ackd.errors import DataError

__all__ = ["BACKGROUND", "FOREGROUND", "MaskCode", "code_of_values"]

BACKGROUND: Final = "background"
FOREGROUND: Final = "foreground"
_NAMED: Final = 8  # values in a message


@dataclass(frozen=True)
class MaskCode:
    """Which value is which class.

    Attributes:
        classes: Their names, in the order of the numbers that they get: 0, 1, ...
        values: Value of a file -> number of a class.
        rest: The number of the class of all other values; None where there is none.
        ignored: Values where nothing is known.
    """

    classes: tuple[str, ...]
    values: Mapping[int, int]
    rest: int | None = None
    ignored: frozenset[int] = frozenset()

    @classmethod
    def of(cls, classes: Mapping[str, Any], ignore: int | None) -> MaskCode:
        """Build it from ``data.classes``, which has been checked."""
        values: dict[int, int] = {}
        rest = None
        for number, given in enumerate(classes.values()):
            for value in given if isinstance(given, list | tuple) else [given]:
                if value == REST:
                    rest = number
                else:
                    values[int(value)] = number
        ignored = frozenset() if ignore is None else frozenset({ignore})
        return cls(tuple(classes), values, rest, ignored)

    def encode(
        self, mask: NDArray[Any], nodata: float | None = None
    ) -> tuple[NDArray[np.uint8], list[float]]:
        """Turn the values of a file into classes.

        Args:
            mask: (H, W) whole numbers, or floating-point ones with NaN where nothing is known.
            nodata: The value that the file says to be none. A class that has the same value wins:
                many masks say so of their background.

        Returns:
            (H, W) classes, :data:`IGNORED` where nothing is known; and values that are no class.
        """
        unknown = np.isnan(mask) if mask.dtype.kind == "f" else np.zeros(mask.shape, np.bool_)
        found = np.full(mask.shape, IGNORED, np.uint8)
        strangers: list[float] = []
        for value in np.unique(mask[~unknown]).tolist():
            if value in self.values:
                number: int | None = self.values[value]
            elif value in self.ignored or value == nodata:
                continue
            else:
                number = self.rest if float(value).is_integer() else None
            if number is None:
                strangers.append(value)
            else:
                found[mask == value] = number
        return found, strangers


def code_of_values(values: Mapping[float, str], ignore: int | None) -> MaskCode:
    """The classes of masks of which nothing was said.

    Args:
        values: All values of all masks, without those that files say to be none -> the name of a
            tile that has it.
        ignore: The value where nothing is known.

    Raises:
        DataError: They are other than 0 and 1, or 0 and 255.
    """
    known = {value: tile for value, tile in values.items() if value != ignore}
    ignored = frozenset() if ignore is None else frozenset({ignore})
    for foreground in (1, 255):
        if set(known) <= {0, foreground}:
            pair = {0: 0, foreground: 1}
            return MaskCode((BACKGROUND, FOREGROUND), pair, ignored=ignored)
    shown = ", ".join(f"{value:g}" for value in sorted(known)[:_NAMED])
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    strange = next(value for value in sorted(known, reverse=True) if value not in (0, 1))
    raise DataError(
        f"The masks hold the values {shown}{more}, and nothing says which class each is; only 0 "
        "and 1, or 0 and 255, are understood as background and foreground. Name the classes, the "
        "background first: data.classes={background:0,building:1}, or {other:rest,water:[2,3]}; "
        f"and the value where nothing is known, if there is one: data.ignore=VALUE. Tile "
        f"{known[strange]} has the value {strange:g}."
    )
