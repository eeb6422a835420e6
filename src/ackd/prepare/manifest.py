"""The manifest beside a pack: written after it, and again where it is older."""

from __future__ import annotations

from pathlib import Path

from ackd.data import Selection, write_manifest
from ackd.data.splits.manifest import read_head
from ackd.errors import DataError
from ackd.utils.io import write_bytes
from ackd.utils.progress import bar

__all__ = ["adopt", "is_current", "renew"]


def is_current(path: Path, index: Path, protocol: str) -> bool:
    """Whether a manifest was written after its pack and has the splits of ``protocol``.

    A manifest that is older belongs to an earlier pack: a run was stopped between the two.
    """
    try:
        if path.stat().st_mtime_ns < index.stat().st_mtime_ns:
            return False
        return bool(read_head(path)["splits"]["protocol"] == protocol)
    except (OSError, KeyError, DataError):
        return False


def renew(path: Path, selection: Selection, protocol: str) -> None:
    """Write the manifest of a selection; every file is read for its checksum."""
    with bar("checksums") as report:
        write_manifest(path, selection, protocol=protocol, progress=report)


def adopt(given: Path, path: Path) -> bool:
    """Put the manifest that a set was rebuilt from beside its pack.

    Returns:
        Whether there was another one, or none.

    Raises:
        DataError: If it cannot be written.
    """
    text = given.read_bytes()
    if path.is_file() and path.read_bytes() == text:
        return False
    try:
        write_bytes(path, text)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from error
    return True
