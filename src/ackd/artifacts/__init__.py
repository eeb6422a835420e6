"""What the artifacts folder holds, which runs use it, and what can go."""

from ackd.artifacts.cli import main

__all__ = ["main"]
