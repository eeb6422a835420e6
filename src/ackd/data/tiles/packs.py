"""Tiles that were read once are kept in files, which are mapped into memory from then on.

A folder has ``optical.npy``, ``sar.npy`` and ``valid.npy``, their tables ``images.npz``, and
``images.json``, which is written last: without it there is no pack. Masks lie in folders of their
own inside it, one for each choice of labels, so that other labels read no image again, and a stage
without labels opens none. A pack is found again while the files that it was read from have the same
names, sizes and times of change, and read anew otherwise.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ackd.data.tiles.decoded import Images, Masks, read_images, read_masks
from ackd.data.tiles.mapped import Array, MappedArray
from ackd.data.tiles.source import TileSource
from ackd.data.tiles.statistics import Moments
from ackd.errors import DataError
from ackd.utils.io import (
    need_room,
    read_json,
    sync,
    sync_folder,
    write_json,
    write_npy_header,
)
from ackd.utils.locks import locked
from ackd.utils.progress import Progress
from ackd.utils.values import digest

__all__ = ["packed_images", "packed_masks"]

log = logging.getLogger("ackd")

#: Raised by one whenever what is written changes.
FORMAT: Final = 1
_DRAFT: Final = ".packing"
_LOCK: Final = ".pack.lock"
_MOMENTS: Final = Moments._fields


def packed_images(
    source: TileSource, packs: Path, progress: Progress | None = None
) -> tuple[Images, Path]:
    """Open the pack of a source's images, or make it.

    Of several processes one packs and the others wait.

    Args:
        source: The tiles.
        packs: The folder for packs.
        progress: Called as ``progress(done, total)`` while they are read.

    Returns:
        The images and the folder of the pack.

    Raises:
        DataError: Tiles cannot be read, or the folder cannot be written; an earlier pack is then
            still as it was.
    """
    roots = [str(root.absolute()) for root in source.roots]
    family = digest([source.name, roots, source.image_key], 12)
    folder = packs / f"tiles-{source.name}-{family}"
    key = digest([FORMAT, list(source.ids), source.image_key, _stamp(source.image_files())], 64)

    def make(sink: _Files) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        images = read_images(source, sink, progress)
        tables: dict[str, NDArray[Any]] = {
            f"digests_{name}": found for name, found in images.digests.items()
        }
        for side, moments in images.moments.items():
            tables |= {f"{side}_{name}": getattr(moments, name) for name in _MOMENTS}
        if images.bounds is not None:
            tables["bounds"] = images.bounds
        return tables, {"name": source.name, "crs": images.crs, "notes": dict(images.notes)}

    about, tables, arrays = _kept(folder, "images", key, make, f"the tiles of {source.name}")
    return (
        Images(
            arrays,
            {name: tables[f"digests_{name}"] for name in ("optical", "sar", "valid")},
            {
                side: Moments(*(tables[f"{side}_{name}"] for name in _MOMENTS))
                for side in ("optical", "sar")
            },
            tables.get("bounds"),
            about["crs"],
            about["notes"],
        ),
        folder,
    )


def packed_masks(
    source: TileSource, images: Images, folder: Path, progress: Progress | None = None
) -> Masks:
    """Open the pack of a source's masks beside its images, or make it.

    Args:
        source: The tiles.
        images: Their images.
        folder: The pack of the images.
        progress: Called as ``progress(done, total)`` while they are read.

    Raises:
        DataError: See :func:`packed_images`.
    """
    valid = images.digests["valid"].tobytes()
    key = digest(
        [
            FORMAT,
            list(source.ids),
            source.mask_key,
            _stamp(source.mask_files()),
            hashlib.blake2b(valid).hexdigest(),
        ],
        64,
    )

    def make(sink: _Files) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        masks = read_masks(source, source.masks(), images.arrays["valid"], sink, progress)
        about = {"classes": list(masks.classes), "notes": dict(masks.notes)}
        return {"digests_masks": masks.digests}, about

    about, tables, arrays = _kept(
        folder / f"masks-{digest(source.mask_key, 12)}", "masks", key, make,
        f"the masks of {source.name}",
    )  # fmt: skip
    return Masks(arrays["masks"], tables["digests_masks"], tuple(about["classes"]), about["notes"])


Made = tuple[dict[str, NDArray[Any]], dict[str, Any]]
Opened = tuple[dict[str, Any], dict[str, NDArray[Any]], dict[str, Array]]


def _kept(folder: Path, name: str, key: str, make: Callable[[_Files], Made], what: str) -> Opened:
    """Open what was kept under a key, or make it and keep it."""
    found = _open(folder, name, key)
    if found is not None:
        return found
    with _told(folder, what):
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / _LOCK, f"another process that is packing {what}"):
            found = _open(folder, name, key)  # somebody else may have made it meanwhile
            if found is None:
                if (folder / f"{name}.json").exists():
                    log.info("packing %s anew: files or options changed", what)
                _write(folder, name, key, make)
    found = _open(folder, name, key)
    if found is None:
        raise DataError(f"{folder} was packed anew at this very moment; start again.")
    return found


def _open(folder: Path, name: str, key: str) -> Opened | None:
    """Open a pack without opening an array; None where there is none of this key."""
    index = folder / f"{name}.json"
    if not index.is_file():
        return None
    try:
        about = read_json(index)
        if about.get("key") != key or about.get("format") != FORMAT:
            return None
        with np.load(folder / f"{name}.npz") as file:
            tables = {each: file[each] for each in file.files}
        arrays: dict[str, Array] = {
            each: MappedArray(folder / f"{each}.npy", tuple(one["shape"]), np.dtype(one["dtype"]))
            for each, one in about["arrays"].items()
        }
        for each, array in arrays.items():
            size = (folder / f"{each}.npy").stat().st_size
            if size != about["arrays"][each]["bytes"]:
                raise DataError(f"{array} is cut short: it has {size} bytes.")
    except (DataError, OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        log.info("%s cannot be used (%s); packing it anew", folder, error)
        return None
    return about, tables, arrays


class _Files:
    """A sink that writes each array into an npy file, tile after tile."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.dtypes: dict[str, np.dtype[Any]] = {}
        self._files: dict[str, IO[bytes]] = {}
        self._stack = stack

    def put(self, name: str, tile: NDArray[Any], count: int) -> None:
        if name not in self._files:
            need_room(self.folder, count * tile.nbytes, f"{count} unpacked tiles ({name})")
            # the stack closes it
            file = self._stack.enter_context((self.folder / f"{name}.npy").open("wb"))
            self._files[name] = file
            self.shapes[name], self.dtypes[name] = (count, *tile.shape), tile.dtype
            write_npy_header(file, self.shapes[name], tile.dtype)
        # written, not mapped: a full disk is an error to be told, where a map kills the process
        self._files[name].write(np.ascontiguousarray(tile).data.cast("B"))

    def finish(self) -> Mapping[str, Array]:
        for file in self._files.values():
            sync(file)
        return {
            name: MappedArray(self.folder / f"{name}.npy", shape, self.dtypes[name])
            for name, shape in self.shapes.items()
        }

    def about(self) -> dict[str, Any]:
        return {
            name: {
                "shape": list(shape),
                "dtype": str(self.dtypes[name]),
                "bytes": (self.folder / f"{name}.npy").stat().st_size,
            }
            for name, shape in self.shapes.items()
        }


def _write(folder: Path, name: str, key: str, make: Callable[[_Files], Made]) -> None:
    draft = folder / _DRAFT
    if draft.exists():  # of a run that was killed
        shutil.rmtree(draft)
    draft.mkdir()
    try:
        with ExitStack() as stack:
            sink = _Files(draft, stack)
            tables, about = make(sink)
        with (draft / f"{name}.npz").open("wb") as file:
            np.savez(file, allow_pickle=False, **tables)
            sync(file)
        index = {"format": FORMAT, "id": uuid.uuid4().hex, "key": key, **about}
        write_json(draft / f"{name}.json", {**index, "arrays": sink.about()})
        # without an index, what a run killed in here leaves is no pack
        (folder / f"{name}.json").unlink(missing_ok=True)
        for file_name in (*(f"{each}.npy" for each in sink.shapes), f"{name}.npz", f"{name}.json"):
            (draft / file_name).replace(folder / file_name)
        sync_folder(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _stamp(files: Sequence[Path]) -> str:
    """A digest of files, their sizes and times of change.

    Raises:
        DataError: One is not there any more.
    """
    found = hashlib.blake2b(digest_size=16)
    for file in files:
        try:
            about = file.stat()
        except OSError as error:
            raise DataError(f"{file} is not there any more ({error.strerror}).") from error
        found.update(f"\0{file.name}\0{about.st_size}\0{about.st_mtime_ns}".encode())
    return found.hexdigest()


@contextmanager
def _told(folder: Path, what: str) -> Iterator[None]:
    """Say what a disk that refuses means here."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Packing {what} into {folder} failed: {error.strerror or error}. Nothing half-written "
            "was left, and the files themselves are untouched. Choose another place "
            "(data.packs=DIR), or read them in every run (data.packed=false)."
        ) from error
