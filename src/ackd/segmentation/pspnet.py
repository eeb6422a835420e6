"""The PSPNet of Nair and Haensch: small, without strides, and without a library's weights.

Zhao et al., "Pyramid scene parsing network", CVPR 2017, on an encoder of three dilated residual
blocks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ackd.segmentation.base import FIN, MID
from ackd.segmentation.blocks import convolution
from ackd.segmentation.layered import IMAGES, LayeredNetwork

__all__ = ["PSPNet"]

BLOCKS = ((32, 32, 64), (64, 64, 128), (128, 128, 256))
POOLED_CHANNELS = 64
POOLINGS = (2, 4, 8)
DILATION = 2


class DilatedResidual(nn.Module):
    """Convolutions of 1 x 1, 3 x 3 (dilated) and 1 x 1, beside one of 3 x 3; their sum and a ReLU.

    Args:
        inputs: Channels.
        widths: Channels of the three convolutions.
    """

    def __init__(self, inputs: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        first, second, last = widths
        self.residual = nn.Sequential(
            convolution(inputs, first, 1, bias=True, activation="leaky"),
            convolution(first, second, 3, dilation=DILATION, bias=True, activation="leaky"),
            convolution(second, last, 1, bias=True, activation="none"),
        )
        self.shortcut = convolution(inputs, last, 3, bias=True, activation="none")

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, widths[2], H, W)."""
        return F.relu(self.residual(x) + self.shortcut(x))


class PyramidPooling(nn.Module):
    """The features beside their means over the image and over cells of 2, 4 and 8 pixels.

    Every mean goes through a convolution of 1 x 1 and is enlarged to the features' size again.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.whole = nn.Conv2d(inputs, POOLED_CHANNELS, 1)
        self.cells = nn.ModuleList(nn.Conv2d(inputs, POOLED_CHANNELS, 1) for _ in POOLINGS)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, inputs + 4 * 64, H, W)."""
        size = x.shape[2:]
        whole = self.whole(x.mean(dim=(2, 3), keepdim=True)).expand(-1, -1, *size)
        cells = [
            F.interpolate(
                convolve(F.avg_pool2d(x, side)), size=size, mode="bilinear", align_corners=False
            )
            for side, convolve in zip(POOLINGS, self.cells, strict=True)
        ]
        return torch.cat([x, whole, *cells], dim=1)


class PSPNet(LayeredNetwork):
    """Three blocks ``e1``, ``e2`` and ``mid``, pyramid pooling ``d1``, and ``fin``.

    Table 1 of Nair and Haensch has "PSPNet vanilla" with 63 layers, the encoder's output at layer
    46, and 800 thousand parameters. A network from scratch in a public collection of Keras examples
    is near: blocks of 32-32-64, 64-64-128 and 128-128-256 channels with LeakyReLU of 0.2, the means
    over the image and over cells of 2, 4 and 8 pixels with 64 channels each, and a head of 3 x 3
    with batch normalization. It has 704,613 parameters (with running means and variances, three
    bands, one logit), as this one has. Its blocks have 12 layers, though, and 63 layers are blocks
    of 15: with one more batch normalization in each it would have 706,405.

    There are no ImageNet weights of it, and no skip from the encoder to the decoder. Nothing has a
    stride, so features are as large as the images and steps are slow.

    Args:
        bands: Of the images.
        channels: K, of the logits.
    """

    def __init__(self, bands: int, channels: int) -> None:
        widths = [block[-1] for block in BLOCKS]
        first, second, third = (
            DilatedResidual(inputs, block)
            for inputs, block in zip([bands, *widths], BLOCKS, strict=False)
        )
        pooled = widths[-1] + POOLED_CHANNELS * (1 + len(POOLINGS))
        parts: dict[str, tuple[nn.Module, list[str]]] = {
            "e1": (first, [IMAGES]),
            "e2": (second, ["e1"]),
            MID: (third, ["e2"]),
            "d1": (PyramidPooling(widths[-1]), [MID]),
            FIN: (convolution(pooled, channels, bias=True, activation="none"), ["d1"]),
        }
        super().__init__(parts, bands, channels, stride=max(POOLINGS))
