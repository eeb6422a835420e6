"""Parts that several networks are made of."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

__all__ = ["Doubling", "UpStep", "convolution", "double_convolution", "head"]

Doubling = Literal["transposed", "nearest"]
"""How a decoder doubles the resolution: learned (2 x 2, stride 2, half the channels), or not."""

LEAK = 0.2


def convolution(
    inputs: int,
    outputs: int,
    kernel: int = 3,
    *,
    dilation: int = 1,
    bias: bool = False,
    activation: Literal["relu", "leaky", "none"] = "relu",
) -> nn.Sequential:
    """Convolution of the same size, batch normalization, and an activation.

    Weights are drawn as in He et al. (2015).
    """
    padding = dilation * (kernel // 2)
    layer = nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=bias)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    parts: list[nn.Module] = [layer, nn.BatchNorm2d(outputs)]
    if activation == "relu":
        parts.append(nn.ReLU())
    elif activation == "leaky":
        parts.append(nn.LeakyReLU(LEAK))
    return nn.Sequential(*parts)


def double_convolution(inputs: int, outputs: int, *, bias: bool = False) -> nn.Sequential:
    """Twice :func:`convolution` of 3 x 3, the stage of a U-Net."""
    return nn.Sequential(
        convolution(inputs, outputs, bias=bias), convolution(outputs, outputs, bias=bias)
    )


def head(inputs: int, channels: int) -> nn.Conv2d:
    """Logits of each pixel, by a convolution of 1 x 1."""
    return nn.Conv2d(inputs, channels, 1)


class UpStep(nn.Module):
    """A step of a U-Net's decoder: twice the resolution, the skip joined, two convolutions.

    Args:
        inputs: Channels from below.
        skip: Channels of the same resolution that are joined behind them; 0 for none.
        outputs: Channels.
        doubling: How the resolution is doubled.
        bias: Of the convolutions.
    """

    def __init__(
        self, inputs: int, skip: int, outputs: int, doubling: Doubling, *, bias: bool = False
    ) -> None:
        super().__init__()
        self.up: nn.Module
        if doubling == "transposed":
            self.up = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
            inputs = outputs
        else:
            self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.convolutions = double_convolution(inputs + skip, outputs, bias=bias)

    def forward(self, below: Tensor, skip: Tensor | None = None) -> Tensor:
        """(B, inputs, h, w) and (B, skip, 2h, 2w) to (B, outputs, 2h, 2w)."""
        larger = self.up(below)
        joined = larger if skip is None else torch.cat([larger, skip], dim=1)
        features: Tensor = self.convolutions(joined)
        return features
