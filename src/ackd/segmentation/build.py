"""From a name, or from the class of one's own, to a segmentation network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ackd.errors import ConfigError, unknown
from ackd.segmentation.base import SegmentationNetwork
from ackd.segmentation.pspnet import PSPNet
from ackd.segmentation.smp_nets import SmpNetwork, has_imagenet
from ackd.segmentation.transfer import load_weights
from ackd.segmentation.unet import mobilenetv2_unet, tiny_unet
from ackd.utils.targets import check_arguments, locate

__all__ = ["IMAGENET", "NETWORKS", "build_network", "why_no_imagenet"]

IMAGENET = "imagenet"
"""The value of ``weights`` that asks for a library's."""

NETWORKS: Mapping[str, Callable[..., SegmentationNetwork]] = {
    "tiny": tiny_unet,
    "unet_mobilenetv2": mobilenetv2_unet,
    "pspnet": PSPNet,
    "smp": SmpNetwork.create,
}
"""Name -> what builds the network from bands, channels and options of its own."""

PRETRAINED = ("unet_mobilenetv2", "smp")
"""Those whose encoders a library has ImageNet weights of."""

FILLED = {"bands": "", "channels": "classes", "imagenet": "weights"}


def build_network(
    name: str = "",
    bands: int = 3,
    classes: int = 2,
    *,
    weights: str | Path | None = None,
    _target_: str | None = None,
    **options: Any,
) -> SegmentationNetwork:
    """Build a network with random weights, or start it from those of a library or of a file.

    Args:
        name: One of :data:`NETWORKS`. Has no effect with ``_target_``.
        bands: Of the images, at least 1.
        classes: At least 2. Two classes have one logit, of the second class against the first; more
            have one logit each.
        weights: ``"imagenet"`` for an encoder with the library's weights, which may be downloaded;
            or a file, see :func:`ackd.segmentation.load_weights`.
        _target_: Import path of a subclass of :class:`SegmentationNetwork` of one's own, called as
            ``Network(bands=..., channels=..., **options)``.
        **options: Of the network.

    Returns:
        The network, in training mode.

    Raises:
        ConfigError: A name or an option is unknown, a number is out of range, or the weights do not
            exist or cannot be had.
    """
    if bands < 1:
        raise ConfigError(f"A network needs at least 1 band, but bands={bands}.")
    if classes < 2:
        raise ConfigError(
            f"A network tells at least 2 classes apart, but classes={classes}; one class against "
            "everything else is 2 classes."
        )
    channels = 1 if classes == 2 else classes
    build, called = _builder(name, _target_)
    taken = FILLED if _target_ is None else {**FILLED, "imagenet": ""}
    check_arguments(build, options, "network", taken=taken)
    extra: dict[str, Any] = {}
    if weights == IMAGENET:
        missing = why_no_imagenet(name, _target_=_target_)
        if missing is not None:
            raise ConfigError(
                f"weights=imagenet: {missing} Leave weights out, or give a file (weights=FILE)."
            )
        extra["imagenet"] = True
    network = _built(build, called, bands=bands, channels=channels, **extra, **options)
    if weights is not None and weights != IMAGENET:
        load_weights(network, Path(weights))
    return network


def why_no_imagenet(name: str = "", *, _target_: str | None = None, **options: Any) -> str | None:
    """Say why there are no ImageNet weights of a network's encoder; nothing is downloaded.

    Args:
        name: As in :func:`build_network`.
        _target_: As there.
        **options: As there; an encoder among them exists.

    Returns:
        A sentence; None where a library has them.
    """
    if _target_ is not None or name not in PRETRAINED:
        return (
            f"No library has ImageNet weights of {_target_ or name}; those of "
            f"{' and '.join(PRETRAINED)} exist."
        )
    encoder = options.get("encoder")
    if encoder is None or has_imagenet(str(encoder)):
        return None
    return f"The encoder {encoder} has no ImageNet weights; choose another one (network.encoder)."


def _builder(name: str, target: str | None) -> tuple[Callable[..., Any], str]:
    if target is not None:
        return locate(target, "network"), target
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS, "network.name")
    return NETWORKS[name], name


def _built(build: Callable[..., Any], called: str, **arguments: Any) -> SegmentationNetwork:
    try:
        network = build(**arguments)
    except ConfigError:
        raise
    except Exception as error:
        # Whatever a constructor raises about its arguments is about this network.
        given = ", ".join(f"{key}={value}" for key, value in arguments.items())
        raise ConfigError(
            f"The network {called} cannot be built with {given} ({type(error).__name__}: {error})."
        ) from error
    if not isinstance(network, SegmentationNetwork):
        raise ConfigError(
            f"network._target_={called} gives a {type(network).__name__}; a network is a subclass "
            "of ackd.segmentation.SegmentationNetwork, most simply an "
            "ackd.segmentation.LayeredNetwork."
        )
    return network
