"""Drawings that take their colours from the page, so that one picture serves light and dark.

Pictures of tiles have colors of their own and stand in the page as they are.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ackd.errors import AckdError
from ackd.report.model import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DASHES", "INK", "SERIES", "draw", "pictures", "require_drawing", "series"]

# Stand-ins that matplotlib draws with; each becomes a variable of the page's style sheet.
INK, GRID, PAPER = "#b00001", "#b00002", "#b00003"
SERIES = 6
DASHES: tuple[Any, ...] = (
    "-", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 2, 2)), (0, (10, 3)), (0, (4, 1.5, 1, 1.5, 1, 1.5)),
)  # fmt: skip
VARIABLES = {INK: "var(--ink)", GRID: "var(--rule)", PAPER: "var(--paper)"}

STYLE: Any = {
    "svg.fonttype": "none", "svg.hashsalt": "ackd", "font.size": 10, "text.parse_math": False,
    "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.edgecolor": GRID, "axes.facecolor": "none", "figure.facecolor": "none",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": GRID,
    "grid.linewidth": 0.6, "axes.axisbelow": True, "lines.linewidth": 1.8, "xtick.major.size": 0,
    "ytick.major.size": 0, "axes.formatter.useoffset": False,
}  # fmt: skip


def series(position: int) -> str:
    """The stand-in colour of a series, counted from 0; the page calls it ``--s1`` and so on."""
    return f"#a0000{position % SERIES + 1}"


def require_drawing() -> None:
    """Look for matplotlib before anything is computed.

    Raises:
        AckdError: It cannot be imported.
    """
    try:
        import matplotlib.backends.backend_svg  # noqa: F401
    except ImportError as error:
        raise AckdError(
            f"The report draws with matplotlib, which cannot be imported ({error}): "
            "pip install 'ackd[report]'"
        ) from error


def draw(
    title: str, paint: Callable[[Axes], None], *, name: str, size: tuple[float, float] = (4.2, 2.9)
) -> Panel:
    """Let ``paint`` draw on a pair of axes, and make an inline SVG of it.

    Args:
        title: Heading of the panel; also what a screen reader says.
        paint: Draws with :func:`series` and :data:`INK` as colours.
        name: Unique on the page; keeps the ids of two pictures apart.
        size: Inches.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    from ackd.plots.fonts import families, missing_glyphs

    def painted() -> Figure:
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasSVG(figure)
        paint(figure.add_subplot())
        return figure

    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # A font only says here how much room a text needs; the reader's browser chooses its own.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = painted()
        figure.draw_without_rendering()
        texts = [text.get_text() for text in figure.findobj(Text)]
        if missing_glyphs(texts):
            mpl.rcParams["font.family"] = families(texts)
            figure = painted()
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return Panel(title, _inline(file.getvalue(), name, title))


def pictures(
    title: str, shown: Sequence[tuple[bytes, str]], kind: str, size: tuple[int, int]
) -> Panel:
    """Put pictures beside each other, each with a line of text below it.

    Args:
        title: Heading of the panel; also what a screen reader says.
        shown: Encoded pictures with their texts, which may be empty.
        kind: E.g. ``"image/png"``.
        size: Width and height of each picture.
    """
    (width, height), gap, line = size, 8, 22
    below = line if any(text for _, text in shown) else 0
    parts = []
    for place, (content, text) in enumerate(shown):
        left = place * (width + gap)
        source = f"data:{kind};base64,{base64.b64encode(content).decode()}"
        parts.append(f'<image x="{left}" width="{width}" height="{height}" href="{source}"/>')
        if text:
            middle = f'x="{left + width / 2:g}" y="{height + 15}"'
            style = "font: 13px var(--font); text-anchor: middle; fill: var(--ink)"
            parts.append(f'<text {middle} style="{style}">{escape(text)}</text>')
    box = f"0 0 {len(shown) * (width + gap) - gap} {height + below}"
    head = f'<svg class="plot" viewBox="{box}" role="img" aria-label="{escape(title)}">'
    return Panel(title, "\n".join((head, *parts, "</svg>")))


def _inline(text: str, name: str, title: str) -> str:
    """Strip what a file needs and a page does not, and let the page choose colours and fonts."""
    body = text[text.index("<svg") :]
    box = re.search(r'viewBox="([^"]+)"', body)
    body = body[body.index(">") + 1 : body.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    # Its style sheet would reach everything on the page.
    body = re.sub(r"<style.*?</style>", "", body, flags=re.S)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.S)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', body)
    body = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{name}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", body)
    body = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font: \1px var(--font)", body)
    body = re.sub(r"#a0000(\d)", r"var(--s\1)", body)
    for stand_in, variable in VARIABLES.items():
        body = body.replace(stand_in, variable)
    body = re.sub(r"\n\s*", "\n", body).strip()
    view = box.group(1) if box else "0 0 300 200"
    head = f'<svg class="plot" viewBox="{view}" role="img" aria-label="{escape(title)}">'
    return f"{head}\n{body}\n</svg>"
