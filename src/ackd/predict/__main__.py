"""``python -m ackd.predict``."""

from ackd.predict.cli import cli

cli()
