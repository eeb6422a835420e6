"""Checkpoints: whole or not there, the last two kept, a damaged one named and passed over."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.fabric.utilities.types import _PATH

from ackd.errors import DamagedError
from ackd.runs.folder import BEST, CHECKPOINTS, LAST, PREVIOUS
from ackd.runs.ranks import first_rank
from ackd.utils.io import DRAFT_SUFFIX, load_tensors, save_tensors, sync_folder, write_bytes

__all__ = ["BEST", "CHECKPOINTS", "LAST", "PREVIOUS", "WholeCheckpoints", "ended_early",
           "epoch_of", "last_checkpoint"]  # fmt: skip

log = logging.getLogger("ackd")


class WholeCheckpoints(TorchCheckpointIO):
    """Writes checkpoints beside their place, and keeps the one before the last.

    Lightning's own goes through the temporary folder, which may be on another and smaller disk, and
    does not bring a file to the disk before it has its name.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            DiskFullError: There is no room for it; what was there before is untouched.
        """
        target = Path(path)
        if target.name != LAST or not target.is_file():
            save_tensors(target, checkpoint)
            return
        # Whole on the disk first: until then the last two are two files, not one with two names.
        fresh = target.with_name(f".{LAST}{DRAFT_SUFFIX}")
        save_tensors(fresh, checkpoint)
        _keep(target)
        fresh.replace(target)
        sync_folder(target.parent)

    def load_checkpoint(
        self,
        path: _PATH,
        map_location: Callable[..., Any] | None = lambda storage, loc: storage,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read tensors and plain values alone, whoever asks: nothing in a checkpoint can run."""
        return super().load_checkpoint(path, map_location, weights_only=True)


def last_checkpoint(folder: Path) -> Path | None:
    """Find the checkpoint to go on from in the folder of a run or a stage, if there is one.

    It is that of the last epoch, or where it is damaged that of the epoch before. Where the
    checkpoint of the best epoch so far is damaged and cannot be made again, there is none.
    """
    place = folder / CHECKPOINTS
    found = [place / name for name in (LAST, PREVIOUS) if (place / name).is_file()]
    for checkpoint in found:
        try:
            content = load_tensors(checkpoint)
            int(content["epoch"])
            _see_to_best(place / BEST, checkpoint, content)
        except (DamagedError, KeyError) as error:
            log.warning("passed over a checkpoint: %s", error)
        else:
            return checkpoint
    if found:
        log.warning("no checkpoint in %s can be gone on from; starting again", place)
    return None


def epoch_of(checkpoint: Path | None) -> int:
    """The epoch at whose end a checkpoint was written; -1 without one."""
    return -1 if checkpoint is None else int(load_tensors(checkpoint)["epoch"])


def ended_early(checkpoint: Path | None) -> tuple[int, bool]:
    """What a checkpoint knows of the end of its training, see :mod:`ackd.callbacks`.

    Returns:
        Epochs without an improvement, 0 where none are counted; and whether a callback of the
        user's has ended the training.
    """
    states = {} if checkpoint is None else load_tensors(checkpoint).get("callbacks", {})
    waited = [s["wait_count"] for name, s in states.items() if name.startswith("Patience")]
    return max(waited, default=0), bool(states.get("EndsEarly", {}).get("ended"))


def _keep(last: Path) -> None:
    """Give the last checkpoint a second name, under which it stays when the next one is written."""
    draft = last.with_name(f".{PREVIOUS}.{os.getpid()}")
    try:
        os.link(last, draft)
        draft.replace(last.with_name(PREVIOUS))
    except OSError:  # a file system without hard links
        last.replace(last.with_name(PREVIOUS))
    finally:
        with suppress(OSError):
            draft.unlink()


def _see_to_best(best: Path, checkpoint: Path, content: Mapping[str, Any]) -> None:
    """Make sure that the best epoch before a checkpoint is there to be chosen at the end.

    Raises:
        DamagedError: It is not.
    """
    states = content.get("callbacks", {})
    epochs = [s.get("epoch") for name, s in states.items() if name.startswith("BestEpoch")]
    if not epochs or epochs[0] is None:
        return  # no epoch so far had finite numbers, or an earlier version wrote it
    try:
        load_tensors(best)
    except DamagedError as error:
        if epochs[0] != content["epoch"]:
            raise DamagedError(
                f"{checkpoint} cannot be used without the best epoch before it: {error}"
            ) from error
        log.warning("%s It is made again from %s, of the same epoch.", error, checkpoint.name)
        if first_rank():
            write_bytes(best, checkpoint.read_bytes())
