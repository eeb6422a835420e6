"""Networks that give a class to each pixel, and that can be listened to at named layers."""

from ackd.segmentation.base import FIN, MID, FrozenNorm, Maps, SegmentationNetwork
from ackd.segmentation.build import NETWORKS, build_network
from ackd.segmentation.layer_sets import LAYER_SETS, layer_set
from ackd.segmentation.layered import IMAGES, LayeredNetwork
from ackd.segmentation.transfer import FirstConvolution, load_weights, start_from

__all__ = [
    "FIN",
    "IMAGES",
    "LAYER_SETS",
    "MID",
    "NETWORKS",
    "FirstConvolution",
    "FrozenNorm",
    "LayeredNetwork",
    "Maps",
    "SegmentationNetwork",
    "build_network",
    "layer_set",
    "load_weights",
    "start_from",
]
