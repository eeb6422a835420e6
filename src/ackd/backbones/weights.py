"""Start a network from a local file of weights; and a sentence where a download fails."""

from __future__ import annotations

import logging
import pickle
import sys
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ackd.backbones.base import Backbone
from ackd.errors import ConfigError

__all__ = ["load_weights", "weights_unreachable"]

log = logging.getLogger("ackd")

SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin")

# Where training programs put the tensors, and what they write before their names.
NODES = ("state_dict", "model_state_dict", "model", "module", "weights")
WRITTEN_BEFORE = ("", "module.", "backbone.", "model.", "encoder.", "student.", "teacher.")
# What stands before timm's or torchvision's names in a Backbone.
ADDED = ("", "net.", "features.")

LISTED = 8


def load_weights(backbone: Backbone, path: Path) -> None:
    """Fill a network with the tensors of a file, in place, and log what was not loaded.

    Names are those of timm (of torchvision for ShuffleNetV2), or of ackd itself: a ``student.pt``,
    a ``weights.pt`` or a checkpoint. timm's own converters for published files are applied. A
    first convolution for another number of bands becomes the mean over its inputs, times
    n_old / n_new, so that its responses keep their size. Tensors of other shapes stay random, as
    the classifier of other classes does.

    Args:
        backbone: Of any kind.
        path: A ``.safetensors`` file, or one of ``torch.save`` (``.pt``, ``.pth``, ``.ckpt``).

    Raises:
        ConfigError: There is no such file, it cannot be read, or nothing of it fits.
    """
    own = backbone.state_dict()
    given = _renamed(_converted(_read(path), backbone), own)
    loaded: dict[str, Tensor] = {}
    other_shape: list[str] = []
    adapted: list[str] = []
    for name, tensor in given.items():
        if name not in own:
            continue
        if tensor.shape == own[name].shape:
            loaded[name] = tensor
        elif _is_first_convolution(tensor, own[name], backbone.bands):
            loaded[name] = _adapt(tensor, backbone.bands)
            adapted.append(f"{name} {tensor.shape[1]} -> {backbone.bands} bands")
        else:
            other_shape.append(f"{name} {tuple(tensor.shape)} for {tuple(own[name].shape)}")
    if not any(name.endswith((".weight", ".bias")) for name in loaded):
        raise ConfigError(
            f"pretrained={path}: none of the {len(given)} tensors of the file fits the network. "
            f"Their names are {_some(given)}; the network's are {_some(own)}. Choose the network "
            "that the file was made with (backbone.name)."
        )
    backbone.load_state_dict(loaded, strict=False)
    missing = [name for name in own if name not in given]
    unknown = [name for name in given if name not in own]
    log.info("%s: %d of the %d tensors of the network loaded", path, len(loaded), len(own))
    for what, names in (
        ("the first convolution is the mean over its inputs", adapted),
        ("not loaded, another shape", other_shape),
        ("not loaded, not in the file", missing),
        ("in the file, not in the network", unknown),
    ):
        if names:
            log.info("%s: %s: %s", path, what, ", ".join(names))


def weights_unreachable(network: str, error: Exception) -> ConfigError:
    """The error for pretrained weights that cannot be had; ``error`` is the library's own."""
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return ConfigError(
        f"The pretrained weights of {network} cannot be loaded ({type(error).__name__}: {said}). "
        "Check the connection, start from a local file (pretrained=FILE), or set pretrained=false."
    )


def _read(path: Path) -> dict[str, Tensor]:
    path = path.expanduser()
    if not path.is_file():
        raise ConfigError(
            f"pretrained={path} is not a file; give a {' or '.join(SUFFIXES[:3])} file, "
            "pretrained=true for the library's weights, or pretrained=false."
        )
    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(
            f"pretrained={path} cannot be read as weights ({said}); give a .safetensors file, or "
            "a dictionary of tensors written by torch.save(network.state_dict(), FILE)."
        ) from error
    tensors = _tensors(content)
    if not tensors:
        raise ConfigError(
            f"pretrained={path} has no tensors in it; give a .safetensors file, or a dictionary "
            "of tensors written by torch.save(network.state_dict(), FILE)."
        )
    return tensors


def _tensors(content: object) -> dict[str, Tensor]:
    """The dictionary of tensors inside of what a training program saved."""
    if not isinstance(content, Mapping):
        return {}
    for node in NODES:
        if isinstance(content.get(node), Mapping):
            return _tensors(content[node])
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def _converted(tensors: dict[str, Tensor], backbone: Backbone) -> dict[str, Tensor]:
    """Apply timm's converter of published files, which resizes position tables as well."""
    net = getattr(backbone, "net", None)
    convert = getattr(sys.modules.get(type(net).__module__), "checkpoint_filter_fn", None)
    if net is None or convert is None or not type(net).__module__.startswith("timm."):
        return tensors
    bare = _renamed(tensors, net.state_dict())
    try:
        found: Any = convert(dict(bare), net)
    except Exception:
        # It is made for published files, and may trip over any other.
        log.debug("timm's converter does not know the file", exc_info=True)
        return bare
    return {str(k): v for k, v in found.items() if isinstance(v, Tensor)}


def _renamed(tensors: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Exchange the beginning of all names, so that as many as possible are the network's."""

    def rename(before: str, added: str) -> dict[str, Tensor]:
        return {
            added + name.removeprefix(before) if name.startswith(before) else name: tensor
            for name, tensor in tensors.items()
        }

    cuts = [*WRITTEN_BEFORE, *ADDED[1:], *(b + a for b in WRITTEN_BEFORE[1:] for a in ADDED[1:])]
    ways = [rename(*way) for way in product(cuts, ADDED)]
    return max(ways, key=lambda way: sum(name in own for name in way))


def _is_first_convolution(given: Tensor, own: Tensor, bands: int) -> bool:
    return (
        given.ndim == own.ndim == 4
        and own.shape[1] == bands
        and given.shape[0] == own.shape[0]
        and given.shape[2:] == own.shape[2:]
    )


def _adapt(weight: Tensor, bands: int) -> Tensor:
    """(O, n_old, k, k) to (O, bands, k, k): the mean over inputs times n_old / n_new."""
    mean = weight.float().mean(dim=1, keepdim=True) * (weight.shape[1] / bands)
    return mean.expand(-1, bands, -1, -1).to(weight.dtype).clone()


def _some(names: Mapping[str, object]) -> str:
    shown = list(names)[:LISTED]
    return ", ".join(shown) + (", ..." if len(names) > LISTED else "")
