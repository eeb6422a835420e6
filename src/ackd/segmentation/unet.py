"""U-Nets: any encoder of stages that halve the resolution, and a decoder of as many steps.

Ronneberger et al., "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

from ackd.errors import ConfigError
from ackd.segmentation.base import FIN, MID
from ackd.segmentation.blocks import Doubling, UpStep, double_convolution, head
from ackd.segmentation.layered import IMAGES, LayeredNetwork
from ackd.segmentation.transfer import INSTEAD
from ackd.utils.weights import mean_over_bands, weights_unreachable

__all__ = ["UNet", "mobilenetv2_unet", "tiny_unet"]

TINY_STAGES = 4
TAPPED = (2, 4, 7, 14)
"""Blocks of torchvision's MobileNetV2 that halve the resolution; Keras calls them block_1, block_3,
block_6 and block_13."""
TAPPED_CHANNELS = (96, 144, 192, 576)
LAST_CHANNELS = 320
MOBILENET_WIDTHS = (32, 32, 24, 16, 16)


class UNet(LayeredNetwork):
    """Stages ``e1``, ``e2``, ..., ``mid`` of an encoder, steps ``d1``, ``d2``, ... and ``fin``.

    Step i reads the output below it and the last stage of its own resolution that was not read yet.
    With as many stages below the images' resolution as there are widths, the last step reads the
    images themselves.

    Args:
        stages: Modules of the encoder; each but perhaps the first one halves the resolution.
        skips: Channels of their outputs, in the same order, the last one's too.
        widths: Output channels of the decoder's steps.
        doubling: How a step doubles the resolution.
        bias: Of the decoder's convolutions.
        bands: Of the images.
        channels: K, of the logits.
    """

    def __init__(
        self,
        stages: Sequence[nn.Module],
        skips: Sequence[int],
        widths: Sequence[int],
        doubling: Doubling,
        *,
        bias: bool,
        bands: int,
        channels: int,
    ) -> None:
        encoder = [*(f"e{i}" for i in range(1, len(stages))), MID]
        parts: dict[str, tuple[nn.Module, Sequence[str]]] = {
            name: (stage, [below])
            for name, stage, below in zip(encoder, stages, [IMAGES, *encoder], strict=False)
        }
        beside = dict(zip([IMAGES, *encoder], [bands, *skips], strict=True))
        below, width = MID, beside.pop(MID)
        for i, (outputs, skip) in enumerate(zip(widths, reversed(beside), strict=False), 1):
            step = UpStep(width, beside[skip], outputs, doubling, bias=bias)
            parts[f"d{i}"] = (step, [below, skip])
            below, width = f"d{i}", outputs
        parts[FIN] = (head(width, channels), [below])
        super().__init__(parts, bands, channels, stride=2 ** len(widths))


def tiny_unet(bands: int, channels: int, *, width: int = 8) -> UNet:
    """Build a U-Net of four stages for experiments of minutes on a processor.

    With four bands and one logit it has 121,249 parameters.

    Args:
        bands: Of the images.
        channels: K, of the logits.
        width: Channels of the first stage; each stage doubles them.

    Raises:
        ConfigError: The width is not positive.
    """
    if width < 1:
        raise ConfigError(f"network.width={width} is not a number of channels; give 1 or more.")
    widths = [width * 2**i for i in range(TINY_STAGES)]
    stages = [
        nn.Sequential(*([nn.MaxPool2d(2)] if i else []), double_convolution(inputs, outputs))
        for i, (inputs, outputs) in enumerate(zip([bands, *widths], widths, strict=False))
    ]
    return UNet(
        stages, widths, widths[-2::-1], "transposed", bias=False, bands=bands, channels=channels
    )


def mobilenetv2_unet(
    bands: int,
    channels: int,
    *,
    imagenet: bool = False,
    widths: Sequence[int] = MOBILENET_WIDTHS,
) -> UNet:
    """Build the U-Net with MobileNetV2 of Nair and Haensch, as far as their Table 1 identifies it.

    Table 1 has 191 layers with the encoder's output at layer 149, and 2.25 million parameters. In
    Keras' numbering (from 0) layer 149 of MobileNetV2 is ``block_16_project``, the convolution to
    320 channels without its batch normalization; 150 layers up to there, five steps of 8 layers
    (upsampling, concatenation, twice convolution, batch normalization and ReLU) and one head are
    191. Five steps of a resolution each have five skips: the tutorials that the collection of
    networks comes from read ``block_13_expand_relu``, ``block_6_expand_relu``,
    ``block_3_expand_relu``, ``block_1_expand_relu``, and the images themselves.

    The widths of the decoder are not published. The default, (32, 32, 24, 16, 16), is a reading:
    it has 2,252,017 parameters (with running means and variances, three bands), while widths as in
    the tutorials, (64, 48, 32, 16, 16), have 2,618,337. As MobileNetV2 alone without its classifier
    has 2,257,984, the table may also count no decoder at all.

    Two things are torchvision's rather than Keras': strided convolutions pad both sides, and batch
    normalization has an epsilon of 1e-5.

    Args:
        bands: Of the images.
        channels: K, of the logits.
        imagenet: Start the encoder from torchvision's ImageNet weights. The first convolution is
            the mean over its three inputs, times 3 / bands.
        widths: Output channels of the five steps.

    Raises:
        ConfigError: There are not five positive widths, or the weights cannot be reached.
    """
    if len(widths) != len(MOBILENET_WIDTHS) or min(widths) < 1:
        raise ConfigError(
            f"network.widths={list(widths)} are not five numbers of channels, one for each step of "
            f"the decoder; the default is {list(MOBILENET_WIDTHS)}."
        )
    features = _mobilenet_features(bands, imagenet)
    theirs = {id(t): f"features.{n}" for n, t in features.state_dict(keep_vars=True).items()}
    network = UNet(
        _mobilenet_stages(features),
        (*TAPPED_CHANNELS, LAST_CHANNELS),
        widths,
        "nearest",
        bias=True,
        bands=bands,
        channels=channels,
    )
    network.published = {
        theirs[id(t)]: name
        for name, t in network.state_dict(keep_vars=True).items()
        if id(t) in theirs
    }
    return network


def _mobilenet_features(bands: int, imagenet: bool) -> Any:
    try:
        weights = MobileNet_V2_Weights.IMAGENET1K_V2 if imagenet else None
        features: Any = mobilenet_v2(weights=weights).features
    except Exception as error:
        # torch.hub and the libraries below it have many errors for one thing.
        if not imagenet:
            raise
        raise weights_unreachable("torchvision's MobileNetV2", error, INSTEAD) from error
    stem: nn.Conv2d = features[0][0]
    if bands != stem.in_channels:
        first = nn.Conv2d(bands, stem.out_channels, 3, stride=2, padding=1, bias=False)
        nn.init.kaiming_normal_(first.weight, mode="fan_out")
        if imagenet:
            first.weight = nn.Parameter(mean_over_bands(stem.weight.detach(), bands))
        features[0][0] = first
    return features


def _mobilenet_stages(features: Any) -> list[nn.Module]:
    """Cut the network behind the expansions of the blocks that halve the resolution."""
    stages: list[nn.Module] = []
    began: list[nn.Module] = []
    for i, block in enumerate(features):
        if i in TAPPED:
            # Blocks that halve the resolution have no residual, so that they may be cut.
            stages.append(nn.Sequential(*began, block.conv[0]))
            began = [*block.conv[1:]]
        elif i == len(features) - 2:
            stages.append(nn.Sequential(*began, *block.conv[:-1]))
        else:
            began.append(block)
    return stages
