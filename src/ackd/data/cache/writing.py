"""Writing a pack: beside, then renamed, so that what has ``pack.json`` is whole."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ackd.data.benchmark import Modality
from ackd.data.cache.index import SideIndex
from ackd.data.cache.store import FORMAT, INDEX, SIDES
from ackd.data.reading.multispectral import Progress, decode, unlike
from ackd.data.stored import digests_of, sums_of
from ackd.utils.io import need_room, sync, sync_folder, write_json, write_npy_header
from ackd.utils.progress import part_of

__all__ = ["DRAFT", "Reader", "write_pack"]

DRAFT = ".packing"

Reader = Callable[[Path], NDArray[Any]]

_BLOCK = 256  # images decoded before they are written: bounds the memory, whatever the archive


def write_pack(
    folder: Path,
    content: Mapping[str, Any],
    tables: Mapping[Modality, SideIndex],
    paths: Mapping[Modality, Sequence[Path]],
    readers: Mapping[Modality, Reader],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Decode the images of both sides into ``folder``; the caller holds its lock.

    Everything is written to a folder inside of it first. An earlier pack stays as it is until the
    new one is whole, and other files in the folder are left alone.

    Args:
        folder: It exists.
        content: What ``pack.json`` gets beside format, id and sides.
        tables: The rows of each side.
        paths: The files of each side, in the order of the rows.
        readers: How each side's files are read.
        workers: Reading threads; chosen by the machine where None.
        progress: Called as ``progress(done, total)`` after each image, MS ones first.

    Raises:
        DataError: If an image cannot be read, or images of one side differ in size or type.
        OSError: If the disk is full or read-only.
    """
    draft = folder / DRAFT
    if draft.exists():  # of a run that was killed
        shutil.rmtree(draft)
    draft.mkdir()
    try:
        total = sum(len(paths[side]) for side in SIDES)
        about = {}
        for side in SIDES:
            before = 0 if side == "ms" else len(paths["ms"])
            about[side] = _write_side(
                draft,
                tables[side],
                paths[side],
                readers[side],
                workers,
                part_of(progress, before, total),
            )
        index = {"format": FORMAT, "id": uuid.uuid4().hex, **content, "sides": about}
        write_json(draft / INDEX, index)
        _put_in_place(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put_in_place(draft: Path, folder: Path) -> None:
    # without an index, what a run killed in here leaves is no pack
    (folder / INDEX).unlink(missing_ok=True)
    for side in SIDES:
        for name in (f"{side}.npy", f"{side}.npz"):
            (draft / name).replace(folder / name)
    (draft / INDEX).replace(folder / INDEX)
    sync_folder(folder)


def _write_side(
    draft: Path,
    table: SideIndex,
    paths: Sequence[Path],
    reader: Reader,
    workers: int | None,
    progress: Progress | None,
) -> dict[str, Any]:
    digests: list[NDArray[Any]] = []
    sums: list[NDArray[Any]] = []
    squares: list[NDArray[Any]] = []
    valid: list[NDArray[Any]] = []
    shape: tuple[int, ...] = ()
    dtype = np.dtype(np.uint8)

    def keep(file: IO[bytes], block: NDArray[Any]) -> None:
        _append(file, block)
        digests.append(digests_of(block))
        for kept, found in zip((sums, squares, valid), sums_of(block), strict=True):
            kept.append(found)

    with (draft / f"{table.modality}.npy").open("wb") as file, ThreadPoolExecutor(1) as writer:
        writing: Future[None] | None = None
        for first, block in _blocks(paths, reader, workers, progress):
            if not shape:
                shape, dtype = block.shape[1:], block.dtype
                need_room(draft, len(paths) * block[0].nbytes, f"{len(paths)} unpacked images")
                write_npy_header(file, (len(paths), *shape), dtype)
            if block.shape[1:] != shape or block.dtype != dtype:
                raise unlike(first, block[0], paths, np.empty(shape, dtype), reader)
            if writing is not None:
                writing.result()
            # the next block is decoded meanwhile
            writing = writer.submit(keep, file, block)
        if writing is not None:
            writing.result()
        sync(file)
    with (draft / f"{table.modality}.npz").open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            digests=np.concatenate(digests),
            sums=np.concatenate(sums),
            squares=np.concatenate(squares),
            valid=np.concatenate(valid),
            **table.arrays(),
        )
        sync(file)
    return {
        "bands": list(table.bands),
        "sensor": table.sensor,
        "shape": [len(paths), *shape],
        "dtype": str(dtype),
    }


def _blocks(
    paths: Sequence[Path], reader: Reader, workers: int | None, progress: Progress | None
) -> Iterator[tuple[Path, NDArray[Any]]]:
    for start in range(0, len(paths), _BLOCK):
        part = paths[start : start + _BLOCK]
        report = part_of(progress, start, len(paths))
        yield part[0], decode(part, reader, workers, report)


def _append(file: IO[bytes], block: NDArray[Any]) -> None:
    # written, not mapped: a full disk is then an error to be told, where a map kills the process
    file.write(block.data.cast("B"))
