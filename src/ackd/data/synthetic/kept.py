"""Drawn scenes are kept in files, so that only the first run on a machine has to draw them."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import scipy
from numpy.typing import NDArray

from ackd.utils.io import beside

__all__ = ["code_digest", "kept_scenes"]


def kept_scenes(
    folder: Path | None, about: dict[str, Any], draw: Callable[[], NDArray[Any]]
) -> NDArray[Any]:
    """Return the pixels that ``draw`` makes, from a file where it has made them before.

    Args:
        folder: Where the files are; None draws without one.
        about: All that decides the pixels, as plain values. The code that draws and the versions
            of the libraries it uses are added here.
        draw: Makes the pixels.

    Returns:
        What ``draw`` returns. A folder that cannot be written costs a warning, no result.
    """
    if folder is None:
        return draw()
    text = json.dumps({**about, "code": code_digest()}, sort_keys=True)
    path = folder / f"synthetic-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npy"
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError):  # not there, or cut off
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


@cache
def code_digest(*folders: Path) -> str:
    """Tell apart the code that draws: its files, and the versions of the libraries it uses.

    Args:
        folders: With the files of other packages that draw; this one's are always among them.
    """
    versions = (np.__version__, scipy.__version__, PIL.__version__)
    digest = hashlib.sha256(" ".join(versions).encode())
    for folder in (Path(__file__).parent, *folders):
        for file in sorted(folder.glob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()
