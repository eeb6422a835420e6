"""What became of the jobs of a sweep, for the command line to tell at its end.

Lists of the process, since a launcher has no way to hand anything to the command line without
keeping the sweeper from its next batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ackd.sweeps.table import Line

__all__ = ["ENDED", "FAILURES"]

#: A sentence for each job that failed.
FAILURES: list[str] = []

#: Jobs of Hydra's own launcher, which run in this process one after the other.
ENDED: list[Line] = []
