"""Parts that do not train keep their parameters and their buffers, bit for bit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ackd.errors import ConfigError
from ackd.segmentation import LayeredNetwork, SegmentationNetwork
from tests.segmentation.catalogue import KEYS, SIDES, made

FEW = ("tiny", "unet_mobilenetv2", "pspnet", "pspnet/mobilenet_v2", "deeplabv3plus/resnet18")


def tensors_of(network: SegmentationNetwork, layers: Any) -> dict[str, Tensor]:
    """Copies of all parameters and buffers of some layers."""
    inside = {
        id(t) for layer in layers for m in network.modules_of(layer)
        for t in m.state_dict(keep_vars=True).values()
    }  # fmt: skip
    every = network.state_dict(keep_vars=True)
    return {name: t.detach().clone() for name, t in every.items() if id(t) in inside}


def steps(network: SegmentationNetwork, layers: tuple[str, ...] | None = None) -> None:
    """Two optimizer steps in training mode, with weight decay, which moves all that is given."""
    network.train()
    trained = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=0.1, momentum=0.9, weight_decay=0.1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(2):
        maps = network(torch.randn(2, 2, 64, 64, generator=generator) + 3, layers)
        features = [*maps.features.values()] or [maps.logits]
        loss = torch.stack([f.square().mean() for f in features if f is not None]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@pytest.mark.parametrize("key", FEW)
@pytest.mark.parametrize("trained", ["encoder", "decoder"])
def test_frozen_layers_stay_bit_for_bit(key: str, trained: str) -> None:
    network = made(key, bands=2)
    layers = {"encoder": network.encoder_layers, "decoder": network.decoder_layers}
    network.train_only(layers[trained])
    frozen = [name for name in network.layers if name not in layers[trained]]
    kept, moved = tensors_of(network, frozen), tensors_of(network, layers[trained])
    steps(network)
    assert all(torch.equal(t, kept[n]) for n, t in tensors_of(network, frozen).items())
    # Stages of an encoder that its decoder does not read are not trained either.
    still = [n for n, t in tensors_of(network, layers[trained]).items() if torch.equal(t, moved[n])]
    idle = {n for n, p in network.named_parameters() if not p.requires_grad} - kept.keys()
    assert {n for n in still if "running" not in n and "batches" not in n} <= idle


def test_the_middle_alone_leaves_the_decoder_as_it_was() -> None:
    network = made("tiny", bands=2)
    kept = tensors_of(network, network.decoder_layers)
    network.train_only(network.encoder_layers)
    steps(network, ("mid",))
    after = tensors_of(network, network.decoder_layers)
    assert all(torch.equal(t, kept[n]) for n, t in after.items())


def test_adapting_moves_statistics_and_nothing_else() -> None:
    network = made("tiny", bands=2)
    network.train_only(network.encoder_layers, frozen_norm="adapt")
    kept = tensors_of(network, network.decoder_layers)
    steps(network)
    moved = {
        n.rpartition(".")[2]
        for n, t in tensors_of(network, network.decoder_layers).items()
        if not torch.equal(t, kept[n])
    }
    assert moved == {"running_mean", "running_var", "num_batches_tracked"}
    network.eval()
    before = tensors_of(network, network.layers)
    network(torch.randn(2, 2, 64, 64))
    assert all(torch.equal(t, before[n]) for n, t in tensors_of(network, network.layers).items())


def test_dropout_of_frozen_layers_is_off() -> None:
    def block(inputs: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(inputs, 4, 1), nn.Dropout(0.5))

    parts = {
        "mid": (block(2), ["images"]),
        "d1": (block(4), ["mid"]),
        "fin": (nn.Conv2d(4, 1, 1), ["d1"]),
    }
    network = LayeredNetwork(parts, bands=2, channels=1, stride=1).train()
    images = torch.randn(1, 2, 8, 8)

    def random_layers() -> list[str]:
        first, second = (network(images, network.layers).features for _ in range(2))
        return [name for name in network.layers if not torch.equal(first[name], second[name])]

    assert random_layers() == ["mid", "d1", "fin"]
    for way in ("keep", "adapt"):
        network.train_only(["d1", "fin"], frozen_norm=way)
        assert random_layers() == ["d1", "fin"]
        network.train_only(["mid", "fin"], frozen_norm=way)
        assert not network.parts["d1"].training
        network.train_only(network.layers)
        assert random_layers() == ["mid", "d1", "fin"]


def test_modes_go_on_through_a_module_around_it() -> None:
    network = made("tiny", bands=2)
    network.train_only(network.decoder_layers)
    around = nn.ModuleList([network])
    around.eval()
    assert not any(m.training for m in network.modules())
    around.train()
    assert [name for name in network.layers if network.modules_of(name)[0].training] == [
        "d1", "d2", "d3", "fin"
    ]  # fmt: skip


def test_a_network_that_is_trained_as_a_whole_again() -> None:
    network = made("pspnet/mobilenet_v2", bands=2)
    trained = [n for n, p in network.named_parameters() if p.requires_grad]
    assert len(trained) < len(list(network.parameters()))
    network.train_only(["fin"])
    network.train_only(network.layers)
    assert [n for n, p in network.named_parameters() if p.requires_grad] == trained
    assert all(module.training for module in network.modules())


def test_what_would_train_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Nothing would be trained in e1, e2.*in mid, d1"):
        made("deeplabv3plus/resnet18", bands=2).train_only(["e1", "e2"])
    with pytest.raises(ConfigError, match="Nothing would be trained in no layer"):
        made("tiny", bands=2).train_only([])
    with pytest.raises(ConfigError, match=r"no way 'adopt'.*adopt.*Did you mean 'adapt'"):
        made("tiny", bands=2).train_only(["mid"], frozen_norm="adopt")  # type: ignore[arg-type]


@pytest.mark.parametrize("key", KEYS)
def test_every_trained_parameter_gets_a_gradient(key: str) -> None:
    # Training on several devices waits for the gradients of all that are trained.
    network, side = made(key, bands=2), SIDES.get(key, 64)
    maps = network(torch.randn(2, 2, side, side))
    assert maps.logits is not None
    maps.logits.square().mean().backward()
    assert not [n for n, p in network.named_parameters() if p.requires_grad and p.grad is None]
