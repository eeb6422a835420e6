"""Between the teacher and the student: what the frozen teacher says of every MS training image."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from ackd.backbones import Backbone, Outputs
from ackd.config.schema import Config
from ackd.data.benchmark import TRAIN
from ackd.modules import TeacherStore, UnpairedDataModule, open_store, write_store
from ackd.runs.ranks import compute_device, first_rank
from ackd.runs.resources import shortages_told
from ackd.stages.objective import reads
from ackd.stages.stage import Done, KeptStage
from ackd.stages.teacher import TeacherStage
from ackd.utils.io import write_json
from ackd.utils.networks import eval_mode
from ackd.utils.progress import tracked

if TYPE_CHECKING:
    from ackd.stages.context import SceneContext

__all__ = ["StoreStage"]

# One image at a time has been tried by then.
SMALLER = "smaller images (data.size=N), or a smaller teacher.backbone.name"


class StoreStage(KeptStage[TeacherStore]):
    """Runs the teacher once over the MS training images: in eval mode, unaugmented, in float32.

    The ranks share the pass; the first one writes, so that any file system will do. Every student
    with this teacher uses the same store, whatever its seed and its losses, but for patches: they
    are most of a store, and kept only where a loss reads them (``needs``).
    """

    name = "store"
    requires = (TeacherStage.name,)

    def __init__(
        self,
        config: Config,
        data: UnpairedDataModule,
        teacher: Backbone,
        fingerprint: str,
    ) -> None:
        """Say what is stored.

        Args:
            config: Of the run.
            data: Serves the MS images.
            teacher: Trained.
            fingerprint: Of the teacher's own stage.
        """
        self.config = config
        self.data = data
        self.teacher = teacher
        self.fingerprint = fingerprint
        self.patches = "z" in reads(config)

    @classmethod
    def of(cls, context: SceneContext, done: Done) -> Self:
        """It needs the teacher, and what the student's losses read of it."""
        teacher = done.result(TeacherStage)
        if teacher is None:
            raise ValueError("the teacher's outputs need a teacher")
        data = context.training("student").data
        return cls(context.config, data, teacher.product, teacher.fingerprint)

    def shaped_by(self) -> dict[str, Any]:
        """The teacher to its last bit, for one trained anew has its name; images and format."""
        return {
            "teacher": self.fingerprint,
            "weights": _digest(self.teacher),
            "ms": self.data.benchmark.ms.fingerprint,
            "normalise": self.config.data.normalise,
            "patches": self.patches,
        }

    def train(self, folder: Path, *, resume: bool) -> None:
        """Compute and write the store; what an earlier attempt left is written over."""
        began = time.perf_counter()
        rows = self.data.rows(TRAIN, "ms")
        device = compute_device(self.config.trainer)
        told = shortages_told(
            self.config, "teacher", doing="pass of the teacher over the MS images", half=SMALLER
        )
        with told, eval_mode(self.teacher.to(device)):
            blocks = self._blocks(device)
            if first_rank():
                write_store(folder, rows, blocks, patches=self.patches)
                write_json(folder / "metrics.json", {"seconds": time.perf_counter() - began})
            else:
                for _ in blocks:
                    pass  # computing its share is all that this rank does

    def _blocks(self, device: torch.device) -> Iterator[Outputs]:
        grids: list[tuple[int, int]] = []

        def look(batch: dict[str, Tensor]) -> tuple[Tensor, ...]:
            z, zbar, logits, grid = self.teacher(batch["ms"])
            grids.append(grid)
            # What is not kept does not travel either.
            return z if self.patches else z[:, :0], zbar, logits

        rows = self.data.rows(TRAIN, "ms")
        swept = self.data.sweep("ms", rows, device, look)
        for z, zbar, logits in tracked(swept, "teacher's outputs", self.data.sweep_length(rows)):
            yield Outputs(z, zbar, logits, grids[-1])

    def load(self, folder: Path) -> TeacherStore:
        """Open a finished store."""
        return open_store(folder)


def _digest(network: Backbone) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
