"""Which row of the table a run is: what was reconstructed, and what labels trained afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ackd.report.collect import Run
from ackd.utils.values import dig

__all__ = ["LISTENED", "OPTICAL", "SAR", "SETS", "TableRow", "is_control", "row_of"]

FINETUNED = {"none": "", "decoder": "+Ft-D", "all": "+Ft-A"}
ENDINGS = {"none": "", "decoder": "_d", "all": "_a"}

#: What the paper calls the layers of the first and of the second step.
SETS: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[str, str]] = {
    (("mid",), ()): ("mid", "Mid"),
    (("fin",), ()): ("fin", "Fin"),
    (("mid",), ("fin",)): ("mid_fin", "M&F"),
    (("int",), ()): ("int", "Int"),
}


@dataclass(frozen=True, order=True)
class TableRow:
    """A row of the table; rows are ordered as the paper has them, with the controls behind.

    Attributes:
        place: In the order of the rows.
        title: As the paper writes it, e.g. ``Int+Ft-A``.
        name: What the published numbers are found by; empty of a row that the paper lacks.
    """

    place: tuple[int, ...]
    title: str
    name: str = ""


OPTICAL = TableRow((0,), "Optical", "optical")
SAR = TableRow((1,), "SAR", "sar")

# The groups of rows behind these two: with a reconstruction, and controls without one.
LISTENED, CONTROLS = 2, 3


def row_of(run: Run) -> TableRow:
    """Find the row of a run by what it did, whatever it is called."""
    if run.side == "teacher":
        return OPTICAL
    shown = dig(run.result, "shown")
    shown = shown if isinstance(shown, Mapping) else {}
    start, finetune = (str(shown.get(key)) for key in ("start", "finetune"))
    if start == "reconstruction":
        return _listened(_names(shown.get("layers")), _names(shown.get("then")), finetune)
    if start == "optical":
        return _control(dig(run.config, "student.max_epochs"), finetune)
    if (start, finetune) == ("random", "all"):
        return SAR
    ending = "" if finetune == "all" else FINETUNED.get(finetune, f"+{finetune}")
    return TableRow((1, 1), f"SAR from {start}{ending}")


def _names(layers: Any) -> tuple[str, ...]:
    return tuple(map(str, layers)) if isinstance(layers, Sequence) else ()


def _listened(layers: tuple[str, ...], then: tuple[str, ...], finetune: str) -> TableRow:
    of_paper = list(SETS).index((layers, then)) if (layers, then) in SETS else len(SETS)
    title = ", then ".join("+".join(step) for step in (layers, then) if step)
    name, title = SETS.get((layers, then), ("", title))
    place = (LISTENED, of_paper, list(FINETUNED).index(finetune) if finetune in FINETUNED else 9)
    if finetune not in FINETUNED:
        name = ""
    return TableRow(
        place, title + FINETUNED.get(finetune, f"+{finetune}"),
        name and name + ENDINGS.get(finetune, ""),
    )  # fmt: skip


def _control(epochs: Any, finetune: str) -> TableRow:
    """The teacher's weights without a reconstruction, which the paper does not have."""
    if finetune == "none":
        return TableRow((CONTROLS, 0), "Control: the teacher as it is")
    which = " of the decoder" if finetune == "decoder" else ""
    number = epochs if isinstance(epochs, int) else 0
    length = f"{epochs} epoch{'' if number == 1 else 's'}"
    return TableRow((CONTROLS, number, len(which)), f"Control: {length}{which}")


def is_control(row: TableRow) -> bool:
    """Whether a row is the teacher's weights without a reconstruction."""
    return row.place[0] == CONTROLS
