"""What is done with W&B beside training: send what was kept offline, and lay out the panels."""

from ackd.dashboard.offline import OfflineRun, find_runs, read_records, read_run
from ackd.dashboard.sync import explain, sync
from ackd.dashboard.workspace import build_workspace, request

__all__ = [
    "OfflineRun",
    "build_workspace",
    "explain",
    "find_runs",
    "read_records",
    "read_run",
    "request",
    "sync",
]
