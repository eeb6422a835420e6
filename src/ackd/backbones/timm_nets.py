"""Any timm network as a :class:`Backbone`, and the authors' MobileNetV2 head."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Any

import timm
from timm.layers.norm_act import BatchNormAct2d
from torch import Tensor, nn

from ackd.backbones.base import Backbone, ImageSize
from ackd.backbones.outputs import Outputs
from ackd.errors import ConfigError, unknown
from ackd.utils.weights import weights_unreachable

__all__ = ["TimmBackbone", "mobilenetv2"]

PAPER_MOBILENET_WIDTH = 512


class TimmBackbone(Backbone):
    """A timm network: z are its last feature maps (or patch tokens), zbar what it classifies.

    Prefix tokens (class, registers) are not patches and are left out of z.
    """

    def __init__(self, net: nn.Module, bands: int, classes: int) -> None:
        z_dim, zbar_dim = int(_get(net, "num_features")), int(_get(net, "head_hidden_size"))
        super().__init__(z_dim, zbar_dim, bands, classes)
        self.net = net

    @classmethod
    def create(
        cls,
        name: str,
        bands: int,
        classes: int,
        pretrained: bool = False,
        size: ImageSize | None = None,
    ) -> TimmBackbone:
        """Build the timm network ``name``; see :func:`ackd.backbones.build_backbone`."""
        return cls(create_net(name, bands, classes, pretrained, size), bands, classes)

    def run(self, x: Tensor) -> Outputs:
        """Compute z, zbar and logits of (B, bands, H, W) images."""
        features: Tensor = _get(self.net, "forward_features")(x)
        z, grid = self._patches(features, (x.shape[-2], x.shape[-1]))
        zbar: Tensor = _get(self.net, "forward_head")(features, pre_logits=True)
        if zbar.ndim != 2:
            raise ConfigError(
                f"{type(self.net).__name__} classifies features of shape {tuple(zbar.shape)} "
                "instead of one vector per image; choose another network."
            )
        if self.classes == 0:
            return Outputs(z, zbar, zbar.new_empty(len(zbar), 0), grid)
        classifier = _get(self.net, "get_classifier")()
        if isinstance(classifier, nn.Conv2d):
            # A 1x1 convolution over the pooled map: a linear layer that wants two more axes.
            return Outputs(z, zbar, classifier(zbar[:, :, None, None]).flatten(1), grid)
        logits: Tensor = classifier(zbar)
        return Outputs(z, zbar, logits, grid)

    def _patches(self, features: object, size: ImageSize) -> tuple[Tensor, ImageSize]:
        """Bring maps (NCHW or NHWC) or tokens to (B, N, D_z) and their grid."""
        if isinstance(features, Tensor):
            if features.ndim == 4:
                # Some networks say so; where both axes have the width, only this tells.
                last = str(getattr(self.net, "output_fmt", "NCHW")).endswith("NHWC")
                if not last and features.shape[1] == self.z_dim:
                    return features.flatten(2).transpose(1, 2), _pair(features.shape[2:])
                if features.shape[3] == self.z_dim:
                    return features.flatten(1, 2), _pair(features.shape[1:3])
            if features.ndim == 3 and features.shape[2] == self.z_dim:
                tokens = features[:, int(getattr(self.net, "num_prefix_tokens", 0) or 0) :]
                grid = self._token_grid(tokens.shape[1], size)
                if grid is not None:
                    return tokens, grid
        given = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise ConfigError(
            f"{type(self.net).__name__} gives features of the form {given} for images of "
            f"{size[0]}x{size[1]} pixels, which are neither {self.z_dim} feature maps nor one "
            "token per patch; choose a convolutional network or a plain vision transformer."
        )

    def _token_grid(self, count: int, size: ImageSize) -> ImageSize | None:
        """Rows and columns of ``count`` patch tokens of an image; None where they cannot be told.

        The patch embedding knows them. Where it is hidden, or later blocks merge patches, they are
        those in the proportion of the image.
        """
        embed: Any = getattr(self.net, "patch_embed", None)
        if hasattr(embed, "dynamic_feat_size"):
            grid = _pair(embed.dynamic_feat_size(size))
            if grid[0] * grid[1] == count:
                return grid
        height = round(math.sqrt(count * size[0] / size[1]))
        if height < 1 or count % height or height * size[1] != count // height * size[0]:
            return None
        # One token for a whole image is a class token, unless the image is a single patch.
        return (height, count // height) if count > 1 else None


def create_net(
    name: str, bands: int, classes: int, pretrained: bool, size: ImageSize | None = None
) -> nn.Module:
    """Create a timm network, for images of any size where it can be had so.

    A network that is tied to one size is built for ``size``: with its ``dynamic_img_size`` where it
    has one, else with ``img_size``. A size that it cannot serve shows at the first image.

    Raises:
        ConfigError: If timm has no such network, it cannot be built for the size, it has more than
            one classifier, or its pretrained weights cannot be had.
    """
    if not timm.is_model(name):
        close = get_close_matches(name.lower(), timm.list_models(), n=3)
        known = dict.fromkeys([*_PAPER_NAMES, *close])
        raise unknown("backbone", name, known, "backbone.name")
    options: dict[str, Any] = {"in_chans": bands, "num_classes": classes}
    try:
        net = _create(name, pretrained, options, size)
    except Exception as error:
        if pretrained:
            raise weights_unreachable(f"timm's '{name}'", error) from error
        # Whatever a constructor raises is about the bands, the classes or the size.
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        images = f" and images of {size[0]}x{size[1]} pixels" if size else ""
        raise ConfigError(
            f"timm's '{name}' cannot be built for {bands} bands{images} ({said}); choose another "
            "network, e.g. resnet34."
        ) from error
    if classes and not _has_one_head(net):
        raise ConfigError(
            f"timm's '{name}' has more than one classifier, so it has no single logits; choose "
            "a network with one head."
        )
    return net


def _create(
    name: str, pretrained: bool, options: dict[str, Any], size: ImageSize | None
) -> nn.Module:
    cfg = timm.get_pretrained_cfg(name)
    ways: list[dict[str, Any]] = [{}]
    if cfg and cfg.fixed_input_size:
        ways.insert(0, {"dynamic_img_size": True, "dynamic_img_pad": True})
        if size is not None:
            ways.insert(1, {"img_size": size})
    for way in ways:
        try:
            net: nn.Module = timm.create_model(name, pretrained=pretrained, **options, **way)
        except TypeError:
            if not way:
                raise
            continue  # it has no such option
        return net
    raise AssertionError("the last way has no option")


def _has_one_head(net: nn.Module) -> bool:
    head = _get(net, "get_classifier")()
    return isinstance(head, nn.Module) and not isinstance(head, nn.ModuleList | nn.ModuleDict)


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


def _pair(values: Any) -> ImageSize:
    height, width = values
    return int(height), int(width)
