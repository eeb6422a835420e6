"""timm networks of every form: they run at the size that they are built for, or say why not."""

from __future__ import annotations

import pytest
import timm
import torch

from ackd.backbones import Backbone, build_backbone, checked_outputs
from ackd.errors import ConfigError

# Network, image size, and the patch grid: maps, NHWC maps, 1x1 convolutions as classifiers, tokens
# behind a hidden patch embedding, networks that are built for one size.
NEWER_TIMM = pytest.mark.skipif(
    not timm.is_model("test_vit_relpos"), reason="This timm builds it for one image size only."
)
SERVING = [
    ("dpn48b", (64, 64), (2, 2)),
    pytest.param("swin_tiny_patch4_window7_224", (64, 64), (2, 2), marks=NEWER_TIMM),
    pytest.param("test_vit_relpos", (64, 64), (4, 4), marks=NEWER_TIMM),
    ("gmixer_12_224", (64, 64), (4, 4)),
    pytest.param("xcit_nano_12_p16_224", (64, 96), (4, 6), marks=NEWER_TIMM),
    ("coatnext_nano_rw_224", (64, 64), (2, 2)),
]


def small(name: str, size: tuple[int, int], classes: int = 3) -> Backbone:
    return build_backbone(name, 4, classes, size=size)


@pytest.mark.parametrize(("name", "size", "grid"), SERVING)
def test_networks_of_other_forms_serve(
    name: str, size: tuple[int, int], grid: tuple[int, int]
) -> None:
    net = small(name, size).eval()
    images = torch.randn(2, 4, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        out = checked_outputs(net(images), net, name, images)
        assert out.grid == grid
        # The library's own logits: nothing of its head is left out.
        torch.testing.assert_close(out.logits, net.net(images))


@NEWER_TIMM
def test_row_major_tokens_where_the_grid_is_not_told() -> None:
    torch.manual_seed(0)
    net = small("xcit_nano_12_p16_224", (64, 96)).eval()
    images = torch.zeros(1, 4, 64, 96)
    changed = images.clone()
    changed[..., :16, -16:] = 3.0
    with torch.no_grad():
        moved = (net(changed).z - net(images).z).abs().sum(-1)[0]
    # The last patch of the first row of six, and the one below it, which its convolutions reach;
    # tokens column by column would have it at 20.
    assert int(moved.argmax()) in (5, 11)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pit_ti_224", r"features of the form \(1, 1, 256\).*neither 256 feature maps nor"),
        ("coat_tiny", "features of the form list"),
    ],
)
def test_networks_without_patches_are_refused(name: str, message: str) -> None:
    net = small(name, (64, 64)).eval()
    with pytest.raises(ConfigError, match=message), torch.no_grad():
        net(torch.zeros(1, 4, 64, 64))


@pytest.mark.parametrize("name", ["crossvit_tiny_240", "deit_tiny_distilled_patch16_224"])
def test_networks_with_several_classifiers_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="more than one classifier"):
        small(name, (64, 64))
