"""Large images: the windows in which they are read, predicted and written."""

from ackd.geo.windows import Window, plan_windows

__all__ = ["Window", "plan_windows"]
