"""``python -m ackd.profile``."""

from ackd.profile.cli import cli

cli()
