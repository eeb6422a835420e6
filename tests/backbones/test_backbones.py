"""What every backbone promises, on small timm networks and on the paper's."""

from __future__ import annotations

import pytest
import torch

from ackd.backbones import PAPER_BACKBONES, build_backbone
from ackd.errors import ConfigError

SMALL = ("test_resnet", "test_efficientnet", "test_vit", "mobilenetv3_small_100")


@pytest.mark.parametrize("name", [*SMALL, *PAPER_BACKBONES])
@pytest.mark.parametrize("classes", [0, 7])
def test_shapes_grid_and_no_idle_parameter(name: str, classes: int) -> None:
    net = build_backbone(name, 5, classes)
    out = net(torch.randn(2, 5, 64, 96))
    height, width = out.grid
    assert out.z.shape == (2, height * width, net.z_dim)
    assert out.zbar.shape == (2, net.zbar_dim)
    assert out.logits.shape == (2, classes)
    assert height < width
    (out.z.sum() + out.zbar.sum() + out.logits.sum()).backward()
    idle = [key for key, p in net.named_parameters() if p.grad is None]
    assert not idle


@pytest.mark.parametrize("name", SMALL)
def test_timm_outputs_are_the_librarys_own(name: str) -> None:
    backbone = build_backbone(name, 3, 4).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(backbone(x).logits, backbone.net(x))


@pytest.mark.parametrize("name", ["resnet34", "shufflenetv2_x0_5"])
def test_patches_are_row_major(name: str) -> None:
    """A change in the lower right of the image moves the last patch most."""
    net = build_backbone(name, 3, 0).eval()
    x = torch.zeros(1, 3, 256, 128)
    changed = x.clone()
    changed[..., -32:, -32:] = torch.randn(3, 32, 32)
    with torch.no_grad():
        before, after = net(x), net(changed)
    assert before.grid == (8, 4)
    moved = (after.z - before.z).abs().sum(-1)[0]
    assert int(moved.argmax()) == 8 * 4 - 1


def test_classes_0_builds_no_classifier() -> None:
    with_head = build_backbone("shufflenetv2_x0_5", 3, 10)
    without = build_backbone("shufflenetv2_x0_5", 3, 0)
    difference = sum(p.numel() for p in with_head.parameters()) - sum(
        p.numel() for p in without.parameters()
    )
    assert difference == 512 * 10 + 10


def test_stock_heads_are_the_librarys() -> None:
    counts = {"mobilenetv2": 2_236_682, "shufflenetv2_x0_5": 352_042}
    for name, count in counts.items():
        net = build_backbone(name, 3, 10, head="stock")
        assert sum(p.numel() for p in net.parameters()) == count


def test_token_networks_leave_prefix_tokens_out() -> None:
    net = build_backbone("test_vit", 3, 2).eval()
    with torch.no_grad():
        out = net(torch.randn(1, 3, 120, 120))
    assert out.grid == (8, 8), "patches of 16 pixels, the last row and column padded"
    assert out.z.shape[1] == 64


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet3", "Did you mean"),
        ("shufflenet_v2", "shufflenetv2_x0_5"),
        ("deit_tiny_distilled_patch16_224", "one head"),
    ],
)
def test_networks_that_cannot_serve(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_backbone(name, 3, 10)


def test_wrong_options_and_wrong_images() -> None:
    with pytest.raises(ConfigError, match=r"papper.*Did you mean 'paper'"):
        build_backbone("resnet34", 3, 10, head="papper")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="at least 1 band"):
        build_backbone("resnet34", 0, 10)
    with pytest.raises(ConfigError, match="negative"):
        build_backbone("resnet34", 3, -1)
    net = build_backbone("test_resnet", 10, 3)
    with pytest.raises(ValueError, match=r"\(B, 10, H, W\) but got \(2, 3, 64, 64\)"):
        net(torch.zeros(2, 3, 64, 64))
