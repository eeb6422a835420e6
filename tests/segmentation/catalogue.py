"""The networks that are held against the contract, small and large."""

from __future__ import annotations

from typing import Any

from torch import nn

OWN: dict[str, dict[str, Any]] = {
    "tiny": {"name": "tiny"},
    "unet_mobilenetv2": {"name": "unet_mobilenetv2"},
    "pspnet": {"name": "pspnet"},
}
SMP: dict[str, dict[str, Any]] = {
    f"{arch}/{encoder}": {"name": "smp", "arch": arch, "encoder": encoder, **options}
    for arch, encoder, options in (
        ("unet", "mobilenet_v2", {}),
        ("unet", "vgg11_bn", {}),
        ("unet", "resnet18", {"encoder_depth": 4, "decoder_channels": [64, 32, 16, 8]}),
        ("unetplusplus", "mobilenet_v2", {}),
        ("manet", "mobilenet_v2", {}),
        ("linknet", "resnet18", {}),
        ("fpn", "resnet18", {}),
        ("pspnet", "mobilenet_v2", {}),
        ("deeplabv3", "mobilenet_v2", {}),
        ("deeplabv3plus", "resnet18", {}),
        ("pan", "resnet18", {}),
        ("upernet", "tu-convnext_atto", {}),
        ("segformer", "mit_b0", {}),
        ("unet", "tu-test_resnet", {}),
    )
}
EVERY = OWN | SMP
SIDES = {"pan/resnet18": 128}
"""Of images, where 64 is too small."""


def keras_count(network: nn.Module) -> int:
    """As Keras counts: parameters, running means and running variances."""
    buffers = [b for name, b in network.named_buffers() if "running_" in name]
    return sum(tensor.numel() for tensor in (*network.parameters(), *buffers))
