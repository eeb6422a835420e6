"""``python -m ackd.prepare``."""

from ackd.prepare.cli import cli

cli()
