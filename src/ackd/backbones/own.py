"""A network of one's own as a :class:`Backbone`, named by its import path.

The contract: ``Network(bands=..., classes=..., **arguments)`` is a ``torch.nn.Module`` with the
integers ``z_dim`` and ``zbar_dim``, and maps (B, bands, H, W) images to
:class:`~ackd.backbones.Outputs`, or to a tuple ``(z, zbar, logits, grid)`` in that order. It need
not inherit from anything of ackd. ``classes=0`` asks for a network without a classifier, whose
logits are (B, 0), as the matcher does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ackd.backbones.base import Backbone
from ackd.backbones.outputs import Outputs
from ackd.errors import ConfigError
from ackd.utils.targets import check_arguments, locate

__all__ = ["OwnBackbone", "build_own"]

EXPECTED = (
    "a torch.nn.Module with the integers z_dim and zbar_dim that maps images (B, bands, H, W) to "
    "ackd.backbones.Outputs(z, zbar, logits, grid)"
)


class OwnBackbone(Backbone):
    """Wraps a module that keeps the contract without inheriting from :class:`Backbone`."""

    def __init__(self, net: nn.Module, bands: int, classes: int) -> None:
        dims = [getattr(net, name, None) for name in ("z_dim", "zbar_dim")]
        if not all(isinstance(dim, int) and dim > 0 for dim in dims):
            raise ConfigError(
                f"{type(net).__name__} has z_dim={dims[0]} and zbar_dim={dims[1]}; a backbone is "
                f"{EXPECTED}."
            )
        super().__init__(int(dims[0] or 0), int(dims[1] or 0), bands, classes)
        self.net = net

    def run(self, x: Tensor) -> Outputs:
        """Compute the network's outputs and hold them against the contract.

        Raises:
            ConfigError: The outputs or their shapes are not what the contract says.
        """
        return checked_outputs(self.net(x), self, type(self.net).__name__, x)


def build_own(target: str, bands: int, classes: int, arguments: Mapping[str, Any]) -> Backbone:
    """Import and build a network of one's own.

    Args:
        target: Its import path, e.g. ``"mypackage.MyNetwork"``.
        bands: Channels of the images.
        classes: Width of the logits, 0 for no classifier.
        arguments: Further keyword arguments.

    Raises:
        ConfigError: It cannot be imported or built, or does not keep the contract.
    """
    build = locate(target, "backbone")
    check_arguments(build, ["bands", "classes", *arguments], "backbone")
    try:
        net = build(bands=bands, classes=classes, **arguments)
    except Exception as error:
        # Whatever a constructor raises about its arguments is about this network.
        given = ", ".join(
            f"{k}={v}" for k, v in {"bands": bands, "classes": classes, **arguments}.items()
        )
        raise ConfigError(
            f"backbone._target_={target} cannot be built with {given} "
            f"({type(error).__name__}: {error})."
        ) from error
    if not isinstance(net, nn.Module):
        raise ConfigError(
            f"backbone._target_={target} gives a {type(net).__name__}; a backbone is {EXPECTED}."
        )
    return net if isinstance(net, Backbone) else OwnBackbone(net, bands, classes)


def checked_outputs(found: object, backbone: Backbone, name: str, x: Tensor) -> Outputs:
    """Bring what a network returned to :class:`Outputs`, if its shapes agree with the contract.

    Args:
        found: What ``forward`` returned.
        backbone: Declares the widths.
        name: Of the network, for messages.
        x: (B, bands, H, W), what it was given.

    Raises:
        ConfigError: It is something else; the shapes are named.
    """
    try:
        outputs = Outputs(*found)  # type: ignore[misc]
        height, width = outputs.grid
        shapes = {part: tuple(getattr(outputs, part).shape) for part in ("z", "zbar", "logits")}
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{name} returned a {type(found).__name__} that is not (z, zbar, logits, grid); a "
            f"backbone is {EXPECTED}."
        ) from error
    expected = {
        "z": (len(x), int(height) * int(width), backbone.z_dim),
        "zbar": (len(x), backbone.zbar_dim),
        "logits": (len(x), backbone.classes),
    }
    for part, shape in shapes.items():
        if shape != expected[part]:
            raise ConfigError(
                f"{name}: {part} has the shape {shape} for images {tuple(x.shape)}, but "
                f"{expected[part]} was expected (z_dim={backbone.z_dim}, "
                f"zbar_dim={backbone.zbar_dim}, classes={backbone.classes}, "
                f"grid={(int(height), int(width))})."
            )
    return outputs._replace(grid=(int(height), int(width)))
