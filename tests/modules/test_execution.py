"""Layouts, compilation and fused optimisers change numbers by rounding only."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ackd.backbones import build_backbone
from ackd.modules.execution import fused_on_cpu, memory_format_of, prepare
from tests.config.composing import checked
from tests.slow import slow

FACTORIES: dict[str, Any] = {
    "Adam": partial(torch.optim.Adam, lr=0.01, weight_decay=0.1),
    "AdamW": partial(torch.optim.AdamW, lr=0.01),
    "SGD": partial(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True),
}


def passes(net: nn.Module, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    outputs = net(images)
    loss = outputs.z.square().mean() + outputs.zbar.square().mean() + outputs.logits.square().mean()
    net.zero_grad()
    loss.backward()
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    return [outputs.z, outputs.zbar, outputs.logits], gradients


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mobilenetv2", {"memory_format": "channels_last"}),
        ("shufflenetv2_x0_5", {"memory_format": "channels_last"}),
        ("test_vit", {"memory_format": "channels_last"}),
        ("test_resnet", {"memory_format": "channels_last"}),
        slow("test_resnet", {"compiled": True, "backend": "aot_eager"}),
    ],
)
def test_the_same_numbers_in_value_and_gradient(name: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    # Dropout would draw other numbers in another layout.
    net = build_backbone(name, 3, 4).double().eval()
    images = torch.randn(3, 3, 64, 64, dtype=torch.float64)
    expected = passes(net, images)
    other = copy.deepcopy(net)
    prepare(other, **options)
    found = passes(other, images)
    assert list(other.state_dict()) == list(net.state_dict())
    for ours, theirs in zip((*found[0], *found[1]), (*expected[0], *expected[1]), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def test_channels_last_reaches_the_convolutions_and_survives_loaded_weights() -> None:
    net = build_backbone("test_resnet", 5, 4)
    weights = copy.deepcopy(net.state_dict())
    prepare(net, "channels_last")
    net.load_state_dict(weights)
    kernels = [m.weight for m in net.modules() if isinstance(m, nn.Conv2d) and m.kernel_size[0] > 1]
    assert kernels
    assert all(k.is_contiguous(memory_format=torch.channels_last) for k in kernels)


def test_compiled_calls_are_compiled() -> None:
    graphs: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    net = build_backbone("test_resnet", 3, 4)
    prepare(net, compiled=True, backend=backend)
    net(torch.randn(2, 3, 32, 32))
    assert len(graphs) == 1  # and no break


@pytest.mark.parametrize("name", FACTORIES)
def test_a_fused_optimiser_takes_the_same_steps(name: str) -> None:
    torch.manual_seed(0)
    slow = nn.Linear(7, 5).double()
    fast = copy.deepcopy(slow)
    optimisers = [
        FACTORIES[name](slow.parameters(), foreach=False),
        fused_on_cpu(FACTORIES[name])(fast.parameters()),
    ]
    assert not optimisers[0].defaults["fused"]
    assert optimisers[1].defaults["fused"]
    for _ in range(5):
        images = torch.randn(4, 7, dtype=torch.float64)
        for net, optimiser in zip((slow, fast), optimisers, strict=True):
            optimiser.zero_grad()
            net(images).square().sum().backward()
            optimiser.step()
    torch.testing.assert_close(fast.weight, slow.weight, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("option", ["fused", "foreach"])
def test_what_the_user_says_of_the_kernel_stays(option: str) -> None:
    factory = partial(torch.optim.Adam, **{option: False})
    optimiser = fused_on_cpu(factory)(nn.Linear(2, 2).parameters())
    assert optimiser.defaults[option] is False
    assert not optimiser.defaults["fused"]


def test_an_optimiser_without_a_fused_kernel_is_left_alone() -> None:
    factory = partial(torch.optim.RMSprop, lr=0.1)
    assert fused_on_cpu(factory) is factory


def test_parameters_elsewhere_get_the_default_of_torch() -> None:
    optimiser = fused_on_cpu(FACTORIES["Adam"])(nn.Linear(2, 2, device="meta").parameters())
    assert not optimiser.defaults["fused"]


def test_auto_is_channels_last_on_the_cpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory_format_of("auto", "cpu") == "channels_last"
    assert memory_format_of("auto", "gpu") == "contiguous"
    assert memory_format_of("contiguous", "cpu") == "contiguous"
    assert memory_format_of("channels_last", "gpu") == "channels_last"
    for there, expected in ((True, "contiguous"), (False, "channels_last")):
        monkeypatch.setattr(torch.accelerator, "is_available", lambda there=there: there)
        assert memory_format_of("auto", "auto") == memory_format_of("auto", None) == expected


def test_options_and_their_defaults() -> None:
    config = checked()
    assert (config.execution.memory_format, config.execution.compile) == ("auto", False)
    assert config.planner.dim is None
    narrow = checked("planner.dim=16", "execution.compile=true")
    assert narrow.planner.arguments["inner_dim"] == 16
    assert narrow.execution.compile
