"""What can be typed after ``python -m ackd.predict``, and messages in these words."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Final

from ackd.utils.arguments import Parser

__all__ = ["in_words_of_this_command", "parser"]

_EXAMPLES: Final = """examples:
  python -m ackd.predict student.pt photographs --out labels
  python -m ackd.predict student.pt scene.tif --overlap 0
  python -m ackd.predict sar_student.pt scene.tif --unit linear --min-area 20

exit code: 0 all is well, 1 an image has no answer, 2 the command line is not right
"""
_UNITS: Final = ("db", "linear", "other")
_MAPS: Final = ("probability", "mask", "polygons")

#: Arguments of Python that are switches here.
_SWITCHES: Final = {
    "check=False": "--no-check", "any_resolution=True": "--any-resolution",
}  # fmt: skip
_ARGUMENT: Final = re.compile(
    r"(?P<call>ackd\.load_student\(path, )?"
    r"(?<![\w.=-])(?P<name>bands|rgb_max|unit|nodata|invalid|trust|window|overlap|batch_size"
    r"|min_area|simplify|write)="
    r"(?P<value>\[[^\]]*\]|\([^)]*\)|'[^']*'|-?[\w.+-]*\w)"
    r"(?(call)\))"
)


def in_words_of_this_command(text: str) -> str:
    """Call arguments of Python in a message what they are called here: ``--unit linear``."""
    for argument, switch in _SWITCHES.items():
        text = text.replace(argument, switch)

    def here(match: re.Match[str]) -> str:
        value = re.sub(r"[\[\]()']|, (?=.)", lambda m: "," if m[0] == ", " else "", match["value"])
        return f"--{match['name'].replace('_', '-')} {value}"

    return _ARGUMENT.sub(here, text)


def parser() -> argparse.ArgumentParser:
    """The parser."""
    top = Parser(
        prog="python -m ackd.predict",
        description="Say what images show. A student of scenes gives a table (CSV) of photographs, "
        "and the classes of windows (GeoJSON) and of pixels (GeoTIFF) of large rasters. A student "
        "of segmentation gives probabilities and mask (GeoTIFF) and polygons (GeoJSON) of rasters "
        "of any size.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("student", type=Path, metavar="STUDENT", help="student.pt, or a run's folder")
    top.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="images, or folders of images"
    )
    top.add_argument(
        "--out", type=Path, default=Path("predictions"), metavar="DIR",
        help="folder of the results (default: %(default)s)",
    )  # fmt: skip
    top.add_argument("--device", metavar="NAME", help="such as cpu or cuda:1 (default: a GPU's)")
    top.add_argument("--batch-size", type=int, metavar="N", help="images or windows a batch")
    top.add_argument(
        "--trust", action="append", default=[], metavar="MODULE",
        help="import path of a network of your own that the student is built from",
    )  # fmt: skip
    _image_options(top.add_argument_group("what images are"))
    _window_options(top.add_argument_group("large rasters"))
    _segmentation_options(top.add_argument_group("results of segmentation"))
    return top


def _image_options(to: argparse._ArgumentGroup) -> None:
    to.add_argument(
        "--bands", type=_bands, metavar="A,B,...",
        help="positions, counted from 0, of the student's bands, or the names of all bands",
    )  # fmt: skip
    to.add_argument("--rgb-max", type=float, metavar="N", help="white, of more than 8 bits")
    to.add_argument("--unit", choices=_UNITS, help="of SAR images; linear becomes decibels")
    to.add_argument("--nodata", type=float, metavar="VALUE", help="marks pixels without data")
    to.add_argument(
        "--invalid", choices=("error", "zero"),
        help="photographs with pixels without data: refused, or these become the mean",
    )  # fmt: skip
    to.add_argument(
        "--no-check", dest="check", action="store_false",
        help="take numbers and sizes that cannot be right as they are",
    )  # fmt: skip
    to.add_argument(
        "--any-resolution", action="store_true",
        help="take pixels of another size on the ground than in training",
    )  # fmt: skip


def _window_options(to: argparse._ArgumentGroup) -> None:
    to.add_argument(
        "--window", type=int, metavar="PIXELS",
        help="side of a window (default: scenes as in training, segmentation 512 or more)",
    )  # fmt: skip
    to.add_argument(
        "--overlap", type=int, metavar="PIXELS",
        help="of a window with the next (default: scenes a half, segmentation an eighth)",
    )  # fmt: skip
    to.add_argument("--whole", action="store_true", help="take each raster as one photograph")


def _segmentation_options(to: argparse._ArgumentGroup) -> None:
    to.add_argument(
        "--write", type=_names, metavar="A,B,...", help=f"of {', '.join(_MAPS)} (default: all)"
    )
    to.add_argument(
        "--min-area", type=float, metavar="M2",
        help="of a polygon in square metres, or in pixels without coordinates (default: 4 pixels)",
    )  # fmt: skip
    to.add_argument(
        "--simplify", type=float, metavar="METRES",
        help="by how much outlines may move to have fewer corners (needs shapely)",
    )  # fmt: skip


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.strip("[]").split(",") if name.strip())


def _bands(text: str) -> list[int] | list[str]:
    names = list(_names(text))
    if not names:
        raise argparse.ArgumentTypeError("names no band")
    return [int(name) for name in names] if all(map(str.isdigit, names)) else names
