"""The frozen teacher's outputs of all MS training images, on disk and mapped into memory.

A store is a folder of ``rows.npy`` (K,) int64 and, in float32, ``logits.npy`` (K, C), ``zbar.npy``
(K, D_zbar) and ``z.npy`` (K, N, D_z) where patches are kept; ``store.json`` has what the arrays do
not say.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ackd.backbones import Outputs
from ackd.errors import DamagedError, DataError
from ackd.utils.io import full_disk_told, need_room, read_json, sync, write_json, write_npy_header

__all__ = ["TeacherStore", "open_store", "write_store"]

ABOUT = "store.json"
BLOCK = 1 << 24


@dataclass(frozen=True, eq=False)
class TeacherStore:
    """Outputs of K images.

    Attributes:
        rows: (K,) int64, ascending: which row of the MS set each image is.
        z: (K, N, D_z), or None where nothing reads patches.
        zbar: (K, D_zbar).
        logits: (K, C).
        grid: (h, w) of the patches.
        z_dim: D_z.
    """

    rows: Tensor
    z: Tensor | None
    zbar: Tensor
    logits: Tensor
    grid: tuple[int, int]
    z_dim: int

    @property
    def nbytes(self) -> int:
        """Bytes of all outputs."""
        return sum(part.nbytes for part in (self.z, self.zbar, self.logits) if part is not None)


def write_store(
    folder: Path,
    rows: NDArray[np.int64],
    blocks: Iterable[Outputs],
    *,
    patches: bool = True,
) -> None:
    """Write a store block by block; no more than one block is held.

    Args:
        folder: Exists; what lies in it is overwritten.
        rows: (K,) ascending rows of the MS set.
        blocks: Outputs of those rows, in order, on the CPU.
        patches: Whether z is kept.

    Raises:
        DataError: There is not enough room on the disk, or an output is not finite.
        ValueError: The blocks hold more or fewer images than ``rows``.
    """
    np.save(folder / "rows.npy", rows)
    about: dict[str, Any] = {}
    written = 0
    with ExitStack() as files:
        opened: dict[str, BinaryIO] = {}
        for block in blocks:
            arrays = _arrays(block, patches)
            if not opened:
                _need_room(folder, arrays, len(rows))
                about = {
                    "patches": patches, "grid": list(block.grid),
                    "z_dim": block.z.shape[-1],
                }  # fmt: skip
                for name, array in arrays.items():
                    opened[name] = files.enter_context((folder / f"{name}.npy").open("wb"))
                    write_npy_header(opened[name], (len(rows), *array.shape[1:]), array.dtype)
            _refuse_broken(block, rows[written:])
            for name, array in arrays.items():
                # Not through a memory map, whose written pages would count as this process's.
                with full_disk_told(folder / f"{name}.npy", array.nbytes):
                    opened[name].write(array.tobytes())
            written += len(block.logits)
        for file in opened.values():
            sync(file)
    if written != len(rows):
        raise ValueError(f"The blocks hold {written} images, but there are {len(rows)} rows.")
    write_json(folder / ABOUT, about)


def open_store(folder: Path) -> TeacherStore:
    """Map a store into memory, after its files were read through once.

    Raises:
        DamagedError: A file is missing or not whole, or has values that are not finite.
    """
    try:
        about = read_json(folder / ABOUT)
        parts = {
            # Copy-on-write, since torch warns of memory that it may not write to.
            name: torch.from_numpy(np.load(folder / f"{name}.npy", mmap_mode="c"))
            for name in ("rows", "zbar", "logits", *(["z"] if about["patches"] else []))
        }
    except (OSError, ValueError, KeyError) as error:
        raise DamagedError(
            f"The teacher's outputs in {folder} cannot be read ({error})."
        ) from error
    for name in ("logits", "zbar", "z"):
        if name in parts and not _finite(folder / f"{name}.npy", parts[name]):
            raise DamagedError(
                f"The teacher's outputs in {folder} have values that are not finite ({name}.npy)."
            )
    height, width = about["grid"]
    return TeacherStore(
        parts["rows"], parts.get("z"), parts["zbar"], parts["logits"], (height, width),
        about["z_dim"],
    )  # fmt: skip


def _finite(path: Path, values: Tensor) -> bool:
    """Whether the numbers of an array are finite.

    Read from the file block by block: pages of the map would count as this process's memory.
    """
    dtype = values.numpy().dtype
    with path.open("rb") as file:
        file.seek(path.stat().st_size - values.nbytes)  # behind the header
        while block := file.read(BLOCK):
            if not np.isfinite(np.frombuffer(block, dtype)).all():
                return False
    return True


def _refuse_broken(block: Outputs, rows: NDArray[np.int64]) -> None:
    """A student would learn NaN from it, and so would every later one."""
    for name in ("z", "zbar", "logits"):
        broken = (~getattr(block, name).flatten(1).isfinite().all(dim=1)).nonzero().flatten()
        if len(broken):
            raise DataError(
                f"The teacher's {name} of {len(broken)} MS training images is not finite (first: "
                f"row {int(rows[int(broken[0])])}), so nothing can be learned from it; train the "
                "teacher again with 'force=[teacher]' and a smaller teacher.optimizer.lr."
            )


def _arrays(block: Outputs, patches: bool) -> dict[str, NDArray[Any]]:
    parts = {"logits": block.logits, "zbar": block.zbar} | ({"z": block.z} if patches else {})
    return {name: part.float().contiguous().numpy() for name, part in parts.items()}


def _need_room(folder: Path, arrays: dict[str, NDArray[Any]], count: int) -> None:
    an_image = sum(array.itemsize * math.prod(array.shape[1:]) for array in arrays.values())
    need_room(
        folder, an_image * count, f"The teacher's outputs of {count} images",
        "choose another folder (artifacts=DIR) or student.teacher=live",
    )  # fmt: skip
