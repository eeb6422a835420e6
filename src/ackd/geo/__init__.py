"""Large images: the windows in which they are read, predicted and written, and their ground."""

from ackd.geo.blending import Blend, blend_weights
from ackd.geo.ground import ground_resolution, pixel_areas
from ackd.geo.windows import Window, plan_windows

__all__ = [
    "Blend",
    "Window",
    "blend_weights",
    "ground_resolution",
    "pixel_areas",
    "plan_windows",
]
