"""The weights and images of the reference numbers, regenerated from a counter (SplitMix64)."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

_MASK = np.uint64(0xFFFFFFFFFFFFFFFF)
_IMAGE_POSITION = 1_000_000


def uniform(seed: int, position: int, count: int) -> np.ndarray:
    """(count,) float64 in [0, 1): the top 24 bits of SplitMix64's output function."""
    start = np.uint64((seed * 2**48 + position * 2**24) % 2**64)
    with np.errstate(over="ignore"):
        z = start + np.arange(count, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = (z ^ (z >> np.uint64(31))) & _MASK
    return (z >> np.uint64(40)).astype(np.float64) / 2**24


def fill(net: nn.Module, seed: int) -> None:
    """Give every entry of the state dict, by its position, its reference value."""
    state = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    for position, (key, tensor) in enumerate(state.items()):
        u = uniform(seed, position, tensor.numel())
        v = 2 * u - 1
        if key.endswith("running_mean") or (key.endswith("bias") and tensor.ndim < 2):
            values = 0.1 * v
        elif key.endswith("running_var"):
            values = 1 + 0.5 * u
        elif tensor.ndim >= 2:
            values = v * np.sqrt(6 / np.prod(tensor.shape[1:]))
        else:
            values = 1 + 0.2 * v
        rounded = values.astype(np.float32).reshape(tuple(tensor.shape))
        tensor.copy_(torch.from_numpy(rounded))


def image(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    """The case's input images, float32 in [-1, 1)."""
    u = uniform(seed, _IMAGE_POSITION, int(np.prod(shape)))
    return torch.from_numpy((2 * u - 1).astype(np.float32).reshape(shape))
