"""Every loss as a function of two tensors, and seeded inputs for them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from ackd.config.location import config_dir
from ackd.losses import (
    coral,
    curriculum_temperature_kd,
    decoupled_kd,
    hyperbolic_relational_kd,
    info_nce,
    kd_divergence,
    logit_mse,
    relational_angle,
    relational_distance,
    soft_target_info_nce,
    standardized_kd,
)
from ackd.utils.targets import locate

Loss = Callable[[Tensor, Tensor], Tensor]


def _built(node: dict[str, Any]) -> nn.Module:
    inner = {name: _built(value) for name, value in node.items() if isinstance(value, dict)}
    found: nn.Module = locate(node["_target_"], "loss")(**inner)
    return found


def methods() -> dict[str, Callable[[], nn.Module]]:
    """Every distillation loss of conf/kd by name, with the defaults of its class."""
    found: dict[str, Callable[[], nn.Module]] = {}
    for path in sorted((config_dir() / "kd").glob("*.yaml")):
        for name, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            found[name] = partial(_built, entry["loss"])
    return found


TARGET = torch.tensor([0, 3, 1, 4, 4, 2])
ON_LOGITS: dict[str, Loss] = {
    "kd": lambda s, t: kd_divergence(s, t, 3.0),
    "dkd": lambda s, t: decoupled_kd(s, t, TARGET, 1.0, 8.0, 4.0),
    "mse": logit_mse,
    "ctkd": lambda s, t: curriculum_temperature_kd(s, t, torch.tensor(1.0), -0.5),
    "lskd": lambda s, t: standardized_kd(s, t, 2.0),
}
ON_FEATURES: dict[str, Loss] = {
    "distance": relational_distance,
    "angle": relational_angle,
    "angle_in_blocks": lambda s, t: relational_angle(s, t, block=2),
    "vpr": hyperbolic_relational_kd,
}
ALIGNING: dict[str, Loss] = {
    "coral_gram": lambda s, t: coral(s, t, path="gram"),
    "coral_direct": lambda s, t: coral(s, t, path="direct"),
    "info_nce": lambda s, t: info_nce(s, t, 2.0),
    "soft_target_info_nce": lambda s, t: soft_target_info_nce(s, t, 1.5),
}
DISTILLING = ON_LOGITS | ON_FEATURES
EVERY = DISTILLING | ALIGNING


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def both(seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    return draw(6, 5, seed=seed, dtype=dtype), 2 * draw(6, 5, seed=seed + 100, dtype=dtype)
