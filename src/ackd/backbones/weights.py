"""Start a backbone from a local file of weights."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

from torch import Tensor

from ackd.backbones.base import Backbone
from ackd.errors import ConfigError
from ackd.utils.weights import fit_tensors, mean_over_bands, read_tensors, renamed, some

__all__ = ["load_weights"]

log = logging.getLogger("ackd")

# What stands before timm's or torchvision's names in a Backbone.
ADDED = ("", "net.", "features.")


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
    given = renamed(_converted(read_tensors(path), backbone), own, ADDED)

    def adapt(name: str, tensor: Tensor, mine: Tensor) -> Tensor | None:
        first = _is_first_convolution(tensor, mine, backbone.bands)
        return mean_over_bands(tensor, backbone.bands) if first else None

    fit = fit_tensors(own, given, adapt)
    if not any(name.endswith((".weight", ".bias")) for name in fit.loaded):
        raise ConfigError(
            f"pretrained={path}: none of the {len(given)} tensors of the file fits the network. "
            f"Their names are {some(given)}; the network's are {some(own)}. Choose the network "
            "that the file was made with (backbone.name)."
        )
    backbone.load_state_dict(dict(fit.loaded), strict=False)
    fit.tell(str(path))


def _converted(tensors: dict[str, Tensor], backbone: Backbone) -> dict[str, Tensor]:
    """Apply timm's converter of published files, which resizes position tables as well."""
    net = getattr(backbone, "net", None)
    convert = getattr(sys.modules.get(type(net).__module__), "checkpoint_filter_fn", None)
    if net is None or convert is None or not type(net).__module__.startswith("timm."):
        return tensors
    bare = renamed(tensors, net.state_dict(), ADDED)
    try:
        found: Any = convert(dict(bare), net)
    except Exception:
        # It is made for published files, and may trip over any other.
        log.debug("timm's converter does not know the file", exc_info=True)
        return bare
    return {str(k): v for k, v in found.items() if isinstance(v, Tensor)}


def _is_first_convolution(given: Tensor, own: Tensor, bands: int) -> bool:
    return (
        given.ndim == own.ndim == 4
        and own.shape[1] == bands
        and given.shape[0] == own.shape[0]
        and given.shape[2:] == own.shape[2:]
    )
