"""Images side by side: the contact sheet of a class, and pairs of both modalities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import TRAIN, Benchmark, SceneSet
from ackd.plots.composites import Composite
from ackd.plots.fonts import with_fonts_for_classes
from ackd.plots.style import GREY, INK, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["contact_sheet", "example_pairs"]

_TILE: Final = 0.96  # inches: twice the 48 pixels of the embedded scenes
_GAP: Final = 0.05
_LABELS: Final = 1.35  # inches left of the images, for the names of the rows
_TITLE: Final = 0.34

Pictures = NDArray[np.uint8]


@with_fonts_for_classes
def contact_sheet(
    benchmark: Benchmark,
    label: int,
    composites: Sequence[Composite],
    *,
    columns: int = 8,
    seed: int = 0,
) -> Figure:
    """Show training images of one class: the MS side once a composite, then the RGB side.

    Images in one column of the MS rows are the same; those of the RGB row are of other places.

    Args:
        benchmark: Both modalities.
        label: Position in ``benchmark.classes``.
        composites: How MS images are shown, one row each.
        columns: Images a row at most.
        seed: Draws the images.

    Raises:
        ValueError: If there is no such class.
    """
    _check_label(benchmark, label)
    ms = _draw(benchmark.ms, label, columns, seed)
    rgb = _draw(benchmark.rgb, label, columns, seed)
    rows = [
        (f"MS, {look.title}", " ".join(look.bands), look(benchmark.ms.images[ms]))
        for look in composites
    ]
    rows.append(("RGB", "", _as_stored(benchmark.rgb.images[rgb])))
    return _sheet(benchmark.classes[label], rows, columns)


@with_fonts_for_classes
def example_pairs(
    benchmark: Benchmark, composite: Composite, *, columns: int = 8, seed: int = 0
) -> Figure:
    """Show one RGB training image a class over a random MS training image of that class.

    Where the MS side has the RGB image's own scene (its twin), that one stands between the two.

    Args:
        benchmark: Both modalities.
        composite: How MS images are shown.
        columns: Classes shown at most, the first ones.
        seed: Draws the pairs.
    """
    ms, rgb = benchmark.ms, benchmark.rgb
    row_of = {str(scene): row for row, scene in enumerate(ms.scene_ids)}
    names: list[str] = []
    photographs: list[Pictures] = []
    twins: list[Pictures | None] = []
    strangers: list[Pictures] = []
    for label in range(min(columns, len(benchmark.classes))):
        student = _draw(rgb, label, 1, seed)
        twin = [row_of[scene] for scene in rgb.scene_ids[student].tolist() if scene in row_of]
        teacher = [row for row in _draw(ms, label, 2, seed).tolist() if row not in twin][:1]
        if not len(student) or not teacher:
            continue
        names.append(benchmark.classes[label])
        photographs.append(_as_stored(rgb.images[student])[0])
        twins.append(composite(ms.images[twin])[0] if twin else None)
        strangers.append(composite(ms.images[teacher])[0])
    rows: list[tuple[str, str, Sequence[Pictures | None]]] = [("RGB", "", photographs)]
    if any(twin is not None for twin in twins):
        rows.append(("MS", "the same scene", twins))
    rows.append(("MS", "a random scene\nof the class", strangers))
    return _sheet("", rows, len(names), heads=names)


def _check_label(benchmark: Benchmark, label: int) -> None:
    if not 0 <= label < len(benchmark.classes):
        raise ValueError(
            f"label is {label}; expected 0 to {len(benchmark.classes) - 1}, a position in "
            f"{', '.join(benchmark.classes)}."
        )


def _draw(scenes: SceneSet, label: int, count: int, seed: int) -> NDArray[np.int64]:
    """Draw training images of a class, ascending."""
    bears = scenes.labels[:, label] if scenes.multilabel else scenes.labels == label
    rows = np.flatnonzero(bears & (scenes.split == TRAIN))
    draw = np.random.default_rng([seed, label])
    return np.sort(draw.permutation(rows)[:count]).astype(np.int64)


def _as_stored(images: NDArray[Any]) -> Pictures:
    """8-bit images; invalid pixels of float ones (NaN) are black."""
    levels: Pictures = np.nan_to_num(images).astype(np.uint8)
    return levels.transpose(0, 2, 3, 1)


def _sheet(
    title: str,
    rows: Sequence[tuple[str, str, Sequence[Pictures | None] | Pictures]],
    columns: int,
    heads: Sequence[str] = (),
) -> Figure:
    """Lay rows of (name, explanation, pictures) out on a grid of square tiles."""
    step = _TILE + _GAP
    width, height = _LABELS + columns * step, _TITLE + len(rows) * step
    figure = new_figure(width, height)
    if title:
        figure.text(
            _LABELS / width, 1 - 0.5 * _TITLE / height, title,
            ha="left", va="center", fontsize=12, fontweight="bold", color=INK,
        )  # fmt: skip
    for column, head in enumerate(heads):
        figure.text(
            (_LABELS + column * step + 0.5 * _TILE) / width, 1 - 0.55 * _TITLE / height, head,
            ha="center", va="center", fontsize=min(9.0, 120 / len(head)), color=INK,
        )  # fmt: skip
    for number, (name, explanation, pictures) in enumerate(rows):
        bottom = height - _TITLE - (number + 1) * step + _GAP
        middle = (bottom + 0.5 * _TILE) / height
        right = (_LABELS - 0.12) / width
        where = 0.02 / height if explanation else 0.0
        figure.text(
            right, middle + where, name, ha="right", fontsize=9, color=INK,
            va="bottom" if explanation else "center",
        )  # fmt: skip
        figure.text(
            right, middle - where, explanation, ha="right", va="top", fontsize=8, color=GREY,
            linespacing=1.1,
        )  # fmt: skip
        for column, picture in enumerate(pictures):
            left = _LABELS + column * step
            if picture is not None:
                axes = figure.add_axes(
                    (left / width, bottom / height, _TILE / width, _TILE / height)
                )
                axes.imshow(picture, interpolation="nearest")
                axes.set_axis_off()
    return figure
