"""Measures that torchmetrics does not have in this form."""

from ackd.metrics.pixels import (
    PixelCounts,
    PixelMeasure,
    PixelMetric,
    pixel_counts,
    pixel_metrics,
)

__all__ = ["PixelCounts", "PixelMeasure", "PixelMetric", "pixel_counts", "pixel_metrics"]
