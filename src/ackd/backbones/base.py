"""The one protocol that teachers, students and matcher encoders share."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from ackd.backbones.outputs import Outputs

__all__ = ["Backbone", "ImageSize"]

ImageSize = tuple[int, int]
"""(H, W) in pixels, or in patches."""


class Backbone(nn.Module, ABC):
    """A network that gives z, zbar and logits, and declares how wide they are.

    Attributes:
        z_dim: D_z, the channels of a patch of ``z``.
        zbar_dim: D_zbar, the channels of ``zbar``.
        bands: Channels of the images that it takes.
        classes: C, the width of ``logits``; 0 when there is no classifier.
    """

    def __init__(self, z_dim: int, zbar_dim: int, bands: int, classes: int) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.zbar_dim = zbar_dim
        self.bands = bands
        self.classes = classes

    def forward(self, x: Tensor) -> Outputs:
        """Run the network.

        Args:
            x: (B, bands, H, W) normalised images.

        Returns:
            Features and logits of the batch.

        Raises:
            ValueError: If ``x`` is not a batch of images with ``bands`` channels.
        """
        if x.ndim != 4 or x.shape[1] != self.bands:
            raise ValueError(
                f"{type(self).__name__} was built for images (B, {self.bands}, H, W) but got "
                f"{tuple(x.shape)}; give it {self.bands} bands or build it with other bands."
            )
        return self.run(x)

    @abstractmethod
    def run(self, x: Tensor) -> Outputs:
        """Compute the outputs of images that :meth:`forward` has checked."""
