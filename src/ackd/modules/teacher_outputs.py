"""Where a training step gets the frozen teacher's outputs from."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ackd.backbones import Backbone, Outputs
from ackd.modules.teacher_store import TeacherStore

__all__ = ["LiveTeacher", "StoredTeacher", "TeacherOutputs"]

FREE_SHARE = 0.25
"""How much of an accelerator's free memory a store may take; the rest is the training's."""


class TeacherOutputs(Protocol):
    """The teacher as a training step sees it: outputs of given MS images, and nothing else."""

    z_dim: int
    zbar_dim: int

    reads_images: bool
    """Whether batches have to bring the MS images along."""

    def __call__(self, ms_index: Tensor, ms_images: Tensor | None) -> Outputs:
        """Return z_T, zbar_T and p_T.

        Args:
            ms_index: (B,) rows of the MS set, on the host, as the data module leaves them.
            ms_images: (B, C, H, W) normalised images of those rows, where the teacher is live.
        """
        ...

    def to(self, device: torch.device) -> TeacherOutputs:
        """Move whatever is held to the student's device."""
        ...


class LiveTeacher:
    """A teacher that looks at every MS image anew, as augmented MS images need it.

    It is frozen for good: no gradient, always in eval mode. It is no ``nn.Module`` itself, so a
    module that holds it neither trains it, nor switches its mode, nor stores it in checkpoints.
    """

    reads_images = True

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone.eval().requires_grad_(False)
        self.z_dim = backbone.z_dim
        self.zbar_dim = backbone.zbar_dim

    def __call__(self, ms_index: Tensor, ms_images: Tensor | None) -> Outputs:
        """Run the teacher on the images; ``ms_index`` is not needed here."""
        if ms_images is None:
            raise ValueError("a live teacher needs the MS images, but the batch has none")
        with torch.no_grad():
            outputs: Outputs = self.backbone(ms_images)
        return outputs

    def to(self, device: torch.device) -> LiveTeacher:
        """Move the network to ``device``."""
        self.backbone.to(device)
        return self


class StoredTeacher:
    """A teacher that has looked at every MS image once: outputs are looked up by their row.

    The store moves to the accelerator where it fits into a share of its free memory. Otherwise it
    stays mapped on the host, and each batch is gathered there and copied without waiting. Where the
    store keeps no patches, z has none: (B, 0, D_z).
    """

    reads_images = False

    def __init__(self, store: TeacherStore, free_share: float = FREE_SHARE) -> None:
        """Take a store.

        Args:
            store: Of all MS images that pairs may name.
            free_share: Of the accelerator's free memory, that the store may take.
        """
        self.store = store
        self.free_share = free_share
        self.z_dim = store.z_dim
        self.zbar_dim = store.zbar.shape[1]
        self.device = torch.device("cpu")
        self._position = torch.full((int(store.rows[-1]) + 1,), -1, dtype=torch.int64)
        self._position[store.rows] = torch.arange(len(store.rows))
        self._z, self._zbar, self._logits = store.z, store.zbar, store.logits

    def __call__(self, ms_index: Tensor, ms_images: Tensor | None = None) -> Outputs:
        """Look the rows up; ``ms_images`` is not needed here.

        Raises:
            ValueError: The store does not hold one of the rows.
        """
        # On the host, where a missing row is seen without waiting for the accelerator.
        rows = ms_index.cpu()
        known = rows.clamp(max=len(self._position) - 1)
        positions = self._position[known].where(known == rows, -1)
        if bool((positions < 0).any()):
            raise ValueError(
                f"The store does not hold the MS image {int(rows[positions < 0][0])}; it was made "
                "of other images."
            )
        if self._z is None:
            z = torch.empty(len(rows), 0, self.z_dim, device=self.device)
        else:
            z = self._take(self._z, positions)
        zbar, logits = self._take(self._zbar, positions), self._take(self._logits, positions)
        return Outputs(z, zbar, logits, self.store.grid)

    def to(self, device: torch.device) -> StoredTeacher:
        """Look up for ``device``, and move the store there if it fits."""
        self.device = device
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            home = device if self.store.nbytes <= self.free_share * free else torch.device("cpu")
        else:
            home = device
        store = self.store
        self._z = store.z.to(home) if store.z is not None else None
        self._zbar, self._logits = store.zbar.to(home), store.logits.to(home)
        return self

    def _take(self, part: Tensor, positions: Tensor) -> Tensor:
        if part.device.type != "cpu":
            taken = part.index_select(0, positions.to(part.device, non_blocking=True))
        elif self.device.type == "cuda":
            # Only from pinned memory is a copy not waited for.
            pinned = torch.empty(
                (len(positions), *part.shape[1:]), dtype=part.dtype, pin_memory=True
            )
            taken = torch.index_select(part, 0, positions, out=pinned)
            taken = taken.to(self.device, non_blocking=True)
        else:
            taken = part.index_select(0, positions).to(self.device)
        return taken
