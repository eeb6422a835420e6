"""What watches training and steps in between epochs."""

from ackd.callbacks.dynm import DynM
from ackd.callbacks.epoch_seed import EpochSeed
from ackd.callbacks.progress import EpochLines, progress
from ackd.callbacks.redraw import RedrawPairs

__all__ = ["DynM", "EpochLines", "EpochSeed", "RedrawPairs", "progress"]
