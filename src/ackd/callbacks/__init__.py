"""What watches training and steps in between epochs."""

from ackd.callbacks.clock import Clock
from ackd.callbacks.dynm import DynM
from ackd.callbacks.early_stopping import EndsEarly, Patience, why_ended
from ackd.callbacks.epoch_seed import EpochSeed
from ackd.callbacks.finite import BestEpoch, Finite, not_finite
from ackd.callbacks.noise_floor import NoiseFloor
from ackd.callbacks.pictures import MatchedPairs
from ackd.callbacks.predictions import PredictionPictures
from ackd.callbacks.progress import EpochLines, progress
from ackd.callbacks.redraw import RedrawPairs
from ackd.callbacks.same_config import SameConfig
from ackd.callbacks.transport import TransportCost
from ackd.callbacks.weight_average import EMA

__all__ = [
    "EMA",
    "BestEpoch",
    "Clock",
    "DynM",
    "EndsEarly",
    "EpochLines",
    "EpochSeed",
    "Finite",
    "MatchedPairs",
    "NoiseFloor",
    "Patience",
    "PredictionPictures",
    "RedrawPairs",
    "SameConfig",
    "TransportCost",
    "not_finite",
    "progress",
    "why_ended",
]
