"""``data.nodata=drop``: leaving out the images that have invalid pixels."""

from __future__ import annotations

import logging
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

from ackd.data.benchmark import Modality
from ackd.data.cache import source_stamp
from ackd.data.datasets.listing import Listing, check_classes
from ackd.data.options import FileOptions, pixel_options
from ackd.data.reading.multispectral import Progress
from ackd.data.splits.selection import Selection, bands_of, reader_of
from ackd.errors import ImageError
from ackd.utils.io import read_json, write_json
from ackd.utils.values import digest

__all__ = ["INVALID", "without_invalid"]

log = logging.getLogger("ackd")

#: The kinds of `ackd.errors.ImageError` that mean invalid pixels.
INVALID: Final = frozenset({"NaN", "nodata"})
_NAMED: Final = 3  # files in the log


def without_invalid(
    selection: Selection,
    options: FileOptions,
    cache: Path | None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Selection:
    """Leave out every image that has an invalid pixel in one of the bands that are used.

    All files are opened once to find them; the finding is kept in ``cache`` for files that have not
    changed since. Of paired scenes both sides are left out.

    Args:
        selection: Which images.
        options: ``bands``, which are looked at, and what is invalid.
        cache: The folder for packs; None keeps nothing.
        workers: Reading threads; chosen by the machine where None.
        progress: Called as ``progress(done, total)`` after each image, MS ones first.

    Returns:
        The selection without them; its notes count them under ``nodata``.

    Raises:
        DataError: If a file cannot be read, or a class has no image left.
    """
    wanted = bands_of(selection, options.bands)
    kept_in = None if cache is None else cache / f"{_name(selection, wanted, options)}.json"
    if kept_in is not None and kept_in.is_file():
        known = read_json(kept_in)
        invalid: dict[Modality, set[int]] = {"ms": set(known["ms"]), "rgb": set(known["rgb"])}
    else:
        invalid = _find(selection, wanted, options, workers, progress)
        if kept_in is not None:
            write_json(kept_in, {str(side): sorted(rows) for side, rows in invalid.items()})
    sides: dict[Modality, Listing] = {"ms": selection.ms, "rgb": selection.rgb}
    ids = {side: listing.scene_ids for side, listing in sides.items()}
    keep = {side: np.ones(len(names), dtype=np.bool_) for side, names in ids.items()}
    for side, rows in invalid.items():
        keep[side][sorted(rows)] = False
    if selection.options["twins"] == "paired":
        gone = np.concatenate([ids[side][~keep[side]] for side in sides])
        keep = {side: ~np.isin(names, gone) for side, names in ids.items()}
    left_out = {side: int((~kept).sum()) for side, kept in keep.items()}
    for side, count in left_out.items():
        if count:
            files = [r.file for r, k in zip(sides[side].records, keep[side], strict=True) if not k]
            log.info(
                "data.nodata=drop: %d of %d %s images have invalid pixels and are left out (%s%s)",
                count, len(keep[side]), side.upper(), ", ".join(files[:_NAMED]),
                ", ..." if count > _NAMED else "",
            )  # fmt: skip
    ms, rgb = _kept(selection.ms, keep["ms"]), _kept(selection.rgb, keep["rgb"])
    check_classes(ms, rgb, selection.class_map)
    notes = {**selection.notes, "nodata": {"policy": "drop", "left_out": left_out}}
    return replace(selection, ms=ms, rgb=rgb, notes=notes)


def _kept(listing: Listing, keep: NDArray[np.bool_]) -> Listing:
    return listing.take(np.flatnonzero(keep).astype(np.int64))


def _find(
    selection: Selection,
    wanted: dict[Modality, tuple[str, ...]],
    options: FileOptions,
    workers: int | None,
    progress: Progress | None,
) -> dict[Modality, set[int]]:
    total = len(selection.ms.records) + len(selection.rgb.records)
    found: dict[Modality, set[int]] = {"ms": set(), "rgb": set()}
    done = 0
    refusing = replace(options, nodata="error")
    for side, rows in found.items():
        read = reader_of(selection, side, wanted[side], refusing)

        def is_invalid(path: Path, read: Any = read) -> bool:
            try:
                read(path)
            except ImageError as error:
                if error.kind in INVALID:
                    return True
                raise
            return False

        # the filter is the process's, and set here once because threads setting it would race
        with warnings.catch_warnings(), ThreadPoolExecutor(workers) as pool:
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            for row, invalid in enumerate(pool.map(is_invalid, selection.paths(side))):
                if invalid:
                    rows.add(row)
                done += 1
                if progress is not None:
                    progress(done, total)
    return found


def _name(
    selection: Selection, wanted: dict[Modality, tuple[str, ...]], options: FileOptions
) -> str:
    content = [source_stamp(selection), wanted["ms"], pixel_options(options)]
    return f"valid-{digest(content)}"
