"""What can be said of a raster that is predicted, and how it is cut into windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from ackd.data.tiles.options import SarUnit
from ackd.errors import ConfigError, ImageError, unknown
from ackd.geo import Window, plan_windows
from ackd.predict.source import RasterSource
from ackd.students import SceneStudent, SegmentationStudent

__all__ = ["MAPS", "Grid", "Map", "RasterOptions", "check_resolution", "grid_of"]

#: What is written of a raster that is segmented.
Map = Literal["probability", "mask", "polygons"]
MAPS: Final[tuple[Map, ...]] = get_args(Map)

#: Between the pixels of an image and those of training; objects look alike up to here.
_OTHER_SCALE: Final = 1.5
#: The least side of a window of segmentation: small ones are mostly border.
_LEAST: Final = 512


@dataclass(frozen=True, kw_only=True)
class RasterOptions:
    """Options of :func:`ackd.predict.predict_raster`, which describes them."""

    window: int | None = None
    overlap: int | None = None
    bands: Sequence[int] | Sequence[str] | None = None
    rgb_max: float | None = None
    unit: SarUnit | None = None
    nodata: float | None = None
    check: bool = True
    any_resolution: bool = False
    batch_size: int | None = None
    write: Sequence[Map] = MAPS
    min_area: float | None = None
    simplify: float = 0.0

    def __post_init__(self) -> None:
        for name in ("window", "batch_size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name}={value} is not possible; give 1 or more.")
        if self.overlap is not None and self.overlap < 0:
            raise ConfigError(f"overlap={self.overlap} would leave gaps; give 0 or more pixels.")
        for name in ("min_area", "simplify"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ConfigError(f"{name}={value} is not possible; give 0 or more.")
        if not self.write:
            raise ConfigError(f"write names nothing; choose from {', '.join(MAPS)}.")
        for one in self.write:
            if one not in MAPS:
                raise unknown("map", one, MAPS, "write")

    def fit(self, student: SceneStudent | SegmentationStudent) -> None:
        """See that no option is for students of the other kind.

        Raises:
            ConfigError: One is.
        """
        scenes = isinstance(student, SceneStudent)
        if scenes and self.unit is not None:
            raise ConfigError(f"unit={self.unit!r} is for SAR images; the student sees RGB images.")
        if scenes and (self.write != MAPS or self.min_area is not None or self.simplify):
            raise ConfigError(
                "write, min_area and simplify are of segmentation; this student tells the classes "
                "of scenes."
            )
        if not scenes and self.rgb_max is not None:
            raise ConfigError(
                f"rgb_max={self.rgb_max:g} is for students of RGB scenes; this one maps "
                f"{', '.join(student.classes)} in {student.sensor} images."
            )


@dataclass(frozen=True)
class Grid:
    """The windows of a raster.

    Attributes:
        tile: Side of a window in pixels.
        windows: All of them, row by row.
        rows: The first row of each row of windows.
        cols: The first column of each column of windows.
    """

    tile: int
    windows: tuple[Window, ...]
    rows: tuple[int, ...]
    cols: tuple[int, ...]


def grid_of(
    student: SceneStudent | SegmentationStudent, source: RasterSource, options: RasterOptions
) -> Grid:
    """Plan the windows.

    Students of scenes see windows as large as their training images, half of which overlaps.
    Segmentation sees at least 512 pixels, an eighth of which overlaps.

    Raises:
        ConfigError: The overlap leaves nothing of a window.
    """
    scenes = isinstance(student, SceneStudent)
    size = max(student.size or (1, 1))
    tile = options.window or (size if scenes else _window_of(size, student))
    overlap = (tile // 2 if scenes else tile // 8) if options.overlap is None else options.overlap
    if overlap >= tile:
        raise ConfigError(
            f"overlap={overlap} leaves nothing of windows of {tile} pixels; give at most "
            f"{tile - 1}, e.g. {tile // 2}."
        )
    windows = plan_windows(source.height, source.width, tile, tile - overlap)
    return Grid(
        tile,
        tuple(windows),
        tuple(sorted({window.row for window in windows})),
        tuple(sorted({window.col for window in windows})),
    )


def _window_of(size: int, student: SceneStudent | SegmentationStudent) -> int:
    stride = student.stride if isinstance(student, SegmentationStudent) else 1
    return -(-max(size, _LEAST) // stride) * stride


def check_resolution(
    student: SceneStudent | SegmentationStudent, source: RasterSource, options: RasterOptions
) -> None:
    """Refuse pixels of another size than those of training, where both are known.

    Raises:
        ImageError: They are more than 1.5 times as large or small.
    """
    trained, there = student.resolution, source.resolution
    if trained is None or there is None or options.any_resolution:
        return
    if max(there / trained, trained / there) > _OTHER_SCALE:
        raise ImageError(
            f"{source.path} has pixels of {there:.3g} m, but the student was trained on pixels of "
            f"{trained:.3g} m: everything would look {max(there / trained, trained / there):.2g} "
            f"times too {'small' if there > trained else 'large'}. Resample it, e.g. with gdalwarp "
            f"-tr {trained:g} {trained:g} IN OUT (in metres); any_resolution=True takes it as it "
            "is.",
            "wrong resolution",
        )
