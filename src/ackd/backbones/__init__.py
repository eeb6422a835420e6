"""Networks that give unfused features z, fused features zbar and logits p."""

from ackd.backbones.base import Backbone
from ackd.backbones.build import PAPER_BACKBONES, build_backbone
from ackd.backbones.outputs import Outputs

__all__ = ["PAPER_BACKBONES", "Backbone", "Outputs", "build_backbone"]
