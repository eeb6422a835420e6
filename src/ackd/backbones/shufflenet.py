"""ShuffleNetV2 x0.5 of torchvision, with the authors' or the library's head."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from timm.models import adapt_input_conv
from torch import Tensor, nn
from torchvision.models import ShuffleNet_V2_X0_5_Weights, shufflenet_v2_x0_5

from ackd.backbones.base import Backbone
from ackd.backbones.outputs import Outputs
from ackd.utils.weights import weights_unreachable

__all__ = ["ShuffleNetV2"]

Z_DIM = 1024
PAPER_ZBAR_DIM = 512


class ShuffleNetV2(Backbone):
    """ShuffleNetV2 x0.5 (Ma et al., 2018): z is the last convolution's output, 1024 wide.

    ``head="paper"``: zbar = Linear(1024, 512) of the pooled z, and the classifier reads zbar.
    ``head="stock"``: zbar is the pooled z itself.
    """

    def __init__(self, bands: int, classes: int, head: str, pretrained: bool = False) -> None:
        super().__init__(Z_DIM, PAPER_ZBAR_DIM if head == "paper" else Z_DIM, bands, classes)
        net = _library_net(pretrained)
        stem = nn.Conv2d(bands, 24, 3, stride=2, padding=1, bias=False)
        if pretrained:
            weight = adapt_input_conv(bands, net.conv1[0].weight.detach())
            stem.weight = nn.Parameter(weight)
        net.conv1[0] = stem
        names = ("conv1", "maxpool", "stage2", "stage3", "stage4", "conv5")
        self.features = nn.Sequential(OrderedDict((n, getattr(net, n)) for n in names))
        self.projection = nn.Linear(Z_DIM, PAPER_ZBAR_DIM) if head == "paper" else nn.Identity()
        self.classifier = nn.Linear(self.zbar_dim, classes) if classes else None

    def run(self, x: Tensor) -> Outputs:
        """Compute z, zbar and logits of (B, bands, H, W) images."""
        maps: Tensor = self.features(x)
        zbar: Tensor = self.projection(maps.mean(dim=(2, 3)))
        logits = zbar.new_empty(len(zbar), 0) if self.classifier is None else self.classifier(zbar)
        grid = (maps.shape[2], maps.shape[3])
        return Outputs(maps.flatten(2).transpose(1, 2), zbar, logits, grid)


def _library_net(pretrained: bool) -> Any:
    weights = ShuffleNet_V2_X0_5_Weights.DEFAULT if pretrained else None
    try:
        return shufflenet_v2_x0_5(weights=weights)
    except Exception as error:
        # torch.hub and the libraries below it have many errors for one thing.
        if not pretrained:
            raise
        raise weights_unreachable("torchvision's ShuffleNetV2", error) from error
