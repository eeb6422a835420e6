"""A raster of any size through a segmentation student: probabilities, mask and polygons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ackd.data.tiles import IGNORED
from ackd.data.tiles.rasters import Raster
from ackd.geo import Blend
from ackd.predict.ahead import ahead
from ackd.predict.drafts import drafts
from ackd.predict.geotiffs import BLOCK, MapWriter, class_profile, share_profile
from ackd.predict.options import MAPS, Grid, RasterOptions, grid_of
from ackd.predict.polygons import write_polygons
from ackd.predict.source import RasterSource, Ready, Strip, small_cache
from ackd.students import SegmentationStudent
from ackd.students.segmentation import BATCH
from ackd.utils.progress import Progress

__all__ = ["ENDINGS", "segment_raster"]

#: Of the pixels of a row of windows, in bytes; wider images are worked on panel by panel.
_STRIP: Final = 64 << 20
#: Probabilities are written as multiples of one over that.
STEPS: Final = 1024
ENDINGS: Final[Mapping[str, str]] = {
    "probability": "_probability.tif", "mask": "_mask.tif", "polygons": "_polygons.geojson",
}  # fmt: skip

Shares = NDArray[np.float32]


def segment_raster(
    student: SegmentationStudent,
    source: RasterSource,
    stem: Path,
    options: RasterOptions,
    tags: Mapping[str, str],
    progress: Progress | None = None,
) -> list[Path]:
    """Map the classes of a raster.

    Args:
        student: Its answers are blended in probability.
        source: The raster.
        stem: Of the files that are written: ``STEM_mask.tif``.
        options: What is asked.
        tags: Of the maps.
        progress: Called with (windows done, windows).

    Returns:
        The files.
    """
    grid = grid_of(student, source, options)
    ready = _ready(student, source, grid, options)
    wanted = {one: stem.with_name(stem.name + ENDINGS[one]) for one in MAPS if one in options.write}
    with small_cache(), drafts() as files:
        made = {
            one: files.of(wanted[one]) if one in wanted else files.scratch(_path(stem, one))
            for one in ("probability", "mask")
        }
        _write_maps(student, source, grid, ready, made, options, tags, progress)
        if "polygons" in wanted:
            # Where one class stands against all else, all else has no outline.
            known = list(enumerate(student.classes))
            write_polygons(
                files.of(wanted["polygons"]), source, (made["probability"], made["mask"]),
                dict(known[1:] if len(known) == 2 else known),
                files.scratch(stem.with_name(stem.name + "_regions.tif")),
                min_area=options.min_area, simplify=options.simplify,
            )  # fmt: skip
    return list(wanted.values())


def _path(stem: Path, one: str) -> Path:
    return stem.with_name(stem.name + ENDINGS[one])


def _ready(
    student: SegmentationStudent, source: RasterSource, grid: Grid, options: RasterOptions
) -> Ready:
    """See that the raster is what the student was trained on, by a sample, and read it so."""
    called = str(source.path)
    told = options.check

    def ready(raster: Raster, check: bool) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        nonlocal told
        image = student.reader.ready(
            called, raster, bands=options.bands, unit=options.unit, nodata=options.nodata,
            check=check or told,
        )  # fmt: skip
        # Where the sample has shown no data, the first rows that do are looked at.
        told = told and int(image.valid.sum()) < BLOCK
        return image.pixels, image.valid

    ready(source.sample(grid.windows), options.check)
    return ready


def _panels(source: RasterSource, grid: Grid, bands: int) -> list[slice]:
    """Columns that are worked on together, from a block of the maps to another."""
    most = max(_STRIP // (4 * bands * grid.tile) // BLOCK, 2 * grid.tile // BLOCK, 1) * BLOCK
    count = -(-source.width // most)
    width = -(-source.width // count // BLOCK) * BLOCK
    return [
        slice(start, min(start + width, source.width)) for start in range(0, source.width, width)
    ]


def _write_maps(
    student: SegmentationStudent,
    source: RasterSource,
    grid: Grid,
    ready: Ready,
    made: Mapping[str, Path],
    options: RasterOptions,
    tags: Mapping[str, str],
    progress: Progress | None,
) -> None:
    several = len(student.classes) > 2
    names = student.classes if several else student.classes[1:]
    panels = _panels(source, grid, len(student.bands))
    with ExitStack() as stack:
        shares_map = stack.enter_context(
            MapWriter(
                made["probability"], source, share_profile(len(names)), names=names, tags=tags
            )
        )
        mask_map = stack.enter_context(
            MapWriter(made["mask"], source, class_profile(), tags=tags, classes=student.classes)
        )

        def write(shares: Shares, valid: NDArray[np.bool_], cols: slice) -> None:
            said = shares.argmax(axis=0).astype(np.uint8) if several else shares[0] > 0.5
            mask_map.write(np.where(valid, said, np.uint8(IGNORED)).astype(np.uint8)[None], cols)
            # Noise in the last digits is most of what would have to be compressed.
            shares *= STEPS
            np.rint(shares, out=shares)
            shares /= STEPS
            shares[:, ~valid] = np.nan
            shares_map.write(shares, cols)

        writing: Future[None] | None = None
        pool = stack.enter_context(ThreadPoolExecutor(1, "ackd-writing"))
        done, total = 0, sum(len(_over(grid, cols)) for cols in panels) * len(grid.rows)
        for cols in panels:
            starts = _over(grid, cols)
            for strip, shares in _blended(student, source, grid, ready, cols, starts, options):
                if writing is not None:
                    writing.result()
                first = cols.start - starts[0]
                valid = strip.valid[: shares.shape[1], first : first + cols.stop - cols.start]
                writing = pool.submit(write, shares, valid, cols)
                done += len(starts)
                if progress is not None:
                    progress(done, total)
        if writing is not None:
            writing.result()


def _over(grid: Grid, cols: slice) -> tuple[int, ...]:
    """The first columns of the windows that reach into some columns."""
    return tuple(c for c in grid.cols if c < cols.stop and c + grid.tile > cols.start)


def _blended(
    student: SegmentationStudent,
    source: RasterSource,
    grid: Grid,
    ready: Ready,
    cols: slice,
    starts: tuple[int, ...],
    options: RasterOptions,
) -> Iterator[tuple[Strip, Shares]]:
    """Rows of a panel from top to bottom: what was read, and its probabilities."""
    across = slice(starts[0], min(starts[-1] + grid.tile, source.width))
    blend = Blend(
        len(student.classes) if len(student.classes) > 2 else 1, (grid.rows, grid.cols),
        grid.tile, (source.height, source.width), cols,
    )  # fmt: skip
    size = options.batch_size or BATCH
    for strip in ahead(source.strips(grid.rows, grid.tile, across, ready)):
        # Windows without data are nothing that the network need see.
        parts = (slice(c - across.start, c - across.start + grid.tile) for c in starts)
        seen = (part for part in parts if strip.valid[:, part].any())
        while batch := list(islice(seen, size)):
            logits = student.logits(
                np.stack([strip.pixels[:, :, part] for part in batch]),
                np.stack([strip.valid[:, part] for part in batch]),
            )
            shares = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)
            for part, one in zip(batch, shares.numpy(), strict=True):
                blend.add(strip.row, part.start + across.start, one)
        yield strip, blend.finish(strip.row)
