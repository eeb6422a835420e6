"""``python -m ackd.runs``."""

from ackd.overview.cli import cli

cli()
