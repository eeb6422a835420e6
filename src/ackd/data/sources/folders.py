"""What lies in a folder, and which names given in a table stay inside it."""

from __future__ import annotations

import os
import sys
from pathlib import Path, PurePosixPath
from typing import Final

from ackd.errors import DataError

__all__ = ["as_text", "inside", "is_image", "visible"]

#: What is an image, whether or not a source uses it: these are never passed over in silence.
_IMAGE_SUFFIXES: Final = frozenset(
    {".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".mat", ".npy", ".npz", ".png", ".tif", ".tiff"}
    | {".webp"}
)


def visible(folder: Path) -> list[Path]:
    """The entries of a folder, sorted, without hidden ones and macOS's archive leftovers.

    Raises:
        DataError: If a path is not UTF-8, as on disks of older systems: neither GDAL nor a table of
            images can name such a file.
    """
    entries = sorted(folder.iterdir(), key=lambda path: path.name)
    shown = [path for path in entries if not path.name.startswith((".", "__MACOSX"))]
    for path in shown:
        if not _is_utf8(path):
            if sys.getfilesystemencoding() != "utf-8" and _is_utf8_on_disk(path):
                raise DataError(
                    f"The name {as_text(path)} is UTF-8, but the locale of this shell makes Python "
                    f"read names as {sys.getfilesystemencoding()}. Set LC_ALL=C.UTF-8, or "
                    "PYTHONUTF8=1, and start again."
                )
            raise DataError(
                f"The name {as_text(path)} is not valid UTF-8 (perhaps Latin-1), and image files "
                "of such names cannot be opened. Rename it, or all of them at once: "
                f"convmv -r -f latin1 -t utf8 --notest {as_text(folder)}"
            )
    return shown


def as_text(path: Path) -> str:
    """A path as text that can be printed and stored: bytes that are not UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_utf8_on_disk(path: Path) -> bool:
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_image(path: Path) -> bool:
    """Whether a file's name is that of an image, of whatever type."""
    return path.suffix.lower() in _IMAGE_SUFFIXES and not path.name.startswith(".")


def inside(folder: Path, name: str, where: str) -> Path:
    """Return the path of ``name`` in ``folder`` once it is sure that it does not lead out of it.

    Args:
        folder: The folder that the archive unpacked to.
        name: A relative path as a table of the archive gives it, with ``/`` between.
        where: The table and row, for the message.

    Raises:
        DataError: If the name is empty, absolute, or climbs out by ``..``.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or Path(name).is_absolute() or ":" in parts[0]:
        raise DataError(
            f"{where} names '{name}', which does not lie in {folder}; expected a file below it, "
            "without '..' and without a leading '/'. Get the table of the publisher's archive "
            "again: nothing outside the archive is read."
        )
    return folder.joinpath(*parts)
