"""Every network keeps the contract: sizes, names, what is computed, and what belongs to whom."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest
import torch
from torch import nn

from ackd.errors import ConfigError
from ackd.segmentation import FIN, MID, SegmentationNetwork, build_network, layer_set
from tests.segmentation.catalogue import EVERY, KEYS, OWN, SIDES, keras_count, made
from tests.slow import slow


def images(network: SegmentationNetwork, key: str = "") -> torch.Tensor:
    generator, side = torch.Generator().manual_seed(1), SIDES.get(key, 64)
    return torch.randn(2, network.bands, side, side, generator=generator)


@pytest.mark.parametrize(
    ("key", "bands", "options", "counted"),
    [
        ("tiny", 4, {}, None),
        ("unet_mobilenetv2", 3, {}, 2_252_017),
        ("unet_mobilenetv2", 3, {"widths": (64, 48, 32, 16, 16)}, 2_618_337),
        # 32 x 9 more inputs of the first convolution, 16 x 9 of the last step's.
        ("unet_mobilenetv2", 4, {}, 2_252_017 + 288 + 144),
        ("pspnet", 3, {}, 704_613),
        # 32 more inputs of the first 1 x 1, 64 x 9 of the first shortcut.
        ("pspnet", 4, {}, 704_613 + 32 + 576),
    ],
)
def test_parameters_as_keras_counts_them(
    key: str, bands: int, options: dict[str, Any], counted: int | None
) -> None:
    network = build_network(bands=bands, **EVERY[key], **options)
    if counted is None:
        assert sum(p.numel() for p in network.parameters()) == 121_249
    else:
        assert keras_count(network) == counted


@pytest.mark.parametrize(("arch", "trainable"), [("unet", 6_628_945), ("pspnet", 2_263_353)])
def test_parameters_of_the_library(arch: str, trainable: int) -> None:
    network = build_network("smp", 3, arch=arch, encoder="mobilenet_v2")
    assert sum(p.numel() for p in network.parameters()) == trainable


def test_the_layers_of_the_papers_u_net_are_those_of_keras() -> None:
    # Strides and channels of block_1_expand_relu, block_3_..., block_6_..., block_13_expand_relu,
    # and of block_16_project, which has no batch normalization behind it.
    network = made("unet_mobilenetv2").eval()
    found = network(images(network), network.layers).features
    shapes = {name: (maps.shape[1], 64 // maps.shape[2]) for name, maps in found.items()}
    assert shapes == {
        "e1": (96, 2), "e2": (144, 4), "e3": (192, 8), "e4": (576, 16), "mid": (320, 32),
        "d1": (32, 16), "d2": (32, 8), "d3": (24, 4), "d4": (16, 2), "d5": (16, 1), "fin": (1, 1),
    }  # fmt: skip
    assert isinstance(list(network.modules_of(MID)[0].modules())[-1], nn.Conv2d)
    assert all(found[f"e{i}"].min() >= 0 and found[f"e{i}"].max() <= 6 for i in range(1, 5))


@pytest.mark.parametrize("key", OWN)
@pytest.mark.parametrize("side", [64, 96, 512])
@pytest.mark.parametrize("classes", [2, 5])
def test_logits_have_the_size_of_the_images(key: str, side: int, classes: int) -> None:
    network = made(key, classes=classes).to("meta")
    maps = network(torch.empty(1, 4, side, side, device="meta"))
    assert maps.logits is not None
    assert maps.logits.shape == (1, 1 if classes == 2 else classes, side, side)
    assert not maps.features


@pytest.mark.parametrize("key", KEYS)
def test_features_by_name_in_order_of_depth(key: str) -> None:
    network = made(key).eval()
    batch = images(network, key)
    with torch.no_grad():
        maps = network(batch, tuple(reversed(network.layers)))
        assert tuple(maps.features) == network.layers
        assert all(f.ndim == 4 and len(f) == 2 and f.shape[1] for f in maps.features.values())
        assert maps.features[FIN] is maps.logits
        assert maps.logits is not None
        assert maps.logits.shape == (2, 1, *batch.shape[2:])
        assert torch.equal(maps.logits, network(batch).logits)
        for layer in network.layers:
            assert torch.equal(network(batch, [layer]).features[layer], maps.features[layer])


@pytest.mark.parametrize("key", KEYS)
def test_what_was_heard_is_what_gradients_come_from(key: str) -> None:
    # An operation that changes features in place behind a layer would be heard too.
    network = made(key).eval()
    for module in network.modules():
        if isinstance(module, nn.Dropout | nn.Dropout2d):
            module.train()
    torch.manual_seed(0)
    found = network(images(network, key), network.layers).features
    copies = {name: maps.detach().clone() for name, maps in found.items()}
    sum(maps.square().mean() for maps in found.values()).backward()
    assert all(torch.equal(found[name], copies[name]) for name in found)


@pytest.mark.parametrize("key", KEYS)
def test_every_parameter_and_buffer_belongs_to_one_layer(key: str) -> None:
    network = made(key)
    owners: Counter[int] = Counter()
    for layer in network.layers:
        for module in network.modules_of(layer):
            owners.update(id(t) for t in (*module.parameters(), *module.buffers()))
    assert owners == Counter(id(t) for t in (*network.parameters(), *network.buffers()))


@pytest.mark.parametrize("key", KEYS)
def test_a_forward_to_the_middle_does_not_run_the_decoder(key: str) -> None:
    network = made(key)
    called: list[str] = []
    for layer in network.decoder_layers:
        for module in network.modules_of(layer):
            module.register_forward_hook(lambda *_, layer=layer: called.append(layer))
    before = {name: t.clone() for name, t in network.state_dict().items()}
    maps = network(images(network, key), ("mid",))
    assert maps.logits is None
    assert not called
    decoder = {
        id(t) for name in network.decoder_layers for m in network.modules_of(name)
        for t in m.state_dict(keep_vars=True).values()
    }  # fmt: skip
    after = network.state_dict(keep_vars=True)
    assert all(torch.equal(before[n], t) for n, t in after.items() if id(t) in decoder)
    network(images(network, key), ("fin",))
    assert called


def test_only_what_a_layer_needs_is_computed() -> None:
    network = made("tiny")
    called: list[str] = []
    for layer in network.layers:
        for module in network.modules_of(layer):
            module.register_forward_hook(lambda *_, layer=layer: called.append(layer))
    network(images(network), ("d1", "e2"))
    assert called == ["e1", "e2", "e3", "mid", "d1"]


@pytest.mark.parametrize(
    ("key", "whole"),
    [
        ("tiny", ("e2", "e3", "mid", "d1", "d2", "fin")),
        ("unet_mobilenetv2", ("e3", "e4", "mid", "d1", "d2", "fin")),
        ("pspnet", ("e1", "e2", "mid", "d1", "fin")),
        ("unet/mobilenet_v2", ("e3", "e4", "mid", "d1", "d2", "fin")),
        ("deeplabv3plus/resnet18", ("e3", "e4", "mid", "d1", "d2", "fin")),
        ("segformer/mit_b0", ("e3", "e4", "mid", "d1", "fin")),
    ],
)
def test_sets_of_layers(key: str, whole: tuple[str, ...]) -> None:
    network = made(key)
    assert layer_set(network, "int") == whole
    assert layer_set(network, "mid") == ("mid",)
    assert layer_set(network, "fin") == ("fin",)
    assert layer_set(network, ["d1", "e2", "d1"]) == ("e2", "d1")
    assert network.encoder_layers + network.decoder_layers == network.layers


def test_a_layer_that_does_not_exist_lists_those_that_do() -> None:
    network = made("tiny")
    every = "e1, e2, e3, mid, d1, d2, d3, fin"
    with pytest.raises(ConfigError, match=f"no layer 'd4'. Known: {every}"):
        network(images(network), ("d4",))
    with pytest.raises(ConfigError, match=rf"no layer 'decoder'.*Known: {every}"):
        network.train_only(["decoder"])
    with pytest.raises(ConfigError, match=r"no layer 'midd'.*Did you mean 'mid'.*int, e1"):
        layer_set(network, "midd")
    with pytest.raises(ConfigError, match=r"stands alone.*: e2,e3,mid,d1,d2,fin\."):
        layer_set(network, ["int", "fin"])
    with pytest.raises(ConfigError, match=r"Known: mid, fin, int"):
        layer_set(network, [])
    with pytest.raises(ConfigError, match=r"No layer is asked for"):
        network(images(network), ())


@pytest.mark.parametrize(
    "key", ["tiny", "unet_mobilenetv2", slow("pspnet"), slow("unet/mobilenet_v2")]
)
def test_images_that_do_not_fit_are_refused(key: str) -> None:
    network = made(key)
    with pytest.raises(ValueError, match=r"images \(B, 4, H, W\) but got \(1, 3, 64, 64\)"):
        network(torch.zeros(1, 3, 64, 64))
    up = -(-90 // network.stride) * network.stride
    with pytest.raises(ValueError, match=f"that {network.stride} divides.*pad them to 64 x {up}"):
        network(torch.zeros(1, 4, 64, 90))


@pytest.mark.parametrize("key", KEYS)
def test_a_copy_hears_itself(key: str) -> None:
    network = made(key).eval()
    other = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
        before = network(images(network, key), network.layers).features
        other(images(network, key), network.layers)
        again = network(images(network, key), network.layers).features
        silent = other(images(network, key), ("d1", "fin")).features
    assert all(torch.equal(before[name], again[name]) for name in before)
    assert not torch.equal(silent["d1"], before["d1"])


@pytest.mark.parametrize(
    "key",
    [
        slow("tiny"),
        slow("pspnet"),
        slow("unet_mobilenetv2"),
        slow("unet/mobilenet_v2"),
        "unet/tu-test_resnet",
    ],
)
def test_compiled_and_channels_last(key: str) -> None:
    network = made(key).eval()
    batch, layers = images(network), layer_set(network, "int")
    with torch.no_grad():
        plain = network(batch, layers)
        compiled = torch.compile(network, backend="eager")
        for found in (
            compiled(batch, layers),
            network.to(memory_format=torch.channels_last)(
                batch.contiguous(memory_format=torch.channels_last), layers
            ),
        ):
            assert tuple(found.features) == layers
            for name, maps in plain.features.items():
                torch.testing.assert_close(found.features[name], maps, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("key", ["tiny", "unet_mobilenetv2", "pspnet", "unet/mobilenet_v2"])
def test_autocast(key: str) -> None:
    network = made(key)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        maps = network(images(network)[:, :, :32, :32], layer_set(network, "int"))
    assert maps.logits is not None
    maps.logits.float().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_only_torchs_random_state_is_drawn_from() -> None:
    import random

    import numpy as np

    random.seed(0)
    np.random.seed(0)
    drawn = random.getstate(), np.random.get_state()[1].tolist()
    for key in ("tiny", "unet_mobilenetv2", "pspnet", "pspnet/mobilenet_v2"):
        network = build_network(**EVERY[key])
        network(images(network))
    assert drawn == (random.getstate(), np.random.get_state()[1].tolist())
    weights = []
    for _ in range(2):
        torch.manual_seed(0)
        weights.append(build_network("tiny").state_dict())
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())
