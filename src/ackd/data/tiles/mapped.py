"""An array in a file that is opened when it is first indexed, and read a window at a time."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ackd.data.cache.images import RESIDENT_BYTES, FileStamp, map_npy
from ackd.errors import DataError

__all__ = ["Array", "MappedArray"]


class MappedArray:
    """(N, ...) numbers in an npy file, which were written once and do not change.

    Indexing reads and copies, and it takes windows: ``array[row, :, 0:64, 0:64]``. Until then the
    file is not opened, so that a stage without labels opens no masks. Pickled, it is the path of
    the file: worker processes map the same pages, and no pixel is sent to them.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        stamp: FileStamp | None = None,
    ) -> None:
        """Say what is in the file; it exists.

        Args:
            path: The npy file, C-ordered.
            shape: Its shape.
            dtype: Its type.
            stamp: Of the file that is meant, where it was looked at before; that of the present
                file where None.

        Raises:
            DataError: The file is missing, or it is not the one that is meant.
        """
        self.path = path
        self.shape = shape
        self.dtype = np.dtype(dtype)
        try:
            found = FileStamp.of(path)
        except OSError as error:
            raise DataError(
                f"{path} cannot be read ({error.strerror}); remove the folder {path.parent}, and "
                "the tiles are packed again."
            ) from error
        self.stamp = found if stamp is None else stamp
        self._same(found)
        self._map: mmap.mmap | None = None
        self._array: NDArray[Any] | None = None
        self._read_bytes = 0

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def opened(self) -> bool:
        """Whether this process has opened the file."""
        return self._array is not None

    def __len__(self) -> int:
        """N."""
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Copy what an index of NumPy's kinds selects."""
        array = self._open()
        if self._map is not None and self._read_bytes > RESIDENT_BYTES:
            self._read_bytes = 0
            if hasattr(mmap, "MADV_DONTNEED"):  # the pages stay in the system's cache
                self._map.madvise(mmap.MADV_DONTNEED)
        found: NDArray[Any] = np.array(array[key])
        self._read_bytes += found.nbytes
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Refuse: an archive does not fit into memory."""
        raise TypeError(
            f"{self!r} is not read whole, because it may be larger than the memory; take blocks of "
            "rows, as array[a:b]."
        )

    def __repr__(self) -> str:
        return f"MappedArray({self.path}, shape={self.shape}, dtype={self.dtype})"

    def __reduce__(self) -> tuple[Any, ...]:
        return MappedArray, (self.path, self.shape, self.dtype, self.stamp)

    def _open(self) -> NDArray[Any]:
        if self._array is None:
            self._map, array, stamp = map_npy(self.path)
            self._same(stamp)
            if array.shape != self.shape or array.dtype != self.dtype:
                raise DataError(
                    f"{self.path} holds {array.dtype} {array.shape}; expected {self.dtype} "
                    f"{self.shape}. Remove the folder {self.path.parent}, and the tiles are packed "
                    "again."
                )
            self._array = array
        return self._array

    def _same(self, found: FileStamp) -> None:
        if found != self.stamp:
            raise DataError(
                f"{self.path} was packed anew while this run was reading it; start the run again."
            )


#: An array in memory, or in a file of which windows are read.
Array = NDArray[Any] | MappedArray
