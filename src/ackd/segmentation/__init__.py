"""Networks that give a class to each pixel, and that can be listened to at named layers."""

from ackd.segmentation.base import Maps, SegmentationNetwork

__all__ = ["Maps", "SegmentationNetwork"]
