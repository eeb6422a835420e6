"""``python -m ackd.export``."""

from ackd.export.cli import cli

cli()
