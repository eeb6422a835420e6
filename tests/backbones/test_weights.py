"""A network starts from a local file, and what was not loaded is listed."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision.models import shufflenet_v2_x0_5

from ackd.backbones import build_backbone
from ackd.errors import ConfigError


def published(seed: int = 5, **options: int) -> dict[str, Tensor]:
    """What timm would publish: three channels, a thousand classes."""
    torch.manual_seed(seed)
    net = timm.create_model("test_resnet", **options)
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="ackd")
    return caplog


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
@pytest.mark.parametrize("bands", [3, 1, 13])
def test_timms_names_and_the_first_convolution(
    suffix: str, bands: int, tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    given, path = published(), tmp_path / f"weights{suffix}"
    save_file(given, path) if suffix == ".safetensors" else torch.save(given, path)
    net = build_backbone("test_resnet", bands, 4, pretrained=str(path)).state_dict()
    for name, tensor in given.items():
        if name == "conv1.0.weight":
            mean = tensor.mean(1, keepdim=True) * 3 / bands
            expected = tensor if bands == 3 else mean.expand(-1, bands, -1, -1)
            torch.testing.assert_close(net[f"net.{name}"], expected)
        elif not name.startswith("fc."):
            assert torch.equal(net[f"net.{name}"], tensor), name
    text = log.text
    assert f"{len(net) - 2} of the {len(net)} tensors of the network loaded" in text
    assert "not loaded, another shape: " in text
    assert "net.fc.weight (1000, 96) for (4, 96)" in text
    assert ("conv1.0.weight 3 -> " in text) is (bands != 3)


def test_a_grey_image_gives_the_same_first_response_with_more_bands(tmp_path: Path) -> None:
    torch.save(published(), tmp_path / "w.pt")
    nets = [build_backbone("test_resnet", n, 0, pretrained=tmp_path / "w.pt") for n in (3, 10)]
    one = torch.rand(1, 1, 32, 32)
    first, second = (net.net.conv1[0](one.expand(-1, net.bands, -1, -1)) for net in nets)
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("wrap", ["state_dict", "model", "prefix", "ours", "checkpoint"])
def test_what_training_programs_write(wrap: str, tmp_path: Path) -> None:
    given = published()
    content = {
        "state_dict": {"epoch": 3, "state_dict": given},
        "model": {"model": given},
        "prefix": {f"module.{name}": tensor for name, tensor in given.items()},
        "ours": {"state_dict": {f"net.{name}": tensor for name, tensor in given.items()}},
        "checkpoint": {"state_dict": {f"backbone.net.{n}": t for n, t in given.items()}},
    }[wrap]
    torch.save(content, tmp_path / "w.pt")
    net = build_backbone("test_resnet", 3, 0, pretrained=tmp_path / "w.pt").state_dict()
    assert all(torch.equal(net[f"net.{n}"], t) for n, t in given.items() if n[:3] != "fc.")


def test_torchvisions_shufflenet(tmp_path: Path) -> None:
    given = shufflenet_v2_x0_5().state_dict()
    torch.save(given, tmp_path / "w.pth")
    net = build_backbone("shufflenetv2_x0_5", 3, 4, pretrained=tmp_path / "w.pth").state_dict()
    assert torch.equal(net["features.conv1.0.weight"], given["conv1.0.weight"])
    assert torch.equal(net["features.conv5.0.weight"], given["conv5.0.weight"])


@pytest.mark.skipif(not timm.is_model("test_vit_relpos"), reason="This timm has no such network.")
def test_position_tables_follow_the_image_size(tmp_path: Path) -> None:
    options = {"in_chans": 3, "num_classes": 0}
    given = timm.create_model("test_vit_relpos", img_size=96, **options).state_dict()
    torch.save(given, tmp_path / "w.pt")
    net = build_backbone("test_vit_relpos", 3, 0, pretrained=tmp_path / "w.pt", size=(64, 64))
    name = "blocks.0.attn.qkv.weight"
    assert torch.equal(net.state_dict()[f"net.{name}"], given[name])


def test_files_that_cannot_serve(tmp_path: Path) -> None:
    torch.save(published(), tmp_path / "resnet.pt")
    with pytest.raises(ConfigError, match=r"none of the \d+ tensors of the file fits.*conv1"):
        build_backbone("test_efficientnet", 3, 4, pretrained=tmp_path / "resnet.pt")
    with pytest.raises(ConfigError, match=r"nothing\.pt is not a file; give a \.safetensors"):
        build_backbone("test_resnet", 3, 4, pretrained=tmp_path / "nothing.pt")
    for name in ("cut.pt", "cut.safetensors"):
        (tmp_path / name).write_bytes(b"PK\x03\x04 cut off")
        with pytest.raises(ConfigError, match=rf"{name} cannot be read as weights"):
            build_backbone("test_resnet", 3, 4, pretrained=tmp_path / name)
    torch.save({"epoch": 3}, tmp_path / "empty.pt")
    with pytest.raises(ConfigError, match="has no tensors in it"):
        build_backbone("test_resnet", 3, 4, pretrained=tmp_path / "empty.pt")


@pytest.mark.parametrize("name", ["test_resnet", "mobilenetv2", "shufflenetv2_x0_5"])
@pytest.mark.parametrize("error", [ConnectionError, RuntimeError, ValueError])
def test_pretrained_weights_that_cannot_be_reached(
    name: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise error("Cannot reach https://huggingface.co: offline\nand a second line")

    monkeypatch.setattr("timm.models._builder.load_pretrained", offline)
    monkeypatch.setattr("torchvision.models._api.WeightsEnum.get_state_dict", offline)
    with pytest.raises(ConfigError, match=r"cannot be loaded \(.*offline\)\. .*FILE") as caught:
        build_backbone(name, 3, 4, pretrained=True)
    assert "\n" not in str(caught.value)
