"""What a segmentation network is: logits of each pixel, and features at layers with names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from ackd.errors import unknown

__all__ = ["FIN", "MID", "Maps", "SegmentationNetwork"]

MID = "mid"
"""The output of the encoder."""

FIN = "fin"
"""The logits."""


@dataclass(frozen=True)
class Maps:
    """What a network says of a batch.

    Attributes:
        logits: (B, K, H, W) of the images' own size; None where only earlier layers were asked for.
        features: (B, C, h, w) of each layer that was asked for, by its name, in order of depth.
    """

    logits: Tensor | None
    features: Mapping[str, Tensor] = field(default_factory=dict)


class SegmentationNetwork(nn.Module, ABC):
    """A network of an encoder and a decoder.

    Layers are named ``e1``, ``e2``, ... in the encoder, ``mid`` at its end, ``d1``, ``d2``, ... in
    the decoder, and ``fin`` for the logits. Every parameter and buffer belongs to the modules of
    one layer, so that training can be limited to some layers.

    Attributes:
        bands: Of the images.
        channels: K, of the logits: 1 for one class against everything else.
        stride: Sides of images have to be divisible by it.
        layers: All names, in order of depth.
    """

    bands: int
    channels: int
    stride: int
    layers: tuple[str, ...]

    @abstractmethod
    def modules_of(self, layer: str) -> Sequence[nn.Module]:
        """The modules whose parameters and buffers belong to a layer."""

    @abstractmethod
    def forward(self, images: Tensor, layers: Sequence[str] | None = None) -> Maps:
        """Compute logits, or features no deeper than they are needed.

        Args:
            images: (B, bands, H, W), normalised.
            layers: Whose features are wanted; the network goes no deeper than the deepest of them.
                None for the logits alone.

        Raises:
            ValueError: H or W is not divisible by ``stride``.
            ConfigError: There is no such layer; those that exist are named.
        """

    @property
    def encoder_layers(self) -> tuple[str, ...]:
        """From the first layer to ``mid``."""
        return self.layers[: self.layers.index(MID) + 1]

    @property
    def decoder_layers(self) -> tuple[str, ...]:
        """From behind ``mid`` to ``fin``."""
        return self.layers[self.layers.index(MID) + 1 :]

    def require_layers(self, layers: Collection[str]) -> None:
        """See that layers exist.

        Raises:
            ConfigError: One does not; those that do are named.
        """
        for layer in layers:
            if layer not in self.layers:
                raise unknown("layer", layer, self.layers)

    def train_only(self, layers: Collection[str]) -> None:
        """Freeze everything but some layers.

        Frozen layers keep their parameters and their buffers, the statistics of batch normalization
        among them, bit for bit: they stay in eval mode whatever :meth:`train` is told, and have no
        dropout.

        Args:
            layers: That are trained.
        """
        self.require_layers(layers)
        self._frozen = tuple(layer for layer in self.layers if layer not in layers)
        for layer in self.layers:
            for module in self.modules_of(layer):
                module.requires_grad_(layer in layers)
        self.train(self.training)

    def train(self, mode: bool = True) -> SegmentationNetwork:
        """Switch between training and evaluation; frozen layers stay in evaluation."""
        super().train(mode)
        for layer in getattr(self, "_frozen", ()):
            for module in self.modules_of(layer):
                module.eval()
        return self
