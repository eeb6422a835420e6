"""Drawn scenes are kept in files, so that only the first run on a machine has to draw them."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL
import rasterio
import scipy
from numpy.typing import NDArray

from ackd.utils.io import beside
from ackd.utils.locks import locked

__all__ = ["kept_scenes"]

_HERE: Final = Path(__file__).parent


def kept_scenes(
    folder: Path | None,
    about: dict[str, Any],
    draw: Callable[[], NDArray[Any]],
    *,
    code: Sequence[Path] = (_HERE,),
    mapped: bool = False,
) -> NDArray[Any]:
    """Return the pixels that ``draw`` makes, from a file where it has made them before.

    Processes that want the same pixels at the same time wait for the first one, which draws them.

    Args:
        folder: Where the files are; None draws without one.
        about: All that decides the pixels, as plain values. The code that draws and the versions
            of the libraries it uses are added here.
        draw: Makes the pixels.
        code: The folders with the code that draws.
        mapped: Whether the file is mapped into memory, read-only, rather than read whole.

    Returns:
        What ``draw`` returns. A folder that cannot be written costs a warning, no result.
    """
    if folder is None:
        return draw()
    text = json.dumps({**about, "code": _code(tuple(code))}, sort_keys=True)
    path = folder / f"synthetic-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npy"
    if (there := _read(path, mapped)) is not None:
        return there
    with _turn(path):
        if (there := _read(path, mapped)) is not None:
            return there
        pixels = draw()
        try:
            with beside(path, pixels.nbytes) as draft, draft.open("wb") as file:
                np.save(file, pixels)
        except OSError as error:
            warnings.warn(
                f"The embedded scenes could not be kept in {folder} ({error}); the next run draws "
                "them again. data.packs=DIR chooses another folder.",
                stacklevel=2,
            )
            return pixels
    there = _read(path, mapped) if mapped else None  # lets go of the copy in memory
    return pixels if there is None else there


def _read(path: Path, mapped: bool) -> NDArray[Any] | None:
    try:
        # not a memmap for callers: they get views of it, and a view of a view is an array
        return np.asarray(np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False))
    except (OSError, ValueError, EOFError):  # not there, or cut off
        return None


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait for another process that draws the same; go on where nobody can lock."""
    lock = path.with_name(f".{path.name}.lock")
    with ExitStack() as stack:
        with suppress(OSError, NotImplementedError):
            lock.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(lock, "another process that draws the same scenes"))
        yield


@cache
def _code(folders: tuple[Path, ...]) -> str:
    """Tell the code apart that draws: its files and the libraries' versions."""
    versions = (np.__version__, scipy.__version__, PIL.__version__, rasterio.__gdal_version__)
    digest = hashlib.sha256(" ".join(versions).encode())
    for folder in folders:
        for file in sorted(folder.glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()
