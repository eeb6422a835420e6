"""Tensors from a file or another network: read, renamed, and held against a network's own.

A first convolution for another number of bands is the one tensor that fits although its shape
differs: see :func:`mean_over_bands`.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ackd.errors import ConfigError

__all__ = ["Fit", "fit_tensors", "mean_over_bands", "read_tensors", "renamed", "some",
           "weights_unreachable"]  # fmt: skip

log = logging.getLogger("ackd")

SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")

# Where training programs put the tensors, and what they write before their names.
NODES = ("state_dict", "model_state_dict", "model", "module", "weights")
WRITTEN_BEFORE = (
    "", "module.", "backbone.", "model.", "encoder.", "student.", "teacher.", "network.",
)  # fmt: skip

LISTED = 8

Adapt = Callable[[str, Tensor, Tensor], Tensor | None]
"""(name, given, own) to a tensor of own's shape; None where there is no way."""


@dataclass(frozen=True)
class Fit:
    """How given tensors fit a network.

    Attributes:
        loaded: Name -> tensor of the network's own shape.
        adapted: Names of those that were given in another shape, with what was done.
        other_shape: Names of those that do not fit, with both shapes.
        missing: Names of the network that were not given.
        unknown: Given names that the network does not have.
    """

    loaded: Mapping[str, Tensor]
    adapted: tuple[str, ...]
    other_shape: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]

    def tell(self, source: str) -> None:
        """Log what was not loaded, and how much was."""
        total = len(self.missing) + len(self.loaded) + len(self.other_shape)
        log.info("%s: %d of the %d tensors of the network loaded", source, len(self.loaded), total)
        for what, names in (
            ("the first convolution is the mean over its inputs", self.adapted),
            ("not loaded, another shape", self.other_shape),
            ("not loaded, not in the file", self.missing),
            ("in the file, not in the network", self.unknown),
        ):
            if names:
                log.info("%s: %s: %s", source, what, ", ".join(names))


def fit_tensors(own: Mapping[str, Tensor], given: Mapping[str, Tensor], adapt: Adapt) -> Fit:
    """Hold given tensors against a network's own, by name and shape.

    Args:
        own: The network's ``state_dict()``.
        given: With the same names, as far as they are known.
        adapt: Makes a tensor of another shape fit, or gives None.
    """
    loaded: dict[str, Tensor] = {}
    adapted: list[str] = []
    other_shape: list[str] = []
    for name, tensor in given.items():
        if name not in own:
            continue
        if tensor.shape == own[name].shape:
            loaded[name] = tensor
        elif (made := adapt(name, tensor, own[name])) is not None:
            loaded[name] = made
            adapted.append(f"{name} {tensor.shape[1]} -> {made.shape[1]} inputs")
        else:
            other_shape.append(f"{name} {tuple(tensor.shape)} for {tuple(own[name].shape)}")
    missing = tuple(name for name in own if name not in given)
    unknown = tuple(name for name in given if name not in own)
    return Fit(loaded, tuple(adapted), tuple(other_shape), missing, unknown)


def mean_over_bands(weight: Tensor, bands: int) -> Tensor:
    """A convolution for other bands: the mean over its inputs, times n_old / n_new.

    The response to an image whose bands are all the same stays what it was.

    Args:
        weight: (O, n_old, k, k).
        bands: n_new.

    Returns:
        (O, bands, k, k).
    """
    mean = weight.to(torch.promote_types(weight.dtype, torch.float32)).mean(dim=1, keepdim=True)
    scaled = mean * (weight.shape[1] / bands)
    return scaled.expand(-1, bands, -1, -1).to(weight.dtype).clone()


def weights_unreachable(
    network: str,
    error: Exception,
    instead: str = "start from a local file (pretrained=FILE), or set pretrained=false",
) -> ConfigError:
    """The error for pretrained weights that cannot be had; ``error`` is the library's own."""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return ConfigError(
        f"The pretrained weights of {network} cannot be loaded ({type(error).__name__}: {said}). "
        f"Check the connection, {instead}."
    )


def read_tensors(
    path: Path,
    option: str = "pretrained",
    instead: str = "pretrained=true for the library's weights, or pretrained=false",
) -> dict[str, Tensor]:
    """Read the tensors of a ``.safetensors`` file, or of one of ``torch.save``.

    Args:
        path: Of the file.
        option: That names it, for messages.
        instead: What else that option may be.

    Raises:
        ConfigError: There is no such file, or it has no tensors that can be read.
    """
    path = path.expanduser()
    if not path.is_file():
        raise ConfigError(
            f"{option}={path} is not a file; give a {' or '.join(SUFFIXES[:3])} file, {instead}."
        )
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"{option}={path} cannot be read as weights ({said}); give a .safetensors file, or "
            "a dictionary of tensors written by torch.save(network.state_dict(), FILE)."
        ) from error
    tensors = _tensors(content)
    if not tensors:
        raise ConfigError(
            f"{option}={path} has no tensors in it; give a .safetensors file, or a dictionary "
            "of tensors written by torch.save(network.state_dict(), FILE)."
        )
    return tensors


def renamed(
    tensors: Mapping[str, Tensor], own: Iterable[str], added: Iterable[str]
) -> dict[str, Tensor]:
    """Exchange the beginning of all names, so that as many as possible are the network's.

    Args:
        tensors: By the names that they were written with.
        own: Names of the network.
        added: What may stand before a library's names in the network; "" is the first.
    """
    names = frozenset(own)

    def rename(before: str, put: str) -> dict[str, Tensor]:
        return {
            put + name.removeprefix(before) if name.startswith(before) else name: tensor
            for name, tensor in tensors.items()
        }

    puts = tuple(added)
    cuts = [*WRITTEN_BEFORE, *puts[1:], *(b + a for b in WRITTEN_BEFORE[1:] for a in puts[1:])]
    ways = [rename(*way) for way in product(cuts, puts)]
    return max(ways, key=lambda way: sum(name in names for name in way))


def some(names: Mapping[str, object]) -> str:
    """The first names of many, for messages."""
    shown = list(names)[:LISTED]
    return ", ".join(shown) + (", ..." if len(names) > LISTED else "")


def _tensors(content: object) -> dict[str, Tensor]:
    """The dictionary of tensors inside of what a training program saved."""
    if not isinstance(content, Mapping):
        return {}
    for node in NODES:
        if isinstance(content.get(node), Mapping):
            return _tensors(content[node])
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
