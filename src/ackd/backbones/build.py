"""From a name to a backbone."""

from __future__ import annotations

from typing import Literal

from ackd.backbones.base import Backbone
from ackd.backbones.shufflenet import ShuffleNetV2
from ackd.backbones.timm_nets import TimmBackbone, mobilenetv2
from ackd.errors import ConfigError, unknown

__all__ = ["PAPER_BACKBONES", "build_backbone"]

PAPER_BACKBONES = ("resnet34", "mobilenetv2", "shufflenetv2_x0_5")
"""The three networks of the paper's tables: R, M and S."""


def build_backbone(
    name: str,
    bands: int,
    classes: int,
    head: Literal["paper", "stock"] = "paper",
    pretrained: bool = False,
) -> Backbone:
    """Build a network with random weights, or with the library's pretrained ones.

    Args:
        name: One of :data:`PAPER_BACKBONES`, or any timm name.
        bands: Channels of the images, at least 1. Pretrained first layers are adapted to it.
        classes: Width of the logits; 0 builds no classifier, and logits are (B, 0).
        head: ``"paper"`` for the authors' heads of MobileNetV2 (last convolution 512 wide) and
            ShuffleNetV2 (zbar = Linear(1024, 512) of the pooled z), ``"stock"`` for the
            library's. All other networks have one head.
        pretrained: Download ImageNet weights; layers that ``head`` replaces stay random.

    Returns:
        The network, in training mode.

    Raises:
        ConfigError: If the name or the head is unknown, a number is out of range, or the
            network cannot serve as a backbone.
    """
    if head not in ("paper", "stock"):
        raise unknown("head", head, ("paper", "stock"), "backbone.head")
    if bands < 1:
        raise ConfigError(f"A backbone needs at least 1 band, but bands={bands}.")
    if classes < 0:
        raise ConfigError(
            f"classes={classes} is negative; give the number of classes, or 0 for no classifier."
        )
    if name == "mobilenetv2":
        return mobilenetv2(bands, classes, head, pretrained)
    if name == "shufflenetv2_x0_5":
        return ShuffleNetV2(bands, classes, head, pretrained)
    return TimmBackbone.create(name, bands, classes, pretrained)
