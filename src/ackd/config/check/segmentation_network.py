"""Build the network of segmentation once, without its weights."""

from __future__ import annotations

import json
from functools import lru_cache

import torch

from ackd.config.schema.segmentation import ReconstructionConfig, SegmentConfig
from ackd.errors import ConfigError
from ackd.segmentation import SegmentationNetwork, build_network, layer_set
from ackd.segmentation.base import FIN
from ackd.segmentation.build import IMAGENET, why_no_imagenet

__all__ = ["check_network"]


def check_network(config: SegmentConfig) -> None:
    """Check the options of the network and the names of layers.

    Raises:
        ConfigError: The network cannot be built, a layer does not exist, there are no ImageNet
            weights to start from, or the student would have layers that no stage trains.
    """
    network = _built(config.network.model_dump_json())
    for stage in config.stages:
        if getattr(getattr(config, stage), "start", None) == IMAGENET:
            missing = why_no_imagenet(**config.network.model_dump())
            if missing is not None:
                other = " or a file of weights" if stage == "teacher" else ""
                raise ConfigError(
                    f"{stage}.start={IMAGENET}: {missing} Choose another network, or "
                    f"{stage}.start=random{other}."
                )
    compared: set[str] = set()
    for stage in ("reconstruction", "reconstruction2"):
        options: ReconstructionConfig = getattr(config, stage)
        if options.layers:
            try:
                compared |= set(layer_set(network, options.wanted))
            except ConfigError as error:
                raise ConfigError(f"{stage}.layers: {error}") from error
    student, start = config.student, config.reconstruction.start
    bare = student.start == "reconstruction" and student.finetune == "none"
    if "student" in config.stages and bare and start != "optical" and FIN not in compared:
        deepest = [name for name in network.layers if name in compared][-1]
        raise ConfigError(
            f"student.finetune=none with reconstruction.start={start} tests layers that nobody has "
            f"trained: those behind {deepest}, the deepest of reconstruction.layers. Fine-tune the "
            "student (student.finetune=decoder or all), reconstruct fin as well "
            "(reconstruction=fin, mid_fin or int), or give reconstruction.start=optical."
        )
    crop = config.data.crop
    if crop is not None and crop % network.stride:
        fitting = max(network.stride, round(crop / network.stride) * network.stride)
        raise ConfigError(
            f"data.crop={crop} is not divisible by {network.stride}, the stride of "
            f"{config.network.called}; give data.crop={fitting}."
        )


@lru_cache
def _built(dumped: str) -> SegmentationNetwork:
    """A sweep asks for the same network often; no weight of it is ever made where that can be."""
    arguments = json.loads(dumped)
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return build_network(**arguments)
        except (RuntimeError, NotImplementedError, ConfigError):
            # Some networks compute with values while they are built, which meta tensors lack.
            return build_network(**arguments)
