"""Options of commands that read images for a student: how, where the files do not say it."""

from __future__ import annotations

import argparse
import re
from typing import Final

__all__ = ["RUN", "add_reading", "in_words_of_the_command"]

#: What is written in the place of a folder, for the images of the run.
RUN: Final = "run"
#: Arguments of ``predict`` in messages -> options of commands.
_WORDS: Final = (
    (r"bands=\[[^\]]*\]", "--bands"), (r"rgb_max=N", "--rgb-max N"),
    (r"Give rgb_max=", "Give --rgb-max "), (r"\brgb_max\b", "--rgb-max"),
    (r"unit='(\w+)'", r"--unit \1"), (r"nodata=VALUE", "--nodata VALUE"),
    (r"\bnodata=(-?[\d.]+)", r"--nodata \1"), (r"invalid='zero'", "--invalid zero"),
    (r"check=False", "--unchecked"),
    (r"ackd\.load_student\(path, trust='([^']*)'\)", r"--trust \1"),
)  # fmt: skip


def in_words_of_the_command(text: str) -> str:
    """A message about arguments of Python, about options of a command."""
    for pattern, here in _WORDS:
        text = re.sub(pattern, here, text)
    return text


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--trust", action="append", default=[], metavar="MODULE.CLASS",
        help="a network of your own that the student may be built from",
    )  # fmt: skip
    group = parser.add_argument_group("how images are read, where their files do not say it")
    group.add_argument("--bands", metavar="LIST", help="positions from 0, or names of all bands")
    group.add_argument("--rgb-max", type=float, metavar="N", help="the number that is white")
    group.add_argument("--unit", metavar="UNIT", help="of SAR: db, linear or other")
    group.add_argument("--nodata", type=float, metavar="VALUE", help="marks pixels without data")
    group.add_argument("--invalid", metavar="HOW", help="scenes with such pixels: error or zero")
    group.add_argument(
        "--unchecked", action="store_true", help="take numbers and sizes that cannot be right"
    )
