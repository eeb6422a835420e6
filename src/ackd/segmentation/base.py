"""What a segmentation network is: logits of each pixel, and features at layers with names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from ackd.errors import ConfigError, unknown

__all__ = ["FIN", "MID", "FrozenNorm", "Maps", "SegmentationNetwork"]

MID = "mid"
"""The output of the encoder."""

FIN = "fin"
"""The logits."""

FrozenNorm = Literal["keep", "adapt"]
"""Whether normalization of frozen layers keeps its statistics, or follows the images."""


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
        published: Names of tensors as the library of the encoder writes them, with the network's
            own, where they differ by more than their beginning.
    """

    _frozen: tuple[str, ...] = ()
    _frozen_norm: FrozenNorm = "keep"

    def __init__(self, bands: int, channels: int, stride: int, layers: Sequence[str]) -> None:
        super().__init__()
        self.bands, self.channels, self.stride = bands, channels, stride
        self.layers = tuple(layers)
        self.published: Mapping[str, str] = {}

    @abstractmethod
    def modules_of(self, layer: str) -> Sequence[nn.Module]:
        """The modules whose parameters and buffers belong to a layer.

        A layer at which the network can be listened to, but whose parameters cannot be told from
        those of the layers around it, has none.
        """

    @abstractmethod
    def run(self, images: Tensor, layers: Sequence[str]) -> Mapping[str, Tensor]:
        """Compute the features of some layers, and no more than they need.

        Args:
            images: (B, bands, H, W), which :meth:`forward` has checked.
            layers: That exist, at least one.

        Returns:
            (B, C, h, w) of these layers, and possibly of others.
        """

    def forward(self, images: Tensor, layers: Sequence[str] | None = None) -> Maps:
        """Compute logits, or features no deeper than they are needed.

        Args:
            images: (B, bands, H, W), normalised.
            layers: Whose features are wanted; the network goes no deeper than the deepest of them.
                None for the logits alone.

        Raises:
            ValueError: The images have other bands, or H or W is not divisible by ``stride``.
            ConfigError: There is no such layer; those that exist are named.
        """
        self._require_images(images)
        wanted = (FIN,) if layers is None else tuple(layers)
        self.require_layers(wanted)
        if not wanted:
            raise ConfigError(f"No layer is asked for; name some of {', '.join(self.layers)}.")
        found = self.run(images, wanted)
        asked = () if layers is None else wanted
        features = {name: found[name] for name in self.layers if name in asked}
        return Maps(found[FIN] if FIN in wanted else None, features)

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

    def bands_begin(self, parameter: str, inputs: int) -> int | None:
        """Where the bands begin among the inputs of a convolution of this network.

        Args:
            parameter: The name of its weight.
            inputs: How many it has.

        Returns:
            0 where the images are its only inputs; how many features stand before them, where it
            reads both; None where it reads no images.
        """
        return 0 if inputs == self.bands else None

    def train_only(self, layers: Collection[str], frozen_norm: FrozenNorm = "keep") -> None:
        """Freeze everything but some layers.

        Frozen layers keep their parameters and their buffers, the statistics of batch normalization
        among them, bit for bit: they stay in eval mode whatever :meth:`train` is told, and have no
        dropout.

        Args:
            layers: That are trained.
            frozen_norm: ``"adapt"`` lets the statistics of batch normalization in frozen layers
                follow the images in training; their parameters stay as they are, and the images are
                normalized by their own statistics there. A layer that is not computed does not
                follow anything.

        Raises:
            ConfigError: There is no such layer, nor such a way; or nothing would be trained.
        """
        if frozen_norm not in get_args(FrozenNorm):
            raise unknown("way", frozen_norm, get_args(FrozenNorm), "frozen_norm")
        self.require_layers(layers)
        owners = [layer for layer in self.layers if self._parameters_of(layer)]
        if not set(owners) & set(layers):
            raise ConfigError(
                f"Nothing would be trained in {', '.join(layers) or 'no layer'}: "
                f"{type(self).__name__} has its parameters in {', '.join(owners)}. Name one of "
                "those."
            )
        self._frozen = tuple(layer for layer in self.layers if layer not in layers)
        self._frozen_norm = frozen_norm
        for layer in self.layers:
            for parameter in self._parameters_of(layer):
                parameter.requires_grad_(layer in layers)
        self.train(self.training)

    def train(self, mode: bool = True) -> SegmentationNetwork:
        """Switch between training and evaluation; frozen layers stay in evaluation."""
        super().train(mode)
        for layer in self._frozen:
            for module in self.modules_of(layer):
                module.eval()
                if mode and self._frozen_norm == "adapt":
                    for part in module.modules():
                        if isinstance(part, _NormBase):
                            part.train()
        return self

    def _parameters_of(self, layer: str) -> list[nn.Parameter]:
        return [p for module in self.modules_of(layer) for p in module.parameters()]

    def _require_images(self, images: Tensor) -> None:
        if images.ndim != 4 or images.shape[1] != self.bands:
            raise ValueError(
                f"{type(self).__name__} was built for images (B, {self.bands}, H, W) but got "
                f"{tuple(images.shape)}; give it {self.bands} bands or build it with other bands."
            )
        height, width = images.shape[2], images.shape[3]
        if height % self.stride or width % self.stride or not height or not width:
            up = [max(-(-side // self.stride), 1) * self.stride for side in (height, width)]
            raise ValueError(
                f"{type(self).__name__} takes images with sides that {self.stride} divides, not "
                f"{height} x {width}; pad them to {up[0]} x {up[1]}."
            )
