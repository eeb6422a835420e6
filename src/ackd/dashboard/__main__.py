"""Send offline W&B runs (``sync``), or make a view that compares runs (``workspace``)."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from ackd.config.location import from_environment
from ackd.config.messages.cli_errors import friendly_errors
from ackd.dashboard.sync import sync
from ackd.dashboard.workspace import NAME, build_workspace, request, save

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; the last word is never a stack trace."""
    parser = argparse.ArgumentParser(prog="python -m ackd.dashboard", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    send = commands.add_parser("sync", help="say which runs lie offline, and send them to W&B")
    send.add_argument(
        "outputs", nargs="?", type=Path, default=Path(from_environment("ACKD_OUTPUTS", "outputs")),
        help="the folder of the runs (default: %(default)s)",
    )  # fmt: skip
    how = send.add_mutually_exclusive_group()
    how.add_argument("--yes", action="store_const", const=True, dest="send", help="do not ask")
    how.add_argument(
        "--dry-run", action="store_const", const=False, dest="send", help="send nothing"
    )
    send.add_argument(
        "--unfinished", action="store_true",
        help="also runs that were killed; make sure that none is still running",
    )  # fmt: skip

    panels = commands.add_parser("workspace", help="make a view with the panels that compare runs")
    panels.add_argument("entity", help="user or team in W&B")
    panels.add_argument("--project", default="ackd", help="logger.wandb.project (%(default)s)")
    panels.add_argument("--group", help="show the runs of one sweep only")
    panels.add_argument("--name", default=NAME, help="of the view (%(default)s)")
    panels.add_argument("--dry-run", action="store_true", help="print the request, send nothing")

    with friendly_errors([]):
        given = parser.parse_args(arguments)
        if given.command == "sync":
            sync(given.outputs.expanduser(), send=given.send, unfinished=given.unfinished)
            return
        view = build_workspace(given.entity, given.project, group=given.group, name=given.name)
        print(json.dumps(request(view), indent=2) if given.dry_run else save(view))


if __name__ == "__main__":
    main()
