"""Where a training step gets the frozen teacher's outputs from."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from ackd.backbones import Backbone, Outputs

__all__ = ["LiveTeacher", "TeacherOutputs"]


class TeacherOutputs(Protocol):
    """The teacher as a training step sees it: outputs of given MS images, and nothing else."""

    z_dim: int
    zbar_dim: int

    def __call__(self, ms_index: Tensor, ms_images: Tensor | None) -> Outputs:
        """Return z_T, zbar_T and p_T.

        Args:
            ms_index: (B,) rows of the MS set.
            ms_images: (B, C, H, W) normalised images of those rows, where the teacher is live.
        """
        ...

    def to(self, device: torch.device) -> TeacherOutputs:
        """Move whatever is held to the student's device."""
        ...


class LiveTeacher:
    """A teacher that looks at every MS image anew.

    It is frozen for good: no gradient, always in eval mode. It is no ``nn.Module`` itself, so a
    module that holds it neither trains it, nor switches its mode, nor stores it in checkpoints.
    """

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
