"""``python -m ackd.artifacts``."""

from ackd.artifacts.cli import cli

cli()
