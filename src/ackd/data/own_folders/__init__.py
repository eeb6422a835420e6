"""A user's own images: what is in the folders, which camera took them, and what must be asked."""

from ackd.data.own_folders.folders import FOUND, VALUE_RANGE, OwnData, ready

__all__ = ["FOUND", "VALUE_RANGE", "OwnData", "ready"]
