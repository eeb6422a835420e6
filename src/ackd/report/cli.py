"""The command line: ``python -m ackd.report DIR``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ackd.config.messages.cli_errors import friendly_errors
from ackd.errors import DataError, nearest_path

__all__ = ["cli", "write_report"]


def write_report(root: Path, out: Path) -> list[Path]:
    """Write the report of all runs under a folder.

    Args:
        root: Searched for run folders, at any depth.
        out: Gets ``report.html``, ``report.md``, ``report.tex`` and ``tables/*.csv``; made if
            need be. Files of an earlier report are replaced.

    Returns:
        What was written.

    Raises:
        DataError: There is no such folder, or no run in it.
    """
    # Late: they bring matplotlib, scipy and torch along, and --help needs none of them.
    from ackd.report.build import build
    from ackd.report.collect import collect
    from ackd.report.page import to_html
    from ackd.report.svg import require_drawing
    from ackd.report.texts import table_csv, to_latex, to_markdown
    from ackd.utils.io import write_text

    if not root.is_dir():
        raise DataError(
            f"There is no folder {root}; expected one with runs, e.g. outputs.{nearest_path(root)}"
        )
    runs = collect(root)
    if not runs:
        raise DataError(
            f"There are no runs under {root}: a run folder holds run.json or result.json. "
            "python -m ackd.train makes one; by default they are under outputs."
        )
    require_drawing()
    report = build(runs, root.resolve().name)
    files = {
        "report.html": to_html(report), "report.md": to_markdown(report),
        "report.tex": to_latex(report),
    }  # fmt: skip
    for section in report.sections:
        files |= {f"tables/{table.name}.csv": table_csv(table) for table in section.tables}
    for stale in (out / "tables").glob("*.csv"):
        if f"tables/{stale.name}" not in files:
            stale.unlink()
    for name, text in files.items():
        write_text(out / name, text)
    return [out / name for name in files]


def cli(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; the last word is never a stack trace."""
    parser = argparse.ArgumentParser(
        prog="python -m ackd.report",
        description="Make one HTML page, Markdown, LaTeX and CSV from all runs under a folder.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="searched for runs, to any depth")
    parser.add_argument("--out", type=Path, help="where the report goes (default: DIR/report)")
    with friendly_errors(sys.argv[1:]):
        given = parser.parse_args(arguments)
        written = write_report(given.folder, given.out or given.folder / "report")
        print(f"{written[0]} and {len(written) - 1} more files")
