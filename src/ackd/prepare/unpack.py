"""Unpacking publishers' archives: beside, then renamed, and never outside of their folder.

Why not ``shutil.unpack_archive``? It has a filter for tar only: in a zip it passes over a member
that leads out without a word, and an archive that a publisher has damaged must not look whole. It
also tells no progress, of which archives of 100 GB need some.
"""

from __future__ import annotations

import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from ackd.data.reading.multispectral import Progress, unreadable
from ackd.errors import DataError

__all__ = ["ARCHIVES", "archives_in", "is_archive", "stem", "unpack"]

_ZIP: Final = (".zip",)
_TAR: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
#: What is known for an archive, but opened by other programs only.
_FOREIGN: Final = {
    ".rar": "unrar x",
    ".7z": "7z x",
    ".tar.zst": "tar --zstd -xf",
    ".tzst": "tar --zstd -xf",
}

#: Endings of archives, the longest first.
ARCHIVES: Final = tuple(sorted((*_ZIP, *_TAR, *_FOREIGN), key=len, reverse=True))

_BROKEN: Final = (
    zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, NotImplementedError,
)  # fmt: skip


@dataclass(frozen=True)
class _Member:
    name: str
    folder: bool
    refused: str | None
    open: Callable[[], IO[bytes] | None]


def is_archive(path: Path) -> bool:
    """Whether a file's name is that of an archive, of whatever type."""
    return path.name.lower().endswith(ARCHIVES) and not path.name.startswith(".")


def stem(path: Path) -> str:
    """The name of an archive without its ending: ``x`` of ``x.tar.gz``."""
    ending = next((end for end in ARCHIVES if path.name.lower().endswith(end)), "")
    return path.name[: len(path.name) - len(ending)]


def archives_in(folder: Path) -> list[Path]:
    """The archives that lie in a folder, sorted."""
    return sorted(path for path in folder.iterdir() if path.is_file() and is_archive(path))


def unpack(archive: Path, raw: Path, progress: Progress | None = None) -> list[Path]:
    """Unpack a zip or tar into a folder.

    Everything goes to a draft folder in ``raw`` first and is renamed when it is whole. An archive
    with one outermost folder becomes that folder; one without becomes a folder of its own name.
    The archive itself stays.

    Args:
        archive: The file.
        raw: Made where there is none.
        progress: Called as ``progress(done, total)`` after each member; ``total`` is 0 where only
            reading to the end would tell it (tar).

    Returns:
        What is new in ``raw``.

    Raises:
        DataError: If the archive is missing, damaged, of a type that is not opened here, or
            holds a link, a device or a path that leads out of it; if what it holds is there
            already; if the disk is full or read-only. Nothing is written outside of ``raw``, and
            nothing half-written stays.
    """
    ending = next((end for end in ARCHIVES if archive.name.lower().endswith(end)), None)
    if not archive.is_file():
        raise DataError(f"There is no archive {archive}; expected one of {', '.join(ARCHIVES)}.")
    if ending is None:
        raise DataError(f"{archive} is no archive; expected one of {', '.join(ARCHIVES)}.")
    if ending in _FOREIGN:
        raise DataError(
            f"{archive} is not opened here, only {', '.join((*_ZIP, *_TAR))} are. Unpack it in "
            f"{raw} by: {_FOREIGN[ending]} {archive.name}"
        )
    draft = raw / f".unpacking-{archive.name}"
    try:
        raw.mkdir(parents=True, exist_ok=True)
        if draft.exists():  # of a run that was killed
            shutil.rmtree(draft)
        draft.mkdir()
        try:
            for member in _members(archive, ending, draft, progress):
                _write(member, archive, draft)
            return _put_in_place(archive, draft, raw)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except _BROKEN as error:
        raise unreadable(archive, f"a {ending} archive", error) from error
    except RuntimeError as error:  # what zipfile says of a password
        raise DataError(f"{archive} cannot be unpacked: {error}. Unpack it by hand.") from error
    except OSError as error:
        if error.errno is None:  # gzip's own complaints are of this class, without a number
            raise unreadable(archive, f"a {ending} archive", error) from error
        raise DataError(
            f"{archive} cannot be unpacked into {raw}: {error.strerror or error}. Nothing "
            "half-written was left. Make room, or choose a place that is writable (--raw DIR)."
        ) from error


def _members(
    archive: Path, ending: str, draft: Path, progress: Progress | None
) -> Iterator[_Member]:
    found = _zip_members(archive, draft) if ending in _ZIP else _tar_members(archive)
    for done, (total, member) in enumerate(found, start=1):
        # an archive made on a Mac carries a shadow of every file
        if not member.name.startswith("__MACOSX"):
            yield member
        if progress is not None:
            progress(done, total)


def _zip_members(archive: Path, draft: Path) -> Iterator[tuple[int, _Member]]:
    with zipfile.ZipFile(archive) as file:
        infos = file.infolist()
        needed, free = sum(info.file_size for info in infos), shutil.disk_usage(draft).free
        if needed > free:
            raise DataError(
                f"{archive} needs {needed / 1e9:.2f} GB unpacked, and {draft.parent} has "
                f"{free / 1e9:.2f} GB left. Make room, or choose another place (--raw DIR)."
            )
        for info in infos:
            link = stat.S_ISLNK(info.external_attr >> 16)
            yield (
                len(infos),
                _Member(
                    # as stored: the library would already have mended what is to be refused
                    name=info.orig_filename,
                    folder=info.is_dir(),
                    refused="a link" if link else None,
                    open=lambda info=info: file.open(info),  # type: ignore[misc]
                ),
            )


def _tar_members(archive: Path) -> Iterator[tuple[int, _Member]]:
    with tarfile.open(archive) as file:
        for info in file:
            link = info.issym() or info.islnk()
            other = None if info.isfile() or info.isdir() else "a device or pipe"
            yield (
                0,
                _Member(
                    name=info.name,
                    folder=info.isdir(),
                    refused="a link" if link else other,
                    open=lambda info=info: file.extractfile(info),  # type: ignore[misc]
                ),
            )


def _write(member: _Member, archive: Path, draft: Path) -> None:
    parts = PurePosixPath(member.name).parts
    outside = (
        member.name.startswith("/")
        or ".." in parts
        or any(sign in member.name for sign in ("\\", "\0"))
        or (parts and parts[0].endswith(":"))
    )
    if member.refused or outside:
        what = f"is {member.refused}" if member.refused else "leads out of the archive's folder"
        raise DataError(
            f"{archive} holds '{member.name}', which {what}; expected files and folders below it. "
            "Nothing of it was kept. Get the archive from its publisher again."
        )
    target = draft.joinpath(*parts)
    if member.folder:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source = member.open()
    if source is None:
        return
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 2**20)


def _put_in_place(archive: Path, draft: Path, raw: Path) -> list[Path]:
    tops = sorted(draft.iterdir())
    if not tops:
        raise DataError(f"{archive} is an empty archive; get it from its publisher again.")
    single = len(tops) == 1 and tops[0].is_dir()
    source, target = (tops[0], raw / tops[0].name) if single else (draft, raw / stem(archive))
    if target.exists():
        raise DataError(
            f"{archive} unpacks to {target}, which is there already and stays as it is; take it "
            "away first if the archive's files are to replace it."
        )
    source.replace(target)
    return [target]
