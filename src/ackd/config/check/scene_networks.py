"""Build the losses, augmentations and networks of scene classification once.

Networks are built on torch's meta device: their widths are known, no weight is ever made. The
state of the random generators does not change.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from ackd.alignment import SKA
from ackd.backbones import build_backbone
from ackd.config.check.buildable import got_of
from ackd.config.launch.targets import check_target, instantiate
from ackd.config.schema import BackboneConfig, Config
from ackd.errors import ConfigError

__all__ = ["check_networks"]


def check_networks(config: Config) -> None:
    """Check losses, augmentations, networks and the alignment.

    Raises:
        ConfigError: One of them cannot be built; the option is named.
    """
    with torch.random.fork_rng(devices=[]):
        for name, term in config.loss.kd.items():
            _check_loss(term.loss, f"loss.kd.{name}.loss")
        for modality, node in config.data.augmentation.items():
            _check_augmentation(node, f"data.augmentation.{modality}")
        # all of the files' bands, however many (data.bands=null), change no width that is checked
        bands = {"ms": len(config.data.bands or "RGB"), "rgb": 3}
        side = getattr(config.data, "size", None)
        size = None if side is None else (side, side)
        stages = config.trained()
        z_dims = {
            name: _z_dim(
                getattr(config, name).backbone, bands[stages[name].side], size, f"{name}.backbone"
            )
            for name in config.trainings
        }
        if config.aligns:
            with torch.device("meta"):
                SKA(
                    z_dims["teacher"], ot1=config.ska.ot1, ot2=config.ska.ot2,
                    scaling=config.ska.coral, patches=config.ska.patches,
                    **config.planner.arguments,
                )  # fmt: skip


def _check_loss(node: dict[str, Any], option: str) -> None:
    check_target(node, option)
    try:
        loss = instantiate(node, option)
    except ConfigError as error:
        raise ConfigError(f"{error}{got_of(node)}") from error
    if not isinstance(loss, nn.Module):
        raise ConfigError(
            f"{option}._target_={node['_target_']} is not a distillation loss; name a "
            "torch.nn.Module that takes (student, teacher, target, epoch), e.g. "
            "ackd.losses.VanillaKD."
        )


def _check_augmentation(node: dict[str, Any], option: str) -> None:
    check_target(node, option)
    if not callable(instantiate(node, option)):
        raise ConfigError(
            f"{option}._target_={node['_target_']} cannot be called; name a class whose objects "
            "take images (B, C, H, W), e.g. of torchvision.transforms.v2 or kornia.augmentation."
        )


def _z_dim(options: BackboneConfig, bands: int, size: tuple[int, int] | None, option: str) -> int:
    try:
        return _built_z_dim(options.model_dump_json(), bands, size)
    except ConfigError as error:
        raise ConfigError(f"{option}: {error}") from error


@lru_cache
def _built_z_dim(dumped: str, bands: int, size: tuple[int, int] | None) -> int:
    """Build a network without its pretrained weights; a sweep asks for the same ones often."""
    arguments = json.loads(dumped) | {"pretrained": False}

    def build() -> int:
        return build_backbone(**arguments, bands=bands, classes=2, size=size).z_dim

    try:
        with torch.device("meta"):
            return build()
    except (RuntimeError, NotImplementedError, ConfigError):
        # Some networks compute with values while they are built, which meta tensors lack.
        return build()
