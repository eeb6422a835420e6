"""Images in one file on disk, read a block at a time through a memory map."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ackd.data.stored import PlaneSums
from ackd.errors import DataError

__all__ = ["RESIDENT_BYTES", "FileStamp", "PackedImages", "map_npy"]

#: Bytes that a process reads before it gives the mapped pages back. They stay in the system's
#: cache; without this, a process would seem to grow to the size of the whole file.
RESIDENT_BYTES: Final = 2**28


class FileStamp(NamedTuple):
    """Which file was opened: another one under the same name is told from it."""

    device: int
    inode: int
    size: int
    modified: int

    @classmethod
    def of(cls, file: int | Path) -> FileStamp:
        """The stamp of a file, given by its path or, where it is open, its descriptor."""
        found = os.fstat(file) if isinstance(file, int) else file.stat()
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


class PackedImages:
    """(N, C, H, W) images in an npy file, or some of their channels. An `ImageStore`.

    Indexing reads and copies; nothing is kept. Pickled, it is the path of the file: worker
    processes map the very same pages, and no pixel is sent to them.
    """

    def __init__(
        self,
        path: Path,
        digests: Path,
        channels: Sequence[int] | None = None,
        stamp: FileStamp | None = None,
    ) -> None:
        """Open the file.

        Args:
            path: The npy file, C-ordered.
            digests: The npz file with ``digests`` (N, C, 16), and ``sums``, ``squares`` and
                ``valid`` (N, C).
            channels: Positions of the channels wanted, in the order wanted; all where None.
            stamp: Of the file that is meant, where it was open before.

        Raises:
            DataError: If the file is missing, cut short, no npy file, or not the one meant.
        """
        self.path = path
        self._digests = digests
        self._channels = None if channels is None else np.array(channels, dtype=np.int64)
        self._map, self._array, self.stamp = map_npy(path)
        if stamp is not None and stamp != self.stamp:
            raise DataError(
                f"{path} was packed anew while this run was reading it; start the run again."
            )
        self._read_bytes = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W)."""
        count, channels, *plane = self._array.shape
        return (count, channels if self._channels is None else len(self._channels), *plane)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The native type of the files that were packed."""
        return self._array.dtype

    @property
    def ndim(self) -> int:
        """4."""
        return self._array.ndim

    def __len__(self) -> int:
        """N."""
        return len(self._array)

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Copy the images at some rows: a number, a slice, an index array or a mask."""
        if isinstance(rows, tuple):
            raise TypeError("PackedImages is indexed by rows alone; index the copy further.")
        if self._read_bytes > RESIDENT_BYTES:
            self._read_bytes = 0
            if hasattr(mmap, "MADV_DONTNEED"):
                self._map.madvise(mmap.MADV_DONTNEED)
        if self._channels is None:
            found = np.array(self._array[rows], copy=isinstance(rows, slice | int | np.integer))
        elif isinstance(rows, int | np.integer):
            found = self._array[rows][self._channels]
        else:
            which = np.asarray(np.arange(len(self))[rows] if isinstance(rows, slice) else rows)
            if which.dtype == np.bool_:
                which = np.flatnonzero(which)
            found = self._array[which[:, None], self._channels]
        self._read_bytes += found.nbytes
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Refuse: an archive does not fit into memory."""
        raise TypeError(
            f"{self!r} is not read whole, because it may be larger than the memory; take blocks of "
            "rows, as images[a:b]."
        )

    def __repr__(self) -> str:
        return f"PackedImages({self.path}, shape={self.shape}, dtype={self.dtype})"

    def __reduce__(self) -> tuple[Any, ...]:
        channels = None if self._channels is None else tuple(self._channels.tolist())
        return PackedImages, (self.path, self._digests, channels, self.stamp)

    def plane_digests(self) -> NDArray[np.uint8]:
        """(N, C, 16), as `ackd.data.stored.digests_of` finds them."""
        return self._beside("digests")

    def plane_sums(self, rows: NDArray[np.int64]) -> PlaneSums:
        """Three (len(rows), C), as `ackd.data.stored.sums_of` finds them."""
        sums, squares, valid = (self._beside(name)[rows] for name in ("sums", "squares", "valid"))
        return sums, squares, valid

    def _beside(self, name: str) -> NDArray[Any]:
        with np.load(self._digests) as file:
            # packs of version 0.1 do not count: all their pixels are valid
            every = np.full(self._array.shape[:2], int(np.prod(self._array.shape[2:])), np.int64)
            found: NDArray[Any] = file[name] if name in file or name != "valid" else every
        return found if self._channels is None else found[:, self._channels]


def map_npy(path: Path) -> tuple[mmap.mmap, NDArray[Any], FileStamp]:
    """Map an npy file into memory for reading.

    Returns:
        The map, the array in it, and which file it is.

    Raises:
        DataError: If the file is missing, cut short or no npy file.
    """
    try:
        with path.open("rb") as file:
            version = npy.read_magic(file)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read(file)
            start, stamp = file.tell(), FileStamp.of(file.fileno())
            needed = start + int(np.prod(shape)) * dtype.itemsize
            if fortran or dtype.hasobject or stamp.size != needed:
                raise ValueError(f"{stamp.size} bytes, expected {needed}")
            pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as packed images ({error}); remove the folder {path.parent}, "
            "and they are packed again."
        ) from error
    array: NDArray[Any] = np.ndarray(shape, dtype, buffer=pages, offset=start)
    return pages, array, stamp
