"""What can be typed after ``python -m ackd.prepare``, and the nearest right name of what cannot."""

from __future__ import annotations

import argparse
import re
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

from ackd.config.location import about, config_dir, from_environment
from ackd.data.options import BENCHMARKS, ArchiveOptions, image_options, pixel_options
from ackd.utils.arguments import Parser

__all__ = ["data_flags", "flag_of", "in_words_of_this_command", "parser"]

_EXAMPLES: Final = """examples:
  python -m ackd.prepare download eurosat_ms --raw raw
  python -m ackd.prepare unpack --raw raw
  python -m ackd.prepare check raw --benchmark s2s_eu
  python -m ackd.prepare check my_ms_images my_rgb_images
  python -m ackd.prepare s2s_eu --raw raw --out s2s_eu
  python -m ackd.train data=s2s_eu data.root=s2s_eu

exit code: 0 all is well, 1 the data are not as they should be, 2 the command line is not
"""

#: Data options that are called otherwise here than ``--`` and their name.
_FLAGS: Final = {"root": "--raw", "packs": "--out", "missing_classes": "--missing"}

#: What an option does here; a new data option is offered without a word here as well.
_HELP: Final = {
    "sources": "RGB sources (default: all of the benchmark; fewer mark the set partial)",
    "bands": "MS bands by name, or 'all' of the files (default: the benchmark's)",
    "size": "pixels a side (default: the benchmark's)",
    "missing_classes": "drop: leave out RGB sources and classes that are not there, and mark the "
    "set partial (default: error)",
    "twins": "scenes that both sides show: on one side only, on both, or nothing else "
    "(default: split)",
    "draw": "at most Table 10's images per class and side, or every image (default: paper)",
    "protocol": "of the splits in the manifest; a run chooses its own (default: strict)",
    "split_seed": "of twins, draw and splits (default: 0)",
    "layout": "archives as published, or the authors' MS/ and RGB/ folders (default: publishers)",
}


def data_flags() -> dict[str, dict[str, Any]]:
    """The data options that shape a prepared folder: name -> what argparse must know of it."""
    pixels = pixel_options(ArchiveOptions(name="", root=""))
    offered = [*image_options(ArchiveOptions), *pixels, "bands", "protocol", "layout"]
    types = get_type_hints(ArchiveOptions)
    return {
        one.name: _flag(types[one.name]) | {"help": _HELP.get(one.name, f"as data.{one.name}")}
        for one in fields(ArchiveOptions)
        if one.name in offered
    }


def flag_of(name: str) -> str:
    """What a data option is called here, such as ``--split-seed``."""
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


def _flag(kind: Any) -> dict[str, Any]:
    """How argparse reads a value of a type."""
    parts = [part for part in get_args(kind) if part is not NoneType] or [kind]
    if get_origin(kind) is Literal:
        return {"choices": get_args(kind)}
    if get_origin(parts[0]) is tuple:
        return {"nargs": "+", "metavar": "NAME"}
    if parts[0] is int:
        return {"type": _count if len(get_args(kind)) else _seed, "metavar": "N"}
    return {"type": parts[0], "metavar": "VALUE"}


def in_words_of_this_command(text: str) -> str:
    """Call the options in a message what they are called here: ``--raw DIR`` for data.root=DIR."""

    def here(match: re.Match[str]) -> str:
        if match["option"] not in {*data_flags(), *_FLAGS}:
            return match[0]
        option = flag_of(match["option"])
        names = match["names"]
        if names is not None:
            return f"{option} {names.replace(',', ' ')}"
        return f"{option} " if match["value"] else option

    return re.sub(r"data\.(?P<option>[a-z_]+)(?P<value>=(\[(?P<names>[^\]]*)\])?)?", here, text)


def parser() -> argparse.ArgumentParser:
    """The parser; the command is in ``command``."""
    top = Parser(
        prog="python -m ackd.prepare",
        description="Get, look at and pack the images of a benchmark, once for all runs.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = top.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=Parser
    )

    def add(name: str, title: str, description: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=title, description=description, allow_abbrev=False)

    for name in BENCHMARKS:
        title = about((config_dir() / "data" / f"{name}.yaml").read_text(encoding="utf-8"))
        _benchmark_options(
            add(
                name,
                title.rstrip("."),
                f"{title} Says what lies under --raw and what is missing, counts the images a "
                "class, and writes the packed images and manifest.csv into --out, which "
                f"ackd.train data={name} data.root=OUT reads without the archives.",
            )
        )
    _check_options(
        add(
            "check",
            "open every file under a folder and say what is wrong",
            "Opens every image of every known source under DIR, of a prepared folder, or of your "
            "own MS and RGB images (DIR RGB_DIR). Exit code 1 if anything found would break "
            "training.",
        )
    )
    _unpack_options(
        add(
            "unpack",
            "unpack downloaded archives (zip, tar), safely",
            "Unpacks zip and tar archives into --raw. Links, and paths that lead out of the "
            "archive's folder, are refused.",
        )
    )
    _download_options(
        add(
            "download",
            "fetch a source by torchgeo or torchvision",
            "Fetches, verifies and unpacks one source where a library knows its address and the "
            "network allows; else says what to get and where to put it.",
        )
    )
    return top


def _raw(to: Any) -> None:
    to.add_argument(
        "--raw",
        type=Path,
        default=Path(from_environment("ACKD_DATA", "data")),
        metavar="DIR",
        help="folder of the archives, unpacked (default: $ACKD_DATA, else data)",
    )


def _workers(to: Any) -> None:
    to.add_argument("--workers", type=_count, metavar="N", help="reading threads")


def _benchmark_options(to: argparse.ArgumentParser) -> None:
    _raw(to)
    to.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make")
    for name, flag in data_flags().items():
        to.add_argument(flag_of(name), dest=name, **flag)
    to.add_argument(
        "--manifest",
        type=Path,
        metavar="FILE",
        help="rebuild the very set that a manifest.csv lists; every checksum is verified",
    )
    to.add_argument("--force", action="store_true", help="pack anew, also over another set")
    _workers(to)


def _check_options(to: argparse.ArgumentParser) -> None:
    to.add_argument("folder", type=Path, metavar="DIR", help="what to look at")
    to.add_argument(
        "rgb",
        type=Path,
        nargs="?",
        metavar="RGB_DIR",
        help="your own RGB images, where DIR holds your own MS images, each with one folder per "
        "class: says what was understood, and the command that trains on them",
    )
    to.add_argument(
        "--benchmark", metavar="NAME", help="judge it as this benchmark and look at nothing else"
    )
    to.add_argument("--json", metavar="FILE", help="write the findings as JSON; - for the screen")
    to.add_argument("--all", action="store_true", help="show every finding, not five of a kind")
    _workers(to)


def _unpack_options(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "archives",
        nargs="*",
        type=Path,
        metavar="ARCHIVE",
        help="what to unpack (default: every archive in --raw that is not unpacked yet)",
    )
    _raw(to)


def _download_options(to: argparse.ArgumentParser) -> None:
    to.add_argument("name", metavar="NAME", help="a source, such as eurosat_ms")
    _raw(to)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number above 0")
    return int(text)


def _seed(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 0 to {2**32 - 1}")
    return int(text)
