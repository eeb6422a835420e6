"""What a modality needs to know of its pixels: a digest of every plane, sums of every band.

An image set is an array, or anything that gives blocks of one without ever holding it whole. Both
are asked the same two questions here, and answer alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DIGEST_BYTES",
    "ChosenRows",
    "ImageStore",
    "Images",
    "PlaneSums",
    "digests_of",
    "row_blocks",
    "sums_of",
    "totals",
]

DIGEST_BYTES: Final = 16

_BLOCK_BYTES = 2**24  # of images looked at together: bounds the memory of a pass over all of them

Rows = NDArray[np.int64]
#: Sum, sum of squares and number of the valid pixels of every plane, each (N, C): int64; the sums
#: of floating-point images are float64.
PlaneSums = tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]


@runtime_checkable
class ImageStore(Protocol):
    """(N, C, H, W) images that lie somewhere else than in memory."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The native type of the files."""
        ...

    @property
    def ndim(self) -> int:
        """4."""
        ...

    def __len__(self) -> int:
        """N."""
        ...

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """A copy of one image (C, H, W), or of several (B, C, H, W)."""
        ...

    def plane_digests(self) -> NDArray[np.uint8]:
        """What `digests_of` the images as an array would be."""
        ...

    def plane_sums(self, rows: Rows) -> PlaneSums:
        """What `sums_of` these images as an array would be."""
        ...


Images = NDArray[Any] | ImageStore


class ChosenRows:
    """Some images of a store, in an order of their own. An `ImageStore` itself."""

    def __init__(self, store: ImageStore, rows: Rows) -> None:
        """Choose the images at ``rows`` (B,) of ``store``."""
        self._store = store
        self._rows = rows

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, C, H, W)."""
        return (len(self._rows), *self._store.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The native type of the files."""
        return self._store.dtype

    @property
    def ndim(self) -> int:
        """4."""
        return self._store.ndim

    def __len__(self) -> int:
        """B."""
        return len(self._rows)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """A copy of one image (C, H, W), or of several (B, C, H, W)."""
        chosen = self._rows[rows]
        return self._store[int(chosen) if chosen.ndim == 0 else chosen]

    def plane_digests(self) -> NDArray[np.uint8]:
        """What `digests_of` the images as an array would be."""
        return self._store.plane_digests()[self._rows]

    def plane_sums(self, rows: Rows) -> PlaneSums:
        """What `sums_of` these images as an array would be."""
        return self._store.plane_sums(self._rows[rows])


def row_blocks(images: Images, rows: Rows) -> Iterator[Rows]:
    """Cut ``rows`` into runs whose images together take a bounded amount of memory."""
    one = int(np.prod(images.shape[1:])) * images.dtype.itemsize
    length = max(1, _BLOCK_BYTES // max(1, one))
    for start in range(0, len(rows), length):
        yield rows[start : start + length]


def digests_of(images: Images) -> NDArray[np.uint8]:
    """Digest every plane, so that a choice of bands needs no second look at the pixels.

    Args:
        images: (N, C, H, W), an array or a store.

    Returns:
        (N, C, 16) uint8, BLAKE2b of each (H, W) plane in C order.
    """
    if not isinstance(images, np.ndarray):
        return images.plane_digests()
    count, channels = images.shape[:2]
    found = bytearray()
    for plane in images.reshape(count * channels, -1):
        found += hashlib.blake2b(plane.data, digest_size=DIGEST_BYTES).digest()
    return np.frombuffer(bytes(found), np.uint8).reshape(count, channels, DIGEST_BYTES)


def sums_of(images: Images, rows: Rows | None = None) -> PlaneSums:
    """Sum the numbers and their squares over every plane; exactly, where they are integers.

    NaN marks an invalid pixel of floating-point images and does not count.

    Args:
        images: (N, C, H, W), an array or a store.
        rows: Which images; all where None.

    Returns:
        Three arrays (len(rows), C): sums and sums of squares, int64 for integers and float64 for
        floating-point images, and how many pixels were summed.
    """
    chosen = np.arange(len(images)) if rows is None else rows
    if not isinstance(images, np.ndarray):
        return images.plane_sums(chosen)
    floating = images.dtype.kind == "f"
    wide = np.float64 if floating else np.int64
    total = np.empty((len(chosen), images.shape[1]), wide)
    squares = np.empty_like(total)
    valid = np.full(total.shape, int(np.prod(images.shape[2:])), np.int64)
    done = 0
    for block in row_blocks(images, chosen):
        pixels = images[block].reshape(len(block), images.shape[1], -1)
        part = slice(done, done + len(block))
        if floating:
            invalid = np.isnan(pixels)
            if invalid.any():
                valid[part] -= invalid.sum(axis=2)
                pixels = np.where(invalid, 0, pixels)
        total[part] = pixels.sum(axis=2, dtype=wide)
        for band in range(images.shape[1]):
            numbers = pixels[:, band].astype(wide)
            squares[part, band] = np.einsum("np,np->n", numbers, numbers)
        done += len(block)
    return total, squares, valid


def totals(values: NDArray[Any]) -> list[Any]:
    """Add up (N, C) over N in Python's own numbers, because 64 bits may not hold the sum."""
    return [sum(column) for column in values.T.tolist()]
