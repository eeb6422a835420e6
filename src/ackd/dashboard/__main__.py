"""Make a W&B view whose panels compare runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ackd.config.messages.cli_errors import friendly_errors
from ackd.dashboard.workspace import LAYOUTS, NAME, build_workspace, save
from ackd.errors import AckdError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Do what the command line says; the last word is never a stack trace."""
    parser = argparse.ArgumentParser(prog="python -m ackd.dashboard", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="workspace")
    commands.add_parser("sync", add_help=False)  # of an earlier version

    panels = commands.add_parser("workspace", help="make a view with the panels that compare runs")
    panels.add_argument("entity", help="user or team in W&B")
    panels.add_argument("--project", default="ackd", help="logger.wandb.project (%(default)s)")
    panels.add_argument("--group", help="show the runs of one sweep only")
    panels.add_argument("--name", default=NAME, help="of the view (%(default)s)")
    panels.add_argument(
        "--task", choices=LAYOUTS, default=next(iter(LAYOUTS)), help="of the runs (%(default)s)"
    )

    with friendly_errors([]):
        given, rest = parser.parse_known_args(arguments)
        if given.command == "sync":
            raise AckdError(
                "`wandb sync` lists and sends offline runs by itself; call it with the folder of "
                "your runs as in `WANDB_DIR=outputs wandb sync`, or say `make wandb-sync`."
            )
        if rest:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        view = build_workspace(
            given.entity, given.project, group=given.group, name=given.name, task=given.task
        )
        print(save(view))


if __name__ == "__main__":
    main()
