"""Images of any number and rasters of any size through a student: ``python -m ackd.predict``.

From Python: :func:`predict_images` and :func:`predict_raster`. `source` reads a raster a few rows
at a time, `segmentation` and `scenes` carry them through the network and blend what its windows
say, `geotiffs`, `places`, `regions` and `polygons` write maps and GeoJSON; `cli` is the command.
"""

from ackd.predict.images import ImageAnswer, predict_images, write_table
from ackd.predict.rasters import predict_raster

__all__ = ["ImageAnswer", "predict_images", "predict_raster", "write_table"]
