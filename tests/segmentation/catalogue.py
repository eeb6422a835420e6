"""The networks that are held against the contract, small and large."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import torch
from torch import nn

from ackd.segmentation import SegmentationNetwork, build_network
from tests.slow import slow

OWN: dict[str, dict[str, Any]] = {
    "tiny": {"name": "tiny"},
    "unet_mobilenetv2": {"name": "unet_mobilenetv2"},
    "pspnet": {"name": "pspnet"},
}
NARROW = {"decoder_channels": [32, 16, 16, 8, 8]}
SMP: dict[str, dict[str, Any]] = {
    f"{arch}/{encoder}": {"name": "smp", "arch": arch, "encoder": encoder, **options}
    for arch, encoder, options in (
        ("unet", "mobilenet_v2", NARROW),
        ("unet", "vgg11_bn", NARROW),
        ("unet", "resnet18", {"encoder_depth": 4, "decoder_channels": [64, 32, 16, 8]}),
        ("unetplusplus", "mobilenet_v2", NARROW),
        ("manet", "mobilenet_v2", NARROW),
        ("linknet", "resnet18", {}),
        ("fpn", "resnet18", {}),
        ("pspnet", "mobilenet_v2", {}),
        ("deeplabv3", "mobilenet_v2", {"decoder_channels": 32}),
        ("deeplabv3plus", "resnet18", {}),
        ("pan", "resnet18", {}),
        ("upernet", "tu-convnext_atto", {}),
        ("segformer", "mit_b0", {}),
        ("unet", "tu-test_resnet", NARROW),
    )
}
EVERY = OWN | SMP
LARGE = ("manet/mobilenet_v2", "unet/vgg11_bn", "upernet/tu-convnext_atto", "segformer/mit_b0")
KEYS = [slow(key) if key in LARGE else key for key in EVERY]
"""All of them, the large ones in the slow suite alone."""
SIDES = {"pan/resnet18": 128}
"""Of images, where 64 is too small."""


@cache
def _built(key: str, bands: int, classes: int, seed: int) -> SegmentationNetwork:
    torch.manual_seed(seed)
    return build_network(bands=bands, classes=classes, **EVERY[key])


def made(key: str, bands: int = 4, classes: int = 2, seed: int = 0) -> SegmentationNetwork:
    """A network of the table, of which each caller has a copy."""
    return copy.deepcopy(_built(key, bands, classes, seed))


def keras_count(network: nn.Module) -> int:
    """As Keras counts: parameters, running means and running variances."""
    buffers = [b for name, b in network.named_buffers() if "running_" in name]
    return sum(tensor.numel() for tensor in (*network.parameters(), *buffers))
