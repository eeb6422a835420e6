"""The command line: ``python -m ackd.prepare``.

Exit codes: 0 all is well; 1 the data are not as they should be; 2 the command line is not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from ackd.config.messages.cli_errors import friendly_errors
from ackd.data.options import BENCHMARKS
from ackd.errors import DataError
from ackd.prepare.options import data_flags, in_words_of_this_command, parser
from ackd.utils.arguments import end

__all__ = ["COMMANDS", "cli", "main"]


def cli(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; the last word is never a stack trace."""
    with friendly_errors([]):
        sys.exit(main(sys.argv[1:] if arguments is None else arguments))


def main(arguments: Sequence[str]) -> int:
    """Run the command line.

    Args:
        arguments: Without the program.

    Returns:
        The exit code.
    """
    if not arguments:
        parser().print_help()
        return 2
    given = parser().parse_args(arguments)
    return end(lambda: COMMANDS[given.command](given), in_words_of_this_command)


def _console(*, stderr: bool = False) -> Console:
    console = Console(stderr=stderr)
    # a pipe or a log has no width of its own; tables of nine columns need more than 80
    return console if console.is_terminal else Console(stderr=stderr, width=140)


def _build(given: argparse.Namespace) -> int:
    # Late, as everywhere here: --help needs neither torch nor rasterio.
    from ackd.prepare.build import Request, build

    request = Request(
        name=given.command,
        raw=given.raw.expanduser(),
        out=given.out.expanduser(),
        given=_data_options(given),
        manifest=given.manifest,
        force=given.force,
        workers=given.workers,
    )
    build(request, _console())
    return 0


def _data_options(given: argparse.Namespace) -> dict[str, Any]:
    """The data options that the command line names; lists become tuples."""
    asked = {name: getattr(given, name) for name in data_flags()}
    named = {
        name: _names(value) if isinstance(value, list) else value
        for name, value in asked.items()
        if value is not None
    }
    if named.get("bands") == ("all",):
        named["bands"] = None
    return named


def _names(given: list[str]) -> tuple[str, ...]:
    """Names apart by blanks, commas, or both, as in a list of Hydra's."""
    return tuple(name for word in given for name in word.strip("[]").split(",") if name)


def _check(given: argparse.Namespace) -> int:
    from ackd.prepare.check import check
    from ackd.utils.io import write_json

    rgb = given.rgb.expanduser() if given.rgb else None
    report = check(given.folder.expanduser(), given.benchmark, given.workers, rgb)
    if given.json == "-":
        print(json.dumps(report.to_json(), indent=2, ensure_ascii=False))
    elif given.json:
        try:
            write_json(Path(given.json), report.to_json())
        except OSError as error:
            raise DataError(
                f"The findings cannot be written to {given.json}: {error.strerror or error}."
            ) from error
    report.show(_console(stderr=given.json == "-"), None if given.all else 5)
    return 1 if report.breaks else 0


def _unpack(given: argparse.Namespace) -> int:
    from ackd.prepare.unpack import archives_in, unpack
    from ackd.utils.progress import bar

    raw = given.raw.expanduser()
    archives = given.archives
    if not archives and raw.is_dir():
        archives = archives_in(raw)
    if not archives:
        raise DataError(f"There is no archive in {raw} (--raw); name one, or another folder.")
    failed = 0
    for archive in archives:
        try:
            with bar(archive.name) as progress:
                made = unpack(archive, raw, progress)
        except DataError as error:
            # the others are unpacked all the same
            failed += 1
            _console(stderr=True).print(
                f"ackd: {error}", soft_wrap=True, markup=False, highlight=False
            )
            continue
        print(f"{archive} -> {', '.join(map(str, made))}")
    return 1 if failed else 0


def _download(given: argparse.Namespace) -> int:
    from ackd.prepare.download import download

    folder, images = download(given.name, given.raw.expanduser())
    print(f"{folder}: {images:,} images")
    return 0


#: Command -> what it does; gives the exit code.
COMMANDS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    **dict.fromkeys(BENCHMARKS, _build),
    "check": _check,
    "unpack": _unpack,
    "download": _download,
}
