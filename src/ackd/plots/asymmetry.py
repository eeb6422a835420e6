"""How much less two images of one class share than two images of one scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike

from ackd.plots.fonts import with_fonts_for_classes
from ackd.plots.style import BLUE, GREY, INK, ORANGE, VERMILION, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["pair_asymmetry"]

# Shapes as well as colours, so that no kind is known by its colour alone.
_MARKS: Final = ((BLUE, "o"), (ORANGE, "D"), (VERMILION, "s"), (GREY, "|"))


@with_fonts_for_classes
def pair_asymmetry(classes: Sequence[str], information: Mapping[str, ArrayLike]) -> Figure:
    """Draw the mutual information of several kinds of pairs, a line a class.

    As figure 6 of arXiv 2511.08901; the values are those of `ackd.analysis.information_by_class`.

    Args:
        classes: (K,) names.
        information: One to four kinds of pairs by name: (K,) nats each, NaN for a class without.

    Raises:
        ValueError: If there are too many kinds, or one has not a value a class.
    """
    if not 1 <= len(information) <= len(_MARKS):
        raise ValueError(
            f"information has {len(information)} kinds of pairs; expected 1 to {len(_MARKS)}."
        )
    values = {name: np.asarray(row, dtype=np.float64) for name, row in information.items()}
    for name, row in values.items():
        if row.shape != (len(classes),):
            raise ValueError(
                f"information['{name}'] has shape {row.shape}; expected ({len(classes)},), one "
                "value a class."
            )
    rows = np.arange(len(classes))
    figure = new_figure(8.4, 0.34 * len(rows) + 1.3)
    axes = figure.subplots()
    plain_axes(axes, "both")
    table = np.stack(list(values.values()))
    for height, own in enumerate(table.T):
        found = own[np.isfinite(own)]
        if found.size:
            span = [found.min(), found.max()]
            axes.plot(span, [height, height], color=GREY, linewidth=1.2, zorder=1)
    for (name, points), (colour, marker) in zip(values.items(), _MARKS, strict=False):
        size, width = (160, 2.2) if marker == "|" else (52, 0.8)
        axes.scatter(
            points,
            rows,
            s=size,
            color=colour,
            marker=marker,
            linewidths=width,
            zorder=2,
            label=name,
        )
    axes.set_yticks(rows, classes)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(
        "mutual information of a pair (nats), mean of the class", fontsize=10, color=INK
    )
    figure.legend(
        loc="upper center", ncols=len(values), frameon=False, fontsize=9, labelcolor=INK,
        handletextpad=0.2, columnspacing=1.4,
    )  # fmt: skip
    figure.tight_layout(pad=0.6, rect=(0, 0, 1, 1 - 0.34 / figure.get_figheight()))
    return figure
