"""Reflectance by wavelength, a panel a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import TRAIN, SceneSet
from ackd.plots.composites import wavelengths
from ackd.plots.fonts import with_fonts_for_classes
from ackd.plots.style import BLUE, GREY, INK, PALE, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["image_means", "spectra"]

_COLUMNS: Final = 4
_CHUNK: Final = 256
_TICKS: Final = (500, 700, 1000, 1500, 2200)  # nm
_VISIBLE: Final = (400.0, 700.0)  # nm


@with_fonts_for_classes
def spectra(scenes: SceneSet, classes: Sequence[str]) -> Figure:
    """Draw the mean spectrum of each class and the middle 80 % of its images' mean spectra.

    Training images only, each counted by the mean over its pixels. The grey line, the same in
    every panel, is the mean of the classes.

    Args:
        scenes: The MS images; an image of several classes counts for each.
        classes: The class names.

    Returns:
        Reflectance over wavelength; digital numbers, or bands in their order, where the sensor's
        scale or wavelengths are not known.
    """
    rows = np.flatnonzero(scenes.split == TRAIN)
    means, labels = image_means(scenes, rows), scenes.labels[rows]
    known = [nm for nm in wavelengths(scenes).values() if nm is not None]
    by_wavelength = len(known) == len(scenes.bands)
    x = np.array(known) if by_wavelength else np.arange(float(len(scenes.bands)))
    order = np.argsort(x)
    members = [
        means[labels[:, number] if labels.ndim == 2 else labels == number][:, order]
        for number in range(len(classes))
    ]
    average = np.mean([own.mean(axis=0) for own in members if len(own)], axis=0)

    columns = min(_COLUMNS, len(classes))
    lines = -(-len(classes) // columns)
    figure = new_figure(2.35 * columns + 0.5, 1.75 * lines + 1.05)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for number, axes in enumerate(grid.flat):
        if number >= len(classes):
            axes.set_visible(False)
            continue
        _panel(axes, x[order], members[number], average, by_wavelength)
        axes.set_title(
            f"{classes[number]}  ({len(members[number])})", fontsize=10, color=INK, loc="left"
        )
        if number + columns >= len(classes):
            axes.tick_params(labelbottom=True)
            _label_bands(axes, [scenes.bands[k] for k in order], by_wavelength)
    grid[0, 0].set_ylim(bottom=min(0.0, float(average.min())))
    handles, names = grid[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, names, loc="upper center", ncols=len(names), frameon=False, fontsize=9,
        labelcolor=INK,
    )  # fmt: skip
    figure.supxlabel("wavelength (nm)" if by_wavelength else "band", fontsize=10, color=INK)
    figure.supylabel(
        "digital number" if scenes.camera.scale is None else "reflectance", fontsize=10, color=INK
    )
    top = 1 - 0.32 / figure.get_figheight()
    figure.tight_layout(
        pad=0.6, h_pad=0.9, w_pad=0.8, rect=(0.16 / figure.get_figwidth(), 0, 1, top)
    )
    return figure


def image_means(scenes: SceneSet, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Average each image over its valid pixels.

    Args:
        scenes: The images.
        rows: (n,) which of them.

    Returns:
        (n, C) reflectance; digital numbers where the sensor's scale is not known.
    """
    means = np.empty((len(rows), len(scenes.bands)))
    for start in range(0, len(rows), _CHUNK):
        images = np.asarray(scenes.images[rows[start : start + _CHUNK]])
        means[start : start + _CHUNK] = np.nanmean(images, axis=(2, 3), dtype=np.float64)
    scale = scenes.camera.scale
    return means if scale is None else (means + scenes.offset) / scale


def _panel(
    axes: Axes,
    x: NDArray[np.float64],
    own: NDArray[np.float64],
    average: NDArray[np.float64],
    by_wavelength: bool,
) -> None:
    plain_axes(axes, "y")
    if by_wavelength:
        axes.set_xscale("log")
        axes.axvspan(*_VISIBLE, color=PALE, alpha=0.6, linewidth=0, label="visible light")
    axes.plot(x, average, color=GREY, linewidth=1.0, linestyle="--", label="mean of all classes")
    if len(own):
        low, high = np.percentile(own, [10, 90], axis=0)
        axes.fill_between(
            x, low, high, color=BLUE, alpha=0.25, linewidth=0, label="its middle 80 %"
        )
        axes.plot(
            x, own.mean(axis=0), color=BLUE, linewidth=1.8, marker="o", markersize=3.5,
            label="mean of the class",
        )  # fmt: skip


def _label_bands(axes: Axes, bands: Sequence[str], by_wavelength: bool) -> None:
    if by_wavelength:
        axes.set_xticks(_TICKS, [str(tick) for tick in _TICKS])
        axes.set_xticks([], minor=True)
    else:
        axes.set_xticks(range(len(bands)), bands, rotation=90)
