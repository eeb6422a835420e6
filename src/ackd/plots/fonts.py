"""Fonts for class names of any script: matplotlib's own has no Chinese, Japanese or Korean."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import cache, wraps
from inspect import signature
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

__all__ = ["families", "missing_glyphs", "with_fonts_for_classes"]

log = logging.getLogger("ackd")

USUAL = "DejaVu Sans"  # comes with matplotlib
# Where several fonts have a character, those made for reading on a screen come first.
PREFERRED = ("Noto Sans", "Source Han Sans", "Microsoft YaHei", "PingFang", "WenQuanYi")

P = ParamSpec("P")
R = TypeVar("R")


def families(texts: Iterable[str]) -> list[str]:
    """Choose installed fonts that together have every character, as far as there are any.

    Args:
        texts: What is to be drawn.

    Returns:
        For matplotlib's ``font.family``, its own font first.
    """
    chosen = [USUAL]
    wanted = missing_glyphs(texts)
    while wanted:
        best = max(_files(), key=lambda name: len(wanted & _glyphs(_files()[name])))
        if not wanted & _glyphs(_files()[best]):
            break
        chosen.append(best)
        wanted -= _glyphs(_files()[best])
    return chosen


def missing_glyphs(texts: Iterable[str]) -> set[int]:
    """Code points that matplotlib's own font does not have."""
    signs = {ord(sign) for text in texts for sign in text if sign.isprintable()}
    if all(sign < 0x250 for sign in signs):  # Latin: nothing needs to be opened
        return set()
    return signs - _glyphs(_files()[USUAL])


def with_fonts_for_classes(draw: Callable[P, R]) -> Callable[P, R]:
    """Let a function write class names in fonts that have them.

    Args:
        draw: Has a parameter ``classes`` or ``benchmark``.
    """
    parameters = signature(draw)

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        import matplotlib as mpl

        given = parameters.bind(*args, **kwargs).arguments
        classes = given["classes"] if "classes" in given else given["benchmark"].classes
        chosen = families(classes)
        left = missing_glyphs(classes).difference(*(_glyphs(_files()[name]) for name in chosen))
        if left:
            log.warning(
                "no installed font has %s of the class names; install one, e.g. Noto Sans CJK "
                "(fonts-noto-cjk), and delete matplotlib's font cache (%s)",
                " ".join(sorted(map(chr, left))[:8]), mpl.get_cachedir(),
            )  # fmt: skip
        options: Any = {"font.family": chosen}
        with mpl.rc_context(options):
            return draw(*args, **kwargs)

    return drawn


@cache
def _files() -> dict[str, str]:
    """Files of the installed upright fonts of usual weight by family, the preferred ones first."""
    from matplotlib.font_manager import findfont, fontManager

    found = {
        font.name: font.fname
        for font in fontManager.ttflist
        if font.style == "normal" and str(font.weight) in ("400", "normal")
        and Path(font.fname).is_file()
    }  # fmt: skip
    ranked = sorted(found.items(), key=lambda font: (not font[0].startswith(PREFERRED), font))
    return {**dict(ranked), USUAL: findfont(USUAL)}


@cache
def _glyphs(path: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()  # not a font that can be drawn with
