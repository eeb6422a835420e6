"""The pictures of one data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ackd.analysis.statistics import spread
from ackd.report.conditions import Condition, DataSet, say, short
from ackd.report.curves import Curve, curve, metric_names
from ackd.report.model import Figure, Panel
from ackd.report.pairing import Slice, slices
from ackd.report.predictions import confusion
from ackd.report.svg import DASHES, INK, SERIES, draw, series
from ackd.tasks import MetricDescription

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "Wanted", "by_option", "confusions", "learning", "loss_terms", "measured_over_epochs",
    "rematching", "sensitivities", "transport",
]  # fmt: skip

BAND = "Line: mean over seeds; band: lowest to highest seed."
MOST_MATRICES = 16
WIDE = 12  # classes; more get a larger picture


@dataclass(frozen=True)
class Wanted:
    """What may be drawn over epochs.

    Attributes:
        column: Of ``metrics.csv``.
        title: Of the panel.
        label: Of the vertical axis.
        factor: From the stored value to the drawn one.
    """

    column: str
    title: str
    label: str
    factor: float = 1.0


def learning(data: DataSet, place: str) -> list[Figure]:
    """The metrics of the validation images, and the losses, over epochs."""
    wanted = [
        Wanted(
            f"val/{metric.name}", f"Validation {metric.title}", metric.head + metric.unit,
            metric.factor,
        )
        for metric in data.task.metrics
    ]  # fmt: skip
    wanted += [
        Wanted("train/loss", "Training loss", "loss"), Wanted("val/loss", "Validation loss", "loss")
    ]  # fmt: skip
    return measured_over_epochs(data, place, "learning", "Learning curves", wanted)


def loss_terms(data: DataSet, place: str) -> list[Figure]:
    """Every term of the loss, raw and as it weighs in the sum."""
    names = [key.removeprefix("loss/") for key in metric_names(data.conditions, "loss/")]
    wanted = [
        Wanted(f"{kind}/{name}", f"{name}, {title}", title)
        for name in names
        for kind, title in (("loss", "raw"), ("weighted", "weighted"))
    ]
    return measured_over_epochs(data, place, "losses", "Loss terms", wanted)


def transport(data: DataSet, place: str) -> list[Figure]:
    """The transport cost between teacher and student, figures 2 and 7."""
    kinds = (
        ("", "2-Wasserstein distance"), ("nearest_", "to the nearest teacher"),
        ("pairs_", "of the pairs in force"),
    )  # fmt: skip
    wanted = [
        Wanted(f"transport/{kind}{space}", f"{space.capitalize()}: {title}", "distance")
        for space in ("features", "logits")
        for kind, title in kinds
    ]
    return measured_over_epochs(data, place, "transport", "Figures 2 and 7: transport cost", wanted)


def rematching(data: DataSet, place: str) -> list[Figure]:
    """What DynM changed each time."""
    wanted = (
        Wanted("dynm/share_changed", "Share of images with a new teacher", "%", 100),
        Wanted("dynm/kl_before", "Divergence before", "KL, nats"),
        Wanted("dynm/kl_after", "Divergence after", "KL, nats"),
        Wanted("dynm/distinct_teachers", "Distinct teachers", "MS images"),
        Wanted("dynm/agreement_with_first", "Agreement with the first pairing", "%", 100),
        Wanted("dynm/top_teacher_share", "Share of the most popular teacher", "%", 100),
    )
    return measured_over_epochs(
        data, place, "rematching", "Re-matching by DynM", wanted, axis="dynm/epoch"
    )


def measured_over_epochs(
    data: DataSet, place: str, name: str, title: str, wanted: Sequence[Wanted],
    axis: str = "epoch", label: Callable[[Condition], str] = lambda condition: condition.label,
) -> list[Figure]:  # fmt: skip
    """One figure for every handful of conditions, with one panel per metric that was measured.

    Args:
        data: Whose conditions are drawn.
        place: Anchor of the section, which keeps names unique on the page.
        name: Of the figure.
        title: Of the figure.
        wanted: What may be drawn; metrics that no run has are left out.
        axis: The column that says when.
        label: What a condition is called in the legend.
    """
    # A condition has one colour in all figures, so places in a handful are never closed up.
    numbered = [(i % SERIES, condition) for i, condition in enumerate(data.conditions)]
    handfuls = [numbered[i : i + SERIES] for i in range(0, len(numbered), SERIES)]
    having = [
        [(i, c) for i, c in some if any(curve(c, each.column, axis) for each in wanted)]
        for some in handfuls
    ]
    chunks = [some for some in having if some]
    figures = []
    for number, chunk in enumerate(chunks, 1):
        anchor = f"{place}-{name}" + (f"-{number}" if number > 1 else "")
        panels: list[Panel] = []
        for each in wanted:
            curves = {i: curve(condition, each.column, axis) for i, condition in chunk}
            if any(curves.values()):
                ident = f"{anchor}-{len(panels)}"
                panels.append(_curves(each.title, each.label, curves, ident, each.factor))
        more = f" ({number} of {len(chunks)})" if len(chunks) > 1 else ""
        legend = tuple((f"s{i + 1}", label(condition)) for i, condition in chunk)
        figures.append(Figure(anchor, title + more, tuple(panels), legend, (BAND,)))
    return figures


def _curves(
    title: str, label: str, curves: Mapping[int, Curve | None], name: str, scale: float
) -> Panel:
    def paint(axes: Axes) -> None:
        for position, found in curves.items():
            if found is None:
                continue
            epochs = np.array(found.epochs)
            mean, low, high = (scale * np.array(v) for v in (found.mean, found.low, found.high))
            colour = series(position)
            axes.fill_between(epochs, low, high, color=colour, alpha=0.16, linewidth=0)
            few = len(epochs) < 6
            axes.plot(
                epochs, mean, color=colour, linestyle=DASHES[position], marker="o" if few else "",
                markersize=4,
            )  # fmt: skip
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.locator_params(axis="x", integer=True)
        axes.margins(x=0.03)

    return draw(title, paint, name=name)


def sensitivities(data: DataSet, place: str, options: Sequence[str]) -> list[Figure]:
    """Figure 5: by the value of one option, a line for each choice of the others.

    The validation images come first: an option is chosen by them.
    """
    figures = []
    for option in options:
        found = slices(data, option)[:SERIES]
        if found:
            anchor = f"{place}-plot-{option.replace('.', '-')}"
            title = f"{data.task.selection.head} by {short(option)}"
            figures.append(by_option(data.task.selection, found, anchor, title))
    return figures


def by_option(
    metric: MetricDescription, found: Sequence[Slice], anchor: str, title: str, *,
    logarithmic: bool = False,
) -> Figure:  # fmt: skip
    """Draw a metric by the value of one option, a line for each slice.

    Args:
        metric: Of validation images in a first panel, of test images in a second one.
        found: At most as many as there are colors, all of one option.
        anchor: Unique on the page.
        title: Of the figure.
        logarithmic: Whether the option has a logarithmic axis.
    """
    option = found[0].option

    def paint(axes: Axes, path: str) -> None:
        for position, part in enumerate(found):
            values = [spread([metric.factor * v for v in c.values(path)] or [np.nan])
                      for c in part.conditions]  # fmt: skip
            axes.errorbar(
                [float(value) for value in part.values], [value.mean for value in values],
                yerr=[value.sd or 0 for value in values], color=series(position), capsize=3,
                linestyle=DASHES[position], marker="o", markersize=5, elinewidth=1,
            )  # fmt: skip
        ticks = sorted({float(value) for part in found for value in part.values})
        if logarithmic:
            axes.set_xscale("log")
            axes.minorticks_off()
        axes.set_xticks(ticks, [say(tick) for tick in ticks])
        axes.set_xlabel(short(option))
        axes.set_ylabel(metric.head + metric.unit)

    panels = [
        draw(
            f"{images} {metric.head} by {short(option)} ({option})",
            partial(paint, path=f"student.{part}.{metric.name}"), name=f"{anchor}-{part}",
        )
        for part, images in (("validation", "Validation"), ("metrics", "Test"))
        if any(c.values(f"student.{part}.{metric.name}") for one in found for c in one.conditions)
    ]  # fmt: skip
    legend = tuple((f"s{i + 1}", part.rest) for i, part in enumerate(found))
    note = "Mean and sample standard deviation over seeds; the axis does not start at 0."
    return Figure(anchor, title, tuple(panels), legend, (note,))


def confusions(data: DataSet, place: str) -> Figure | None:
    """Row-normalised confusion matrices, the seeds of a condition added up."""
    panels = []
    having = [c for c in data.conditions if any(run.predictions for run in c.runs)]
    for number, condition in enumerate(having[:MOST_MATRICES]):
        said = [p for run in condition.runs if (p := run.predictions) is not None]
        counts = confusion(said)
        if counts.sum() == 0:
            continue
        panels.append(_matrix(condition, counts, said[0].classes, f"{place}-matrix-{number}"))
    if not panels:
        return None
    notes = ["Rows: true class; columns: predicted class; percent of the row, seeds added up."]
    if len(having) > MOST_MATRICES:
        notes.append(f"The first {MOST_MATRICES} of {len(having)} conditions.")
    return Figure(f"{place}-confusion", "Confusion matrices", tuple(panels), (), tuple(notes))


def _matrix(
    condition: Condition, counts: npt.NDArray[np.int64], classes: Sequence[str], name: str
) -> Panel:
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(classes)

    def paint(axes: Axes) -> None:
        from matplotlib.patches import Rectangle

        for (row, column), value in np.ndenumerate(share):
            # Not darker than this: the number must stay readable in both colour schemes.
            shade = 0.55 * value / 100
            axes.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=series(0), alpha=shade, lw=0)
            )
            if value >= 0.5:
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", color=INK, size=8)
        axes.set_xlim(-0.5, size - 0.5)
        axes.set_ylim(size - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.set_xticks(range(size), classes, rotation=90, size=8)
        axes.set_yticks(range(size), classes, size=8)
        axes.grid(visible=False)

    side = 4.4 if size <= WIDE else 0.37 * size
    return draw(condition.label, paint, name=name, size=(side, side))
