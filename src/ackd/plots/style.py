"""What all pictures have in common: colours, and a figure that does not depend on pyplot."""

from __future__ import annotations

from typing import Final, Literal

from ackd.errors import AckdError

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ModuleNotFoundError as error:  # pragma: no cover - matplotlib is there in development
    raise AckdError(
        "ackd.plots draws with matplotlib, which is not installed; add it with "
        "pip install 'ackd[notebooks]'."
    ) from error

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "INK",
    "ORANGE",
    "PALE",
    "VERMILION",
    "new_figure",
    "plain_axes",
]

# Okabe and Ito's palette: told apart with every kind of colour vision, and in print by lightness.
BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
VERMILION: Final = "#D55E00"

INK: Final = "#222222"
GREY: Final = "#6B6B6B"
PALE: Final = "#E4E4E4"

_DPI: Final = 100


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of ``width`` x ``height`` inches at 100 dots an inch.

    Its background is opaque white: dark text on a transparent one is lost on a dark page.
    """
    return Figure(figsize=(width, height), dpi=_DPI, facecolor="white")


def plain_axes(axes: Axes, grid: Literal["x", "y", "both"]) -> None:
    """Take away what says nothing, and draw pale grid lines along one axis.

    Args:
        axes: What is drawn on.
        grid: ``"x"``, ``"y"`` or ``"both"``: the values whose lines are drawn.
    """
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color(GREY)
    axes.tick_params(length=0, labelsize=9, labelcolor=INK)
    axes.set_axisbelow(True)
    axes.grid(visible=True, axis=grid, color=PALE, linewidth=0.8)
