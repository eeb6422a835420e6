"""Names, options and weights that cannot be had are refused in a sentence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

from ackd.errors import ConfigError
from ackd.segmentation import IMAGES, LayeredNetwork, build_network


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"name": "tinny"}, "no network 'tinny'.*Did you mean 'tiny'.*mobilenetv2, pspnet, smp"),
        ({"name": "tiny", "bands": 0}, "at least 1 band"),
        ({"name": "tiny", "classes": 1}, "at least 2 classes apart"),
        ({"name": "tiny", "widht": 4}, "network.widht.*Did you mean network.width"),
        ({"name": "tiny", "width": 0}, "network.width=0"),
        ({"name": "tiny", "channels": 2}, "network.channels is filled in.*see classes"),
        ({"name": "pspnet", "width": 4}, "network.width is no option.*Known: none"),
        ({"name": "unet_mobilenetv2", "widths": (1, 2)}, r"network.widths=\[1, 2\].*five"),
        ({"name": "tiny", "weights": "imagenet"}, "No library has ImageNet weights of tiny"),
        ({"name": "pspnet", "weights": "imagenet"}, "of pspnet; those of unet_mobilenetv2 and smp"),
        ({"name": "smp", "arch": "unetpp"}, "no architecture 'unetpp'.*Did you mean"),
        ({"name": "smp", "arch": "dpt"}, "tokens of a vision transformer.*Choose one of unet"),
        ({"name": "smp", "encoder": "resnet19"}, "no encoder 'resnet19'.*Did you mean 'resnet18'"),
        ({"name": "smp", "encoder": "convnext_atto"}, "write tu-convnext_atto"),
        ({"name": "smp", "encoder": "tu-convnext_ato"}, "Did you mean 'tu-convnext_atto'"),
        ({"name": "smp", "encoder_name": "resnet18"}, "encoder_name is filled in.*see encoder"),
        ({"name": "smp", "channels": 3}, "network.channels is filled in.*see classes"),
        ({"name": "smp", "imagenet": True}, "network.imagenet is filled in.*see weights"),
        ({"name": "smp", "activation": "sigmoid"}, "network.activation is filled in"),
        ({"name": "smp", "encodr": "resnet18"}, "Did you mean network.encoder"),
        ({"name": "smp", "arch": "deeplabv3plus", "encoder": "xception"},
         "does not build deeplabv3plus with the encoder xception: .*dilated mode"),
        ({"name": "smp", "encoder": "tu-vit_tiny_patch16_224"}, "does not build unet"),
        ({"name": "smp", "decoder_channels": [8, 8]}, r"decoder_channels=\[8, 8\]"),
        ({"name": "smp", "encoder": "timm-efficientnet-b0", "weights": "imagenet2"},
         "weights=imagenet2 is not a file"),
    ],
)  # fmt: skip
def test_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        build_network(**arguments)


def test_logits_of_another_size_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"logits of 16 x 16 for images of 32 x 32.*upsampling"):
        build_network("smp", 3, arch="pspnet", encoder="resnet18", encoder_depth=4)
    network = build_network("smp", 3, arch="pspnet", encoder_depth=4, upsampling=16)
    assert network(torch.zeros(2, 3, 64, 64)).logits.shape == (2, 1, 64, 64)


@pytest.mark.parametrize("options", [
    {"name": "unet_mobilenetv2"},
    {"name": "smp", "encoder": "resnet18"},
    {"name": "smp", "encoder": "tu-test_resnet.r160_in1k"},
])  # fmt: skip
def test_weights_that_cannot_be_reached(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # it would try for long
    torch_home = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path))
    try:
        with pytest.raises(ConfigError, match=r"cannot be loaded.*weights=FILE"):
            build_network(bands=4, weights="imagenet", **options)
    finally:
        torch.hub.set_dir(torch_home)


def test_imagenet_weights_of_other_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    published = mobilenet_v2().state_dict()
    given = {name: tensor.clone() for name, tensor in published.items()}
    monkeypatch.setattr(MobileNet_V2_Weights, "get_state_dict", lambda *_, **__: given)
    for bands in (3, 4):
        network = build_network("unet_mobilenetv2", bands, weights="imagenet")
        own = network.state_dict()
        first = own[network.published["features.0.0.weight"]]
        expected = published["features.0.0.weight"]
        if bands == 4:
            expected = expected.mean(1, keepdim=True).expand(-1, 4, -1, -1) * 3 / 4
        torch.testing.assert_close(first, expected)
        for theirs, name in network.published.items():
            assert theirs == "features.0.0.weight" or torch.equal(own[name], published[theirs])


def test_imagenet_weights_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    import segmentation_models_pytorch as smp

    plain = smp.encoders.get_encoder

    def pretrained(name: str, weights: Any = None, **options: Any) -> torch.nn.Module:
        encoder: torch.nn.Module = plain(name, weights=None, **options)
        if weights:
            assert weights == "imagenet"
            for parameter in encoder.parameters():
                torch.nn.init.constant_(parameter, 0.5)
        return encoder

    monkeypatch.setattr(smp.encoders, "get_encoder", pretrained)
    network = build_network("smp", 4, encoder="resnet18", weights="imagenet")
    encoder = network.model.encoder
    assert all((p == 0.5).all() for n, p in encoder.named_parameters() if n != "conv1.weight")
    assert (encoder.conv1.weight == 0.375).all()
    assert encoder.conv1.weight.shape[1] == 4
    with pytest.raises(ConfigError, match=r"the encoder .* has no ImageNet weights"):
        build_network("smp", 4, encoder="timm-efficientnet-l2", weights="imagenet")


MINE = """
from torch import nn
from ackd.segmentation import IMAGES, LayeredNetwork

class Mine(LayeredNetwork):
    def __init__(self, bands, channels, width=4):
        parts = {
            "mid": (nn.Conv2d(bands, width, 1), [IMAGES]),
            "fin": (nn.Conv2d(width, channels, 1), ["mid"]),
        }
        super().__init__(parts, bands, channels, stride=1)

class NotOne(nn.Module):
    def __init__(self, bands, channels):
        super().__init__()
"""


def test_a_network_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mysegmentation.py").write_text(MINE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mysegmentation", raising=False)
    network = build_network(_target_="mysegmentation.Mine", bands=2, classes=3, width=6)
    assert network(torch.zeros(1, 2, 7, 5), ("mid",)).features["mid"].shape == (1, 6, 7, 5)
    for arguments, text in (
        ({"_target_": "mysegmentation.Mine", "wide": 6}, "Did you mean network.width"),
        ({"_target_": "mysegmentation.Mine", "width": "a"}, "cannot be built with bands=3"),
        ({"_target_": "mysegmentation.NotOne"}, "gives a NotOne.*LayeredNetwork"),
        ({"_target_": "mysegmentation.Mime"}, "has no 'Mime'.*Mine"),
        ({"_target_": "mysegmentation.Mine", "weights": "imagenet"}, "No library has ImageNet"),
    ):
        with pytest.raises(ConfigError, match=text):
            build_network(**arguments)


def test_layers_in_the_wrong_order_are_refused() -> None:
    one = torch.nn.Identity()
    with pytest.raises(ValueError, match="fin reads mid, which does not come before it"):
        LayeredNetwork({"fin": (one, ["mid"]), "mid": (one, [IMAGES])}, 1, 1, 1)
    with pytest.raises(ValueError, match="no layer mid among e1, fin"):
        LayeredNetwork({"e1": (one, [IMAGES]), "fin": (one, ["e1"])}, 1, 1, 1)
