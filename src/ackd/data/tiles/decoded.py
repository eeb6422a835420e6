"""From a source to arrays: every tile is read once, and what is wrong with some is told at once."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ackd.data.reading.multispectral import plain_tifs
from ackd.data.stored import DIGEST_BYTES
from ackd.data.tiles.faults import Faults, told
from ackd.data.tiles.mapped import Array
from ackd.data.tiles.rasters import Place, bounds_in
from ackd.data.tiles.source import MaskReader, TilePixels, TileSource
from ackd.data.tiles.statistics import Moments, moments_of
from ackd.data.tiles.tile_set import IGNORED
from ackd.data.tiles.units import Look, check_scale, check_unit, look_at
from ackd.errors import ImageError
from ackd.utils.progress import Progress

__all__ = ["Images", "InMemory", "Masks", "Sink", "read_images", "read_masks"]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Images:
    """All images of a source.

    Attributes:
        arrays: ``optical``, ``sar`` and ``valid``.
        digests: (N, 16) of each.
        moments: Of ``optical`` and ``sar``.
        bounds: (N, 4); None where places are not known.
        crs: Of the bounds.
        notes: What results should say of them.
    """

    arrays: Mapping[str, Array]
    digests: Mapping[str, NDArray[np.uint8]]
    moments: Mapping[str, Moments]
    bounds: NDArray[np.float64] | None
    crs: str | None
    notes: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Masks:
    """All masks of a source.

    Attributes:
        array: (N, H, W) uint8.
        digests: (N, 16).
        classes: Their names.
        notes: What results should say of them.
    """

    array: Array
    digests: NDArray[np.uint8]
    classes: tuple[str, ...]
    notes: Mapping[str, Any]


class Sink(Protocol):
    """Where tiles go, one after the other."""

    def put(self, name: str, tile: NDArray[Any], count: int) -> None:
        """Take the next tile of an array that will have ``count`` of them."""
        ...

    def finish(self) -> Mapping[str, Array]:
        """The arrays."""
        ...


class InMemory:
    """A :class:`Sink` that keeps arrays in memory."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}
        self._filled: dict[str, int] = {}

    def put(self, name: str, tile: NDArray[Any], count: int) -> None:
        """Take a tile."""
        if name not in self._arrays:
            self._arrays[name] = np.empty((count, *tile.shape), tile.dtype)
        row = self._filled.get(name, 0)
        self._arrays[name][row] = tile
        self._filled[name] = row + 1

    def finish(self) -> Mapping[str, Array]:
        """The arrays."""
        return dict(self._arrays)


def read_images(source: TileSource, sink: Sink, progress: Progress | None = None) -> Images:
    """Read and check both images of all tiles.

    Args:
        source: The tiles.
        sink: Where they go.
        progress: Called as ``progress(done, total)``.

    Raises:
        DataError: Some cannot be read or do not fit the others, with the names of their tiles.
    """
    source.check()
    count = len(source.ids)
    faults = Faults(count)
    digests: dict[str, bytearray] = {name: bytearray() for name in ("optical", "sar", "valid")}
    moments: dict[str, list[Moments]] = {"optical": [], "sar": []}
    places: list[Place | None] = []
    looks: dict[str, dict[str, Look]] = {"optical": {}, "sar": {}}
    invalid: list[str] = []
    valid_pixels = pixels = 0
    first: TilePixels | None = None
    for row, tile in enumerate(_ahead(source.read, count)):
        name = source.ids[row]
        if progress is not None:
            progress(row + 1, count)
        if isinstance(tile, ImageError):
            faults.add("cannot be used", name, told(tile))
            continue
        first = first or tile
        unlike = _unlike(tile, first)
        if unlike:
            faults.add("are unlike the first", name, unlike)
            continue
        for part in ("optical", "sar", "valid"):
            array = np.ascontiguousarray(getattr(tile, part))
            sink.put(part, array, count)
            digests[part] += _digest(array)
        for part in moments:
            moments[part].append(moments_of(getattr(tile, part)[None], tile.valid[None]))
        places.append(tile.place)
        looks["optical"][name] = look_at(tile.optical, tile.valid)
        looks["sar"][name] = tile.sar_look
        valid_pixels += int(tile.valid.sum())
        pixels += tile.valid.size
        if not tile.valid.any():
            invalid.append(name)
    faults.raise_any()
    check_scale(looks["optical"])
    check_unit(looks["sar"], source.unit)
    assert first is not None  # a source has at least one tile
    height, width = first.valid.shape
    bounds, crs = bounds_in(places, (height, width))
    return Images(
        sink.finish(),
        {name: _rows(found) for name, found in digests.items()},
        {
            name: Moments(*(np.concatenate(part) for part in zip(*found, strict=True)))
            for name, found in moments.items()
        },
        bounds,
        crs,
        {
            **source.notes,
            "sar_unit": "other" if source.unit == "other" else "db",
            "valid_share": valid_pixels / pixels,
            "tiles_without_data": len(invalid),
        },
    )


def read_masks(
    source: TileSource,
    reader: MaskReader,
    valid: Array,
    sink: Sink,
    progress: Progress | None = None,
) -> Masks:
    """Read and check the masks of all tiles.

    Args:
        source: The tiles.
        reader: Of their labels.
        valid: (N, H, W) where images have data; masks are IGNORED elsewhere.
        sink: Where they go.
        progress: Called as ``progress(done, total)``.

    Raises:
        DataError: Some cannot be read or understood, with the names of their tiles.
    """
    count = len(source.ids)
    faults = Faults(count)
    digests = bytearray()
    pixels = np.zeros(len(reader.classes), np.int64)
    tiles = np.zeros_like(pixels)
    for row, mask in enumerate(_ahead(reader.read, count)):
        if progress is not None:
            progress(row + 1, count)
        if isinstance(mask, ImageError):
            faults.add("have a mask that cannot be used", source.ids[row], told(mask))
            continue
        known = np.where(valid[row], mask, np.uint8(IGNORED))
        found = np.bincount(known.ravel(), minlength=IGNORED + 1)[: len(pixels)]
        pixels += found
        tiles += found > 0
        sink.put("masks", known, count)
        digests += _digest(known)
    faults.raise_any()
    reader.finish()
    total = max(1, int(pixels.sum()))
    shares = zip(reader.classes, pixels.tolist(), tiles.tolist(), strict=True)
    classes = {name: {"pixel_share": part / total, "tiles": seen} for name, part, seen in shares}
    return Masks(
        sink.finish()["masks"],
        _rows(digests),
        reader.classes,
        {
            **reader.notes,
            "labelled_pixels": int(pixels.sum()),
            "tiles_without_class": count - int(tiles[1]) if len(tiles) == 2 else 0,
            "class_pixels": classes,
        },
    )


def _unlike(tile: TilePixels, first: TilePixels) -> str | None:
    """Why a tile does not go into one array with the first one."""
    for name in ("optical", "sar"):
        one, other = getattr(tile, name), getattr(first, name)
        if one.shape != other.shape or one.dtype != other.dtype:
            return (
                f"Its {name} image is {one.dtype} {one.shape}; expected {other.dtype} "
                f"{other.shape}."
            )
    return None


def _digest(array: NDArray[Any]) -> bytes:
    return hashlib.blake2b(array.data.cast("B"), digest_size=DIGEST_BYTES).digest()


def _rows(digests: bytearray) -> NDArray[np.uint8]:
    return np.frombuffer(bytes(digests), np.uint8).reshape(-1, DIGEST_BYTES)


def _ahead(read: Callable[[int], T], count: int) -> Iterator[T | ImageError]:
    """Read rows 0 to ``count`` with some threads, a little ahead, and give them in order."""

    def one(row: int) -> T | ImageError:
        try:
            return read(row)
        except ImageError as error:
            return error

    threads = min(8, os.cpu_count() or 1)
    with plain_tifs(), ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[T | ImageError]] = deque()
        try:
            for row in range(count):
                waiting.append(pool.submit(one, row))
                # a little only: the tiles of a whole archive would fill the memory
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
