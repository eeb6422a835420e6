"""A large raster through a student of scenes: the classes of its windows, and a map of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from ackd.data.reading.photographs import RGB_WHITE, resize_rgb
from ackd.data.tiles import IGNORED
from ackd.data.tiles.rasters import Raster
from ackd.predict.ahead import ahead
from ackd.predict.class_map import ClassMap
from ackd.predict.drafts import drafts
from ackd.predict.geotiffs import MapWriter, class_profile
from ackd.predict.options import Grid, RasterOptions, grid_of
from ackd.predict.places import PIXELS, GeoJson, Places
from ackd.predict.source import RasterSource, Ready, Strip, small_cache
from ackd.students import SceneStudent
from ackd.students.scenes import BATCH
from ackd.utils.progress import Progress

__all__ = ["ENDINGS", "classify_raster"]

ENDINGS: Final = ("_windows.geojson", "_classes.tif")


def classify_raster(
    student: SceneStudent,
    source: RasterSource,
    stem: Path,
    options: RasterOptions,
    tags: Mapping[str, str],
    progress: Progress | None = None,
) -> list[Path]:
    """Tell the classes of the windows of a raster, and of its pixels.

    Pixels without data become the mean of training, as ``data.nodata=zero`` has it; windows without
    any data have no answer.

    Args:
        student: Sees windows, resized to the size of its training images.
        source: The raster.
        stem: Of the files that are written: ``STEM_windows.geojson`` and ``STEM_classes.tif``.
        options: What is asked.
        tags: Of the map.
        progress: Called with (windows done, windows).

    Returns:
        The files.
    """
    grid = grid_of(student, source, options)
    if options.check:
        window = grid.windows[0]
        called = f"A window of {source.path}"
        student.reader.check_size(called, (window.height, window.width))
    ready = _ready(student, source, grid, options)
    paths = [stem.with_name(stem.name + ending) for ending in ENDINGS]
    places = Places(source)
    about: dict[str, Any] = {"image": source.path.name, "classes": list(student.classes)}
    if not places.known:
        about["coordinates"] = PIXELS
    across = slice(0, source.width)
    class_map = ClassMap((grid.rows, grid.cols), grid.tile, (source.height, source.width))
    with small_cache(), drafts() as files:
        features, map_file = (files.of(path) for path in paths)
        with (
            GeoJson(features, about) as windows,
            MapWriter(
                map_file, source, class_profile(), tags=tags, classes=student.classes
            ) as pixels,
        ):
            for strip in ahead(source.strips(grid.rows, grid.tile, across, ready)):
                shares = _shares(student, strip, grid, options.batch_size or BATCH)
                _write_windows(windows, student, source, strip, shares, grid, places)
                rows = class_map.add(strip.row, shares)
                rows[~strip.valid[: len(rows)]] = IGNORED
                pixels.write(rows[None], across)
                if progress is not None:
                    progress((strip.row + 1) * len(grid.cols), len(grid.windows))
    return paths


def _ready(
    student: SceneStudent, source: RasterSource, grid: Grid, options: RasterOptions
) -> Ready:
    """See that the raster is what the student was trained on, by a sample, and read it so."""
    called = str(source.path)
    told = options.check

    def ready(raster: Raster, check: bool) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        nonlocal told
        pixels, valid = student.reader.ready(
            called, raster, bands=options.bands, rgb_max=options.rgb_max, nodata=options.nodata,
            check=check or told,
        )  # fmt: skip
        if options.check and pixels.dtype != np.uint8 and _beyond(pixels):
            # The sample did not show that; this says what is wrong.
            student.reader.ready(
                called, raster, bands=options.bands, rgb_max=options.rgb_max, nodata=options.nodata
            )
        # Where the sample has shown no data, the first rows that do are looked at.
        told = told and not valid.any()
        return pixels, valid

    ready(source.sample(grid.windows), options.check)
    return ready


def _beyond(pixels: NDArray[Any]) -> bool:
    """Whether there are numbers that are no grey levels."""
    return bool((pixels < 0).any() or (pixels > RGB_WHITE).any())


def _shares(student: SceneStudent, strip: Strip, grid: Grid, size: int) -> NDArray[np.float32]:
    """(windows, C) probabilities of a row of windows; 0 where a window has no data."""
    found = np.zeros((len(grid.cols), len(student.classes)), np.float32)
    seen = iter(
        place
        for place, start in enumerate(grid.cols)
        if strip.valid[:, start : start + grid.tile].any()
    )
    while batch := list(islice(seen, size)):
        images = [
            resize_rgb(strip.pixels[:, :, grid.cols[p] : grid.cols[p] + grid.tile], student.size)
            for p in batch
        ]
        logits = student.logits(torch.from_numpy(np.stack(images)))
        found[batch] = student.probabilities(logits).numpy()
    return found


def _write_windows(
    file: GeoJson,
    student: SceneStudent,
    source: RasterSource,
    strip: Strip,
    shares: NDArray[np.float32],
    grid: Grid,
    places: Places,
) -> None:
    """A polygon for each window with data: class, probability, and the share of it with data."""
    top = grid.rows[strip.row]
    bottom = min(top + grid.tile, source.height)
    for place, ring in enumerate(_rings(grid.cols, grid.tile, top, bottom, source, places)):
        start = grid.cols[place]
        valid = float(strip.valid[:, start : start + grid.tile].mean())
        if not valid:
            continue
        said = shares[place]
        best = int(said.argmax())
        properties: dict[str, Any] = {
            "class": student.classes[best],
            "probability": round(float(said[best]), 4),
        }
        if student.task.sigmoid:
            properties["labels"] = [
                name for name, share in zip(student.classes, said, strict=True) if share > 0.5
            ]
        if valid < 1:
            properties["valid"] = round(valid, 4)
        file.add([ring], properties)


def _rings(
    starts: Sequence[int],
    tile: int,
    top: int,
    bottom: int,
    source: RasterSource,
    places: Places,
) -> Iterator[list[list[float]]]:
    """The outlines of a row of windows, counterclockwise."""
    left = np.asarray(starts, float)
    right = np.minimum(left + tile, source.width)
    cols = np.stack([left, left, right, right, left], axis=1)
    rows = np.broadcast_to([top, bottom, bottom, top, top], cols.shape)
    found = places.coordinates(cols.ravel(), rows.ravel()).reshape(len(left), 5, 2)
    x, y = found[0].T - found[0, 0][:, None]
    turned = float(x[:-1] @ y[1:] - x[1:] @ y[:-1]) < 0
    yield from (found[:, ::-1] if turned else found).tolist()
