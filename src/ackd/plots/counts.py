"""How many images each class has, on either side, in each split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import TEST, TRAIN, VAL, Benchmark, SceneSet
from ackd.plots.fonts import with_fonts_for_classes
from ackd.plots.style import BLUE, GREEN, INK, ORANGE, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["counts"]

_SPLITS: Final = ((TRAIN, "training", BLUE), (VAL, "validation", ORANGE), (TEST, "test", GREEN))


@with_fonts_for_classes
def counts(benchmark: Benchmark) -> Figure:
    """Draw a bar a class and side, divided into training, validation and test images.

    An image of several classes counts for each of them.

    Args:
        benchmark: Both modalities, split.
    """
    classes = benchmark.classes
    figure = new_figure(9.6, 0.32 * len(classes) + 1.3)
    left, right = figure.subplots(1, 2, sharey=True)
    sides = {"ms": (left, "MS (teacher)"), "rgb": (right, "RGB (student)")}
    for modality, (axes, title) in sides.items():
        scenes: SceneSet = getattr(benchmark, modality)
        plain_axes(axes, "x")
        axes.set_title(f"{title}: {len(scenes)} images", fontsize=10, color=INK, loc="left")
        axes.set_xlabel("images", fontsize=10, color=INK)
        _bars(axes, scenes, len(classes))
    left.set_yticks(range(len(classes)), classes)
    left.set_ylim(len(classes) - 0.4, -0.6)
    handles, names = right.get_legend_handles_labels()
    figure.legend(
        handles, names, loc="upper center", ncols=len(names), frameon=False, fontsize=9,
        labelcolor=INK,
    )  # fmt: skip
    top = 1 - 0.32 / figure.get_figheight()
    figure.tight_layout(pad=0.6, w_pad=1.5, rect=(0, 0, 1, top))
    return figure


def _bars(axes: Axes, scenes: SceneSet, classes: int) -> None:
    table = {split: _of_split(scenes, split, classes) for split, _, _ in _SPLITS}
    totals = sum(table.values(), np.zeros(classes, dtype=np.int64))
    widest = max(int(totals.max()), 1)
    axes.set_xlim(0, 1.12 * widest)
    axes.locator_params(axis="x", integer=True, nbins=6)
    start = np.zeros(classes, dtype=np.int64)
    for split, name, colour in _SPLITS:
        own = table[split]
        if not own.any():
            continue
        bars = axes.barh(
            range(classes), own, left=start, height=0.72, color=colour, label=name,
            edgecolor="white", linewidth=0.8,
        )  # fmt: skip
        # A number that does not fit into its piece would cover the next one.
        inside = [str(count) if count > 0.07 * widest else "" for count in own.tolist()]
        ink = INK if colour == ORANGE else "white"
        axes.bar_label(bars, inside, label_type="center", fontsize=8, color=ink)
        start = start + own
    for row, total in enumerate(totals.tolist()):
        axes.text(total + 0.012 * widest, row, str(total), va="center", fontsize=8.5, color=INK)


def _of_split(scenes: SceneSet, split: int, classes: int) -> NDArray[np.int64]:
    # Not SceneSet.class_counts: it lets test images stand for validation under protocol "paper".
    labels = scenes.labels[scenes.split == split]
    if scenes.multilabel:
        return np.asarray(labels.sum(axis=0), dtype=np.int64)
    return np.bincount(labels, minlength=classes).astype(np.int64)
