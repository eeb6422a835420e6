"""The graph that is exported: from pixels as they are stored to logits and probabilities."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

from ackd.errors import ConfigError
from ackd.segmentation import FIN
from ackd.students import SceneStudent, SegmentationStudent

__all__ = [
    "INPUT",
    "OUTPUTS",
    "AnyStudent",
    "StudentGraph",
    "dynamic_shapes",
    "example",
    "static_size",
]

INPUT: Final = "image"
OUTPUTS: Final = ("logits", "probabilities")

#: Sides, in strides, and images of the batch that a graph is traced with. A dimension of 1 would
#: be taken for one that is always 1.
_TRACED_STRIDES: Final = (2, 3)
_TRACED_BATCH: Final = 2
_LARGEST: Final = torch.finfo(torch.float32).max

AnyStudent = SceneStudent | SegmentationStudent


class StudentGraph(nn.Module):
    """A student with its normalization, as one function of tensors.

    Of scenes, a number that is not finite becomes the mean of its band. Of tiles, a pixel has no
    data where one of its bands is not finite or has the nodata value of training, or where all are
    0 if training took that for nodata; it becomes the mean in all bands, as in training. What the
    graph says of such a pixel means nothing.

    Args:
        student: Its network is shared, not copied.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, student: AnyStudent) -> None:
        super().__init__()
        self.network: nn.Module = student.network
        # Copies: an exported program stores what it finds, and must not move with the student.
        self.register_buffer("mean", student.mean.detach().cpu().clone())
        self.register_buffer("std", student.std.detach().cpu().clone())
        self.tiles = isinstance(student, SegmentationStudent)
        self.each_by_itself = student.task.sigmoid
        self.marker: float | None = None
        self.zero_is_nodata = False
        # In decibels of linear images, neither 0 nor their nodata value means anything.
        if isinstance(student, SegmentationStudent) and student.reader.unit != "linear":
            self.marker = student.reader.nodata
            self.zero_is_nodata = student.reader.zero_is_nodata

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the answer.

        Args:
            image: (B, C, H, W) float32 pixels as stored, in the student's order of bands.

        Returns:
            Logits (B, K) or (B, K, H, W), and probabilities (B, classes) or (B, classes, H, W); K
            is 1 for masks of two classes.
        """
        # Also false for NaN; most runtimes have no isfinite operator.
        known = image.abs() <= _LARGEST
        if self.tiles:
            known = known.all(dim=1, keepdim=True)
            if self.marker is not None:
                known = known & (image != self.marker).all(dim=1, keepdim=True)
            if self.zero_is_nodata:
                known = known & (image != 0).any(dim=1, keepdim=True)
        normalised = torch.where(known, (image - self.mean) / self.std, 0.0)
        network: Any = self.network
        # Not its forward: that refuses sizes, which a graph cannot.
        if self.tiles:
            logits: Tensor = network.run(normalised, (FIN,))[FIN]
        else:
            logits = network.run(normalised).logits
        return logits, self.probabilities(logits)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Of each class."""
        if self.tiles and logits.shape[1] == 1:
            second = logits.sigmoid()
            return torch.cat([1 - second, second], dim=1)
        return logits.sigmoid() if self.each_by_itself else logits.softmax(dim=1)


def example(student: AnyStudent, static: tuple[int, int] | None = None) -> Tensor:
    """Images to trace a graph with: float32, drawn around the means of training.

    Args:
        student: Whose.
        static: (H, W) of a graph for one image of this size; None for any batch, and for any size
            where a student takes any.
    """
    if isinstance(student, SegmentationStudent):
        height, width = static or (student.stride * side for side in _TRACED_STRIDES)
    else:
        height, width = student.reader.size
    batch = 1 if static else _TRACED_BATCH
    draw = torch.Generator().manual_seed(0)
    noise = torch.randn(batch, len(student.bands), height, width, generator=draw)
    found: Tensor = student.mean + student.std * noise
    return found


def dynamic_shapes(student: AnyStudent) -> dict[str, Any]:
    """What may differ from the example: the batch, and sides in whole strides for tiles."""
    sizes: dict[int, Any] = {0: torch.export.Dim("batch", min=1, max=2**16)}
    if isinstance(student, SegmentationStudent):
        stride = student.stride
        for axis, name in ((2, "rows"), (3, "cols")):
            side: Any = torch.export.Dim(name, min=1, max=2**16 // stride)
            sizes[axis] = stride * side if stride > 1 else side
    return {INPUT: sizes}


def static_size(student: AnyStudent, asked: tuple[int, int] | None) -> tuple[int, int]:
    """(H, W) of a graph for images of one size.

    Args:
        student: Whose.
        asked: By the user; None for the size of training.

    Raises:
        ConfigError: Scenes have no other size than that of training, the network's stride does not
            divide it, or the file does not say it.
    """
    if not isinstance(student, SegmentationStudent):
        if asked is not None and asked != student.reader.size:
            raise ConfigError(
                f"--size {asked[0]} {asked[1]}: scenes are resized to the {student.reader.size[0]} "
                f"x {student.reader.size[1]} pixels of training; leave --size out."
            )
        return student.reader.size
    stride = student.stride
    if asked is None and student.size is None:
        raise ConfigError(
            f"{student.path} does not say the size of its training images; name one: --size HEIGHT "
            f"WIDTH, divisible by {stride}."
        )
    if asked is None:
        assert student.size is not None
        height, width = (-(-side // stride) * stride for side in student.size)
        return height, width
    if any(side < 1 or side % stride for side in asked):
        up = [max(-(-side // stride), 1) * stride for side in asked]
        raise ConfigError(
            f"--size {asked[0]} {asked[1]}: the network takes sides that {stride} divides; give "
            f"--size {up[0]} {up[1]}."
        )
    return asked
