"""Networks that give unfused features z, fused features zbar and logits p."""

from ackd.backbones.base import Backbone, ImageSize
from ackd.backbones.build import PAPER_BACKBONES, build_backbone
from ackd.backbones.outputs import Outputs
from ackd.backbones.own import checked_outputs
from ackd.backbones.weights import load_weights

__all__ = [
    "PAPER_BACKBONES",
    "Backbone",
    "ImageSize",
    "Outputs",
    "build_backbone",
    "checked_outputs",
    "load_weights",
]
