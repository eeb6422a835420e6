"""``python -m ackd.report``."""

from ackd.report.cli import cli

cli()
