"""Start a network from another one of the same architecture, whose images have other bands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from ackd.errors import ConfigError, unknown
from ackd.segmentation.base import SegmentationNetwork
from ackd.utils.weights import Fit, fit_tensors, mean_over_bands, read_tensors, renamed, some

__all__ = ["FirstConvolution", "adapt_bands", "load_weights", "start_from"]

FirstConvolution = Literal["mean", "cyclic", "baseline", "random"]
"""What a convolution that reads the images becomes where their bands differ."""

INSTEAD = "start from a local file (weights=FILE), or leave weights out"
"""What else than a library's weights there is."""

BASELINE_ORDER = (2, 0, 0, 1)
"""Of red, green and blue for HH, HV, VH and VV, in the baseline of SpaceNet 6."""

# What stands before the names of a library (smp, timm) in a network.
ADDED = ("", "model.", "model.encoder.", "model.encoder.model.")


def start_from(
    student: SegmentationNetwork, teacher: SegmentationNetwork, first: FirstConvolution = "mean"
) -> tuple[str, ...]:
    """Copy all parameters and buffers of a teacher into a student, in place.

    Where the teacher's images have other bands, the convolutions that read them are adapted, see
    :func:`adapt_bands`. Where they have as many, all is copied as it is.

    Args:
        student: Of the same architecture.
        teacher: Stays as it is.
        first: How convolutions that read the images are adapted; ``"random"`` leaves the student's
            own.

    Returns:
        Names of what was not copied and keeps the student's own values, with both shapes; empty if
        everything was.

    Raises:
        ConfigError: The architectures differ, or the bands cannot be adapted in this way.
    """
    own, given = student.state_dict(), teacher.state_dict()
    if type(student) is not type(teacher) or own.keys() != given.keys():
        other = sorted(own.keys() ^ given.keys())
        which = f"; only one of them has {other[0]}" if other else ""
        raise ConfigError(
            f"The student cannot start from the teacher: {type(student).__name__} with "
            f"{len(own)} tensors and {type(teacher).__name__} with {len(given)} are not the same "
            f"architecture{which}. Choose one network for both."
        )
    fit = fit_tensors(own, given, _adapter(student, teacher.bands, first))
    student.load_state_dict(dict(fit.loaded), strict=False)
    return fit.other_shape


def load_weights(network: SegmentationNetwork, path: Path) -> Fit:
    """Fill a network with the tensors of a file, in place, and log what was not loaded.

    Names are the network's own, or those of the library that its encoder comes from: torchvision's
    of MobileNetV2, those of segmentation_models_pytorch for a whole network or for its encoder.
    Convolutions that read images with other bands are the mean over their inputs, times
    n_old / n_new. Tensors of other shapes stay random, as a head for other classes does.

    Args:
        network: Of any kind.
        path: A ``.safetensors`` file, or one of ``torch.save`` (``.pt``, ``.pth``, ``.ckpt``).

    Returns:
        What was loaded and what was not.

    Raises:
        ConfigError: There is no such file, it cannot be read, or nothing of it fits.
    """
    own = network.state_dict()
    read = read_tensors(
        path, "weights", "weights=imagenet for the library's, or leave weights out for random ones"
    )
    theirs = renamed(read, network.published, ("", "features."))
    known = {name: network.published[name] for name in theirs if name in network.published}
    if len(known) > len(own.keys() & read.keys()):
        given = {known.get(name, name): tensor for name, tensor in theirs.items()}
    else:
        given = renamed(read, own, ADDED)
    fit = fit_tensors(own, given, _adapter(network, None, "mean"))
    if not any(name.endswith((".weight", ".bias")) for name in fit.loaded):
        raise ConfigError(
            f"weights={path}: none of the {len(read)} tensors of the file fits the network. Their "
            f"names are {some(read)}; the network's are {some(own)}. Choose the network that the "
            "file was made with."
        )
    network.load_state_dict(dict(fit.loaded), strict=False)
    fit.tell(str(path))
    return fit


def adapt_bands(weight: Tensor, bands: int, first: FirstConvolution = "mean") -> Tensor | None:
    """A convolution that reads images, for other bands.

    - ``mean``: the mean over the inputs times n_old / n_new. An image whose bands are all the same
      is answered as before.
    - ``cyclic``: the inputs in turn, times n_old / n_new, as timm does it.
    - ``baseline``: the inputs (2, 0, 0, 1), in the order of the SpaceNet 6 baseline and as they
      are; from three to four bands only.
    - ``random``: None.

    Args:
        weight: (O, n_old, k, k).
        bands: n_new.
        first: One of the above.

    Returns:
        (O, bands, k, k), or None.

    Raises:
        ConfigError: There is no such way, or ``baseline`` is asked for other numbers of bands.
    """
    if first not in get_args(FirstConvolution):
        raise unknown("way", str(first), get_args(FirstConvolution), "first")
    before = weight.shape[1]
    if first == "random":
        return None
    if first == "mean":
        return mean_over_bands(weight, bands)
    if first == "baseline":
        if (before, bands) != (3, len(BASELINE_ORDER)):
            raise ConfigError(
                f"first=baseline is for three bands that become four, not for {before} that "
                f"become {bands}; set first=mean."
            )
        return weight[:, list(BASELINE_ORDER)].clone()
    return weight[:, [band % before for band in range(bands)]] * (before / bands)


def _adapter(
    network: SegmentationNetwork, bands: int | None, first: FirstConvolution
) -> Callable[[str, Tensor, Tensor], Tensor | None]:
    """How tensors of images with ``bands`` (None: any number) are made to fit a network."""
    if first not in get_args(FirstConvolution):
        raise unknown("way", str(first), get_args(FirstConvolution), "first")

    def adapt(name: str, given: Tensor, own: Tensor) -> Tensor | None:
        if given.ndim != 4 or own.ndim != 4:
            return None
        if (given.shape[0], *given.shape[2:]) != (own.shape[0], *own.shape[2:]):
            return None
        begin = network.bands_begin(name, own.shape[1])
        if begin is None or given.shape[1] <= begin:
            return None
        if bands is not None and given.shape[1] - begin != bands:
            return None
        made = adapt_bands(given[:, begin:], network.bands, first)
        return None if made is None else torch.cat([given[:, :begin], made], dim=1)

    return adapt
