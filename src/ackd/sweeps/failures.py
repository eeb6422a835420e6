"""Jobs of a sweep that failed: the command line tells them at its end, after all others ran.

A list of the process, since a launcher has no way to hand errors to the command line without
keeping the sweeper from its next batch.
"""

from __future__ import annotations

__all__ = ["FAILURES"]

FAILURES: list[str] = []
