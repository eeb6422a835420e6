"""Any timm network as a :class:`Backbone`, and the authors' MobileNetV2 head."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import timm
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn

from ackd.backbones.base import Backbone
from ackd.backbones.outputs import Outputs
from ackd.errors import ConfigError, unknown

__all__ = ["TimmBackbone", "mobilenetv2"]

PAPER_MOBILENET_WIDTH = 512


class TimmBackbone(Backbone):
    """A timm network: z are its last feature maps (or patch tokens), zbar what it classifies.

    Prefix tokens (class, registers) are no patches and are left out of z.
    """

    def __init__(self, net: nn.Module, bands: int, classes: int) -> None:
        z_dim, zbar_dim = int(_get(net, "num_features")), int(_get(net, "head_hidden_size"))
        super().__init__(z_dim, zbar_dim, bands, classes)
        self.net = net

    @classmethod
    def create(cls, name: str, bands: int, classes: int, pretrained: bool = False) -> TimmBackbone:
        """Build the timm network ``name``; see :func:`ackd.backbones.build_backbone`."""
        return cls(create_net(name, bands, classes, pretrained), bands, classes)

    def run(self, x: Tensor) -> Outputs:
        """Compute z, zbar and logits of (B, bands, H, W) images."""
        features: Tensor = _get(self.net, "forward_features")(x)
        z, grid = self._patches(features, (x.shape[-2], x.shape[-1]))
        zbar: Tensor = _get(self.net, "forward_head")(features, pre_logits=True)
        if self.classes == 0:
            return Outputs(z, zbar, zbar.new_empty(len(zbar), 0), grid)
        logits: Tensor = _get(self.net, "get_classifier")()(zbar)
        return Outputs(z, zbar, logits, grid)

    def _patches(self, features: Tensor, size: tuple[int, int]) -> tuple[Tensor, tuple[int, int]]:
        """Bring maps (NCHW or NHWC) or tokens to (B, N, D_z) and their grid."""
        if features.ndim == 4 and features.shape[1] == self.z_dim:
            return features.flatten(2).transpose(1, 2), (features.shape[2], features.shape[3])
        if features.ndim == 4 and features.shape[3] == self.z_dim:
            return features.flatten(1, 2), (features.shape[1], features.shape[2])
        if features.ndim == 3 and hasattr(self.net, "patch_embed"):
            height, width = _get(_get(self.net, "patch_embed"), "dynamic_feat_size")(size)
            tokens = features[:, int(getattr(self.net, "num_prefix_tokens", 0)) :]
            if tokens.shape[1] == height * width:
                return tokens, (int(height), int(width))
        raise ConfigError(
            f"{type(self.net).__name__} gives features of shape {tuple(features.shape)} for "
            f"images of {size[0]}x{size[1]}, which are neither {self.z_dim} maps nor one token "
            "a patch; choose a convolutional network or a plain vision transformer."
        )


def create_net(name: str, bands: int, classes: int, pretrained: bool) -> nn.Module:
    """Create a timm network that takes images of any size.

    Raises:
        ConfigError: If timm has no such network, it is tied to one image size, it has more
            than one classifier, or its pretrained weights cannot be had.
    """
    if not timm.is_model(name):
        close = get_close_matches(name.lower(), timm.list_models(), n=3)
        known = dict.fromkeys([*_PAPER_NAMES, *close])
        raise unknown("backbone", name, known, "backbone.name")
    options: dict[str, Any] = {"in_chans": bands, "num_classes": classes}
    cfg = timm.get_pretrained_cfg(name)
    tied = bool(cfg and cfg.fixed_input_size)
    if tied:
        options |= {"dynamic_img_size": True, "dynamic_img_pad": True}
    try:
        net: nn.Module = timm.create_model(name, pretrained=pretrained, **options)
    except TypeError as error:
        if not tied:
            raise
        size = cfg.input_size[1:] if cfg else "one size"
        raise ConfigError(
            f"timm's '{name}' takes images of {size} only, without an option for others; choose "
            "a convolutional network or a plain vision transformer."
        ) from error
    except (OSError, RuntimeError) as error:
        if not pretrained:
            raise
        raise ConfigError(
            f"The pretrained weights of timm's '{name}' cannot be loaded ({error}); check the "
            "connection, or set pretrained=false."
        ) from error
    if classes and not isinstance(_get(net, "get_classifier")(), nn.Module):
        raise ConfigError(
            f"timm's '{name}' has more than one classifier, so it has no single logits; choose "
            "a network with one head."
        )
    return net


def mobilenetv2(bands: int, classes: int, head: str, pretrained: bool = False) -> TimmBackbone:
    """MobileNetV2; ``head="paper"`` narrows its last convolution from 1280 to 512 channels."""
    net: Any = create_net("mobilenetv2_100", bands, classes, pretrained)
    if head == "paper":
        width = PAPER_MOBILENET_WIDTH
        net.conv_head = nn.Conv2d(net.conv_head.in_channels, width, 1, bias=False)
        nn.init.kaiming_normal_(net.conv_head.weight, mode="fan_out")
        net.bn2 = BatchNormAct2d(width, act_layer=nn.ReLU6)
        net.num_features = net.head_hidden_size = width
        net.reset_classifier(classes)
    return TimmBackbone(net, bands, classes)


_PAPER_NAMES = ("resnet34", "mobilenetv2", "shufflenetv2_x0_5")


def _get(module: nn.Module, name: str) -> Any:
    """Read an attribute that timm's networks have and ``nn.Module`` does not declare."""
    return getattr(module, name)
