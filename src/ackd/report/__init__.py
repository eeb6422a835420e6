"""One page, and Markdown, LaTeX and CSV, from all runs under a folder."""

from ackd.report.cli import write_report

__all__ = ["write_report"]
