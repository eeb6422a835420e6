"""From a name, or from the class of one's own, to a backbone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from ackd.backbones.base import Backbone, ImageSize
from ackd.backbones.own import build_own
from ackd.backbones.shufflenet import ShuffleNetV2
from ackd.backbones.timm_nets import TimmBackbone, mobilenetv2
from ackd.backbones.weights import load_weights
from ackd.errors import ConfigError, unknown

__all__ = ["PAPER_BACKBONES", "build_backbone"]

PAPER_BACKBONES = ("resnet34", "mobilenetv2", "shufflenetv2_x0_5")
"""The three networks of the paper's tables: R, M and S."""


def build_backbone(
    name: str = "",
    bands: int = 3,
    classes: int = 0,
    head: Literal["paper", "stock"] = "paper",
    pretrained: bool | str | Path = False,
    *,
    size: ImageSize | None = None,
    _target_: str | None = None,
    **arguments: Any,
) -> Backbone:
    """Build a network with random weights, the library's pretrained ones, or those of a file.

    Args:
        name: One of :data:`PAPER_BACKBONES`, or any timm name. Has no effect with ``_target_``.
        bands: Channels of the images, at least 1. Pretrained first layers are adapted to it.
        classes: Width of the logits; 0 builds no classifier, and logits are (B, 0).
        head: ``"paper"`` for the authors' heads of MobileNetV2 (last convolution 512 wide) and
            ShuffleNetV2 (zbar = Linear(1024, 512) of the pooled z), ``"stock"`` for the
            library's. All other networks have one head.
        pretrained: True downloads ImageNet weights; layers that ``head`` replaces stay random. A
            path starts from that file, see :func:`ackd.backbones.load_weights`.
        size: (H, W) of the images. A network that is tied to one size (Swin, MaxViT) is built for
            it; without it, for the size that its pretrained weights have.
        _target_: Import path of a network of one's own, called as
            ``Network(bands=..., classes=..., **arguments)``; see :mod:`ackd.backbones.own`.
        **arguments: Of ``_target_``.

    Returns:
        The network, in training mode.

    Raises:
        ConfigError: If the name or the head is unknown, a number is out of range, the network
            cannot serve as a backbone, or its weights cannot be had.
    """
    if head not in ("paper", "stock"):
        raise unknown("head", head, ("paper", "stock"), "backbone.head")
    if bands < 1:
        raise ConfigError(f"A backbone needs at least 1 band, but bands={bands}.")
    if classes < 0:
        raise ConfigError(
            f"classes={classes} is negative; give the number of classes, or 0 for no classifier."
        )
    if _target_ is None and arguments:
        raise ConfigError(
            f"The network '{name}' has no options {', '.join(arguments)}; arguments go with a "
            "network of one's own (_target_=mypackage.MyNetwork)."
        )
    download = pretrained is True
    if _target_ is not None:
        if download:
            raise ConfigError(
                f"pretrained=true: no library has weights of {_target_}; give a file "
                "(pretrained=FILE), or set pretrained=false."
            )
        backbone = build_own(_target_, bands, classes, arguments)
    elif name == "mobilenetv2":
        backbone = mobilenetv2(bands, classes, head, download)
    elif name == "shufflenetv2_x0_5":
        backbone = ShuffleNetV2(bands, classes, head, download)
    else:
        backbone = TimmBackbone.create(name, bands, classes, download, size)
    if not isinstance(pretrained, bool):
        load_weights(backbone, Path(pretrained))
    return backbone
