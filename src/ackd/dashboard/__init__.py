"""The panels of W&B, so that runs can be compared without arranging anything."""

from ackd.dashboard.workspace import build_workspace

__all__ = ["build_workspace"]
