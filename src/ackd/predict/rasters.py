"""A raster of any size through a student of either kind."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from ackd import __version__
from ackd.data.tiles.options import SarUnit
from ackd.predict.options import MAPS, Map, RasterOptions, check_resolution
from ackd.predict.polygons import require_simplifying
from ackd.predict.scenes import classify_raster
from ackd.predict.segmentation import segment_raster
from ackd.predict.source import RasterSource, open_source
from ackd.students import SceneStudent, SegmentationStudent
from ackd.students.photographs import OTHER_SCALE
from ackd.utils.progress import Progress

__all__ = ["is_large", "predict_raster"]

#: A georeferenced tif of more windows than that along a side is no single scene.
_WINDOWS = 2


def predict_raster(
    student: SceneStudent | SegmentationStudent,
    path: str | PathLike[str],
    out: str | PathLike[str],
    *,
    stem: str | None = None,
    window: int | None = None,
    overlap: int | None = None,
    bands: Sequence[int] | Sequence[str] | None = None,
    rgb_max: float | None = None,
    unit: SarUnit | None = None,
    nodata: float | None = None,
    check: bool = True,
    any_resolution: bool = False,
    batch_size: int | None = None,
    write: Sequence[Map] = MAPS,
    min_area: float | None = None,
    simplify: float = 0.0,
    progress: Progress | None = None,
) -> list[Path]:
    """Predict a raster of any size, window by window, on the grid of the image.

    Windows overlap. What they say of a pixel is blended in probability, with weights that are
    largest in the middle of a window and fall smoothly to its ends. The last window of a row or
    column is moved back so that it ends with the image. Only some rows are in memory at a time.
    Whether the image can be what the student was trained on is seen by a sample of windows before
    anything is computed. Files are written beside their places and take them when all are whole.

    Args:
        student: Of scenes or of segmentation.
        path: Of a GeoTIFF, or anything else that GDAL reads.
        out: The folder of the results, made if need be.
        stem: Names of the results begin with it; that of the file if None.
        window: Side of a window in pixels. For scenes that of training images, else 512 or that of
            training tiles, whichever is larger.
        overlap: Pixels that a window shares with the next; half of it for scenes, else an eighth.
        bands: Positions (from 0) of the student's bands, or the names of all bands of the image,
            where the file does not say them.
        rgb_max: The number that is white, for scenes in more than 8 bits.
        unit: Of SAR images: ``"linear"`` intensities become decibels.
        nodata: A number that marks pixels without data although the file does not say so.
        check: Whether numbers and sizes that cannot be right are refused.
        any_resolution: Whether pixels may have another size on the ground than in training.
        batch_size: Windows that go through the network together.
        write: Of segmentation, some of ``"probability"``, ``"mask"`` and ``"polygons"``.
        min_area: Square metres (pixels without coordinates) below which a region gets no polygon; 4
            pixels if None.
        simplify: Metres (pixels without coordinates) by which outlines may move to have fewer
            corners; needs shapely.
        progress: Called with (windows done, windows).

    Returns:
        The files. Of scenes ``STEM_windows.geojson``, with class and probability of each window,
        and ``STEM_classes.tif``; of segmentation ``STEM_probability.tif``, ``STEM_mask.tif`` and
        ``STEM_polygons.geojson``. GeoJSON is in longitude and latitude, or in pixels where the
        image has no coordinate system.

    Raises:
        ImageError: The image cannot be read, or is nothing that the student was trained on.
        ConfigError: An option is wrong.
        DiskFullError: There is no room for the results.
    """
    asked = RasterOptions(
        window=window, overlap=overlap, bands=bands, rgb_max=rgb_max, unit=unit, nodata=nodata,
        check=check, any_resolution=any_resolution, batch_size=batch_size, write=write,
        min_area=min_area, simplify=simplify,
    )  # fmt: skip
    asked.fit(student)
    if asked.simplify and isinstance(student, SegmentationStudent):
        require_simplifying()
    file = Path(path).expanduser()
    place = Path(out).expanduser() / (file.stem if stem is None else stem)
    tags = {"STUDENT": str(student.path), "SOFTWARE": f"ackd {__version__}"}
    with open_source(file) as source:
        check_resolution(student, source, asked)
        if isinstance(student, SceneStudent):
            return classify_raster(student, source, place, asked, tags, progress)
        return segment_raster(student, source, place, asked, tags, progress)


def is_large(student: SceneStudent, source: RasterSource) -> bool:
    """Whether a tif is a raster of many scenes, and not one scene.

    It is where it has coordinates and a side of more than twice that of training images, and where
    a side is more than 16 times as long, which would be refused as a photograph.
    """
    side = max(source.height, source.width) / max(student.size or (1,))
    return side > (_WINDOWS if source.crs is not None else OTHER_SCALE)
