"""What a network starts from: a library's weights, a file, the teacher's, or nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ackd.config.schema.segmentation import STARTS, FirstConvolution
from ackd.errors import ConfigError
from ackd.segmentation import SegmentationNetwork, start_from
from ackd.stages.segmentation.training import SegmentTraining

__all__ = ["check_start", "digest_of_start", "started"]


def digest_of_start(start: str) -> dict[str, str]:
    """The content of the file that a network starts from; nothing where it starts from none."""
    if start in STARTS:
        return {}
    path = Path(start).expanduser()
    if not path.is_file():
        return {}  # building the network will say so
    with path.open("rb") as file:
        return {"weights": hashlib.file_digest(file, "sha256").hexdigest()[:16]}


def check_start(
    training: SegmentTraining, start: str, first: FirstConvolution, option: str
) -> None:
    """See that a network can start from the teacher's weights, before the teacher is trained.

    Args:
        training: Of the stage.
        start: Anything but ``"optical"`` is not looked at.
        first: What becomes of the teacher's first convolution where SAR has other bands.
        option: The name of ``first``, for the message.

    Raises:
        ConfigError: The bands cannot be adapted in this way.
    """
    if start != "optical":
        return
    try:
        start_from(training.network(), training.network("optical"), first)
    except ConfigError as error:
        raise ConfigError(f"{option}={first}: {error}") from error


def started(
    training: SegmentTraining,
    start: str,
    first: FirstConvolution,
    teacher: SegmentationNetwork | None,
) -> SegmentationNetwork:
    """Build a SAR network with the weights that its training begins with.

    Args:
        training: Of the stage.
        start: ``"optical"`` for the teacher's, ``"imagenet"`` or ``"random"``.
        first: What becomes of the teacher's first convolution where SAR has other bands.
        teacher: The trained teacher.

    Raises:
        ConfigError: The weights cannot be had, or the bands cannot be adapted in this way.
    """
    if start != "optical":
        return training.network(start=start)
    assert teacher is not None
    network = training.network()
    start_from(network, teacher, first)
    return network
