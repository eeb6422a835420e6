"""Packing a selection once: found again while its files are unchanged, else packed anew."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ackd.data.benchmark import Modality
from ackd.data.cache.index import SideIndex
from ackd.data.cache.store import FORMAT, SIDES, Pack, is_pack, open_pack, read_index
from ackd.data.cache.writing import Reader, write_pack
from ackd.data.options import FileOptions, pixel_options
from ackd.data.reading.multispectral import Progress
from ackd.data.sources import Source
from ackd.data.splits.selection import Selection, bands_of, reader_of
from ackd.errors import DataError
from ackd.utils.locks import locked
from ackd.utils.values import digest

__all__ = ["pack", "pack_among", "source_stamp"]

log = logging.getLogger("ackd")

LOCK = ".pack.lock"


def pack(
    selection: Selection,
    folder: Path,
    options: FileOptions,
    *,
    force: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Pack:
    """Pack a selection into a folder, or find it packed there already.

    It is packed anew where a source file has another size or modification time than it had, where
    files came or went, and where the options differ. Of several processes one packs and the others
    wait. Other files in the folder are left alone.

    Args:
        selection: Which images.
        folder: Made where there is none.
        options: ``bands``, and every option that shapes pixels.
        force: Whether to pack anew what is packed already.
        workers: Reading threads; chosen by the machine where None.
        progress: Called as ``progress(done, total)`` after each image, MS ones first.

    Returns:
        The pack.

    Raises:
        ConfigError: If there is no such band.
        DataError: If an image cannot be read, the disk is full, or ``folder`` is not writable; an
            earlier pack is then still as it was.
    """
    wanted = bands_of(selection, options.bands)
    key = _key(selection, options)
    found = None if force else _fresh(folder, key, wanted)
    if found is not None:
        return found
    with _told(folder, selection):
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / LOCK, f"another process that is packing {folder}"):
            # somebody else may have packed it while this process waited
            found = None if force else _fresh(folder, key, wanted)
            if found is not None:
                return found
            if is_pack(folder):
                log.info("packing %s anew: its files or options changed", folder)
            tables: dict[Modality, SideIndex] = {}
            readers: dict[Modality, Reader] = {}
            for side in SIDES:
                listing = selection.side(side)
                tables[side] = SideIndex.of(listing, wanted[side])
                readers[side] = reader_of(selection, side, wanted[side], options)
            write_pack(
                folder,
                {
                    "name": selection.class_map.name,
                    "classes": list(selection.class_map.classes),
                    "key": key,
                    "options": {**selection.options, **pixel_options(options)},
                    "notes": dict(selection.notes),
                },
                tables,
                {side: selection.paths(side) for side in SIDES},
                readers,
                workers=workers,
                progress=progress,
            )
    return open_pack(folder)


def pack_among(
    selection: Selection,
    packs: Path,
    options: FileOptions,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Pack:
    """Find or make the pack of a selection in a folder of many; arguments as for `pack`.

    A pack of the same images with more bands serves as well.
    """
    wanted = bands_of(selection, options.bands)
    pixels = pixel_options(options)
    roots = {side: str(root.absolute()) for side, root in selection.roots.items()}
    classes = [selection.class_map.classes, selection.class_map.ms, selection.class_map.rgb]
    applied = dict(selection.options)
    family = digest([selection.class_map.name, classes, roots, applied, pixels], 12)
    name = f"{selection.class_map.name}-{family}"
    exact = packs / f"{name}-{digest(list(wanted['ms']), 6)}"
    key = _key(selection, options)
    for folder in (exact, *sorted(packs.glob(f"{name}-*"))):
        found = _fresh(folder, key, wanted)
        if found is not None:
            return found
    return pack(selection, exact, options, workers=workers, progress=progress)


def source_stamp(selection: Selection) -> str:
    """A digest of which files a selection has, their sizes, times of change, and their labels.

    Raises:
        DataError: If a file has gone since it was listed.
    """
    digest = hashlib.blake2b(digest_size=16)
    for side in SIDES:
        listing = selection.side(side)
        digest.update(listing.labels.tobytes() + "\0".join(listing.splits.tolist()).encode())
        for record, origin, path in zip(
            listing.records, listing.origins.tolist(), selection.paths(side), strict=True
        ):
            digest.update(f"\1{record.file}\0{record.scene_id}".encode())
            for file in listing.sources[origin].files(path):
                try:
                    about = file.stat()
                except OSError as error:
                    raise DataError(f"{file} is not there any more ({error.strerror}).") from error
                digest.update(f"\0{file.name}\0{about.st_size}\0{about.st_mtime_ns}".encode())
    return digest.hexdigest()


def _key(selection: Selection, options: FileOptions) -> str:
    """What a pack must have been made of to serve again; the bands are compared on their own."""
    return digest(
        [
            FORMAT,
            selection.class_map.name,
            list(selection.class_map.classes),
            dict(selection.options),
            pixel_options(options),
            [_reads(source) for side in SIDES for source in selection.side(side).sources],
            source_stamp(selection),
        ],
        64,
    )


def _reads(source: Source) -> list[Any]:
    """What a source takes its files for: the same files under another sensor are other images."""
    sensor = source.sensor
    reads = [source.name, sensor.name, sensor.names, list(getattr(source, "file_bands", ()))]
    # files that must name their bands alike are not those of which a user has said the order
    return [*reads, "described"] if getattr(source, "described", False) else reads


def _fresh(folder: Path, key: str, wanted: dict[Modality, tuple[str, ...]]) -> Pack | None:
    """Open the pack in a folder if it is of this key and has the bands."""
    if not is_pack(folder):
        return None
    try:
        content = read_index(folder)
        if content.get("key") != key:
            return None
        if not set(wanted["ms"]) <= set(content["sides"]["ms"]["bands"]):
            return None
        return open_pack(folder)
    except DataError as error:
        log.info("%s Packing it anew.", error)
        return None


@contextmanager
def _told(folder: Path, selection: Selection) -> Iterator[None]:
    """Say what a disk that refuses means here."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Packing {selection.class_map.name} into {folder} failed: "
            f"{error.strerror or error}. Nothing half-written was left, and the images "
            "themselves are untouched. Make room or choose another place (data.packs=DIR), or read "
            "them directly (data.packed=false)."
        ) from error
