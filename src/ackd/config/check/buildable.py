"""Build what the open nodes of a configuration name, once, to see that it can be built.

Networks are built on torch's meta device: their widths are known, no weight is ever made. The
state of the random generators does not change.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from ackd.alignment import SKA
from ackd.backbones import build_backbone
from ackd.config.launch.callbacks import check_callbacks
from ackd.config.launch.schedules import check_schedule
from ackd.config.launch.targets import check_target, instantiate
from ackd.config.launch.trainer import check_trainer
from ackd.config.schema import BackboneConfig, Config
from ackd.config.schema.stages import trained_stages
from ackd.errors import ConfigError

__all__ = ["check_buildable"]


def check_buildable(config: Config) -> None:
    """Check optimizers, schedules, losses, augmentations, Trainer arguments, callbacks, networks.

    Raises:
        ConfigError: One of them cannot be built; the option is named.
    """
    with torch.random.fork_rng(devices=[]):
        for stage, options in config.trainings.items():
            optimizer = _check_optimizer(options.optimizer, f"{stage}.optimizer")
            check_schedule(options, f"{stage}.scheduler", optimizer)
        for name, term in config.loss.kd.items():
            _check_loss(term.loss, f"loss.kd.{name}.loss")
        for modality, node in config.data.augmentation.items():
            _check_augmentation(node, f"data.augmentation.{modality}")
        check_trainer(config.trainer)
        check_callbacks(config)
        # all of the files' bands, however many (data.bands=null), change no width that is checked
        bands = {"ms": len(config.data.bands or "RGB"), "rgb": 3}
        side = getattr(config.data, "size", None)
        size = None if side is None else (side, side)
        z_dims = {
            name: _z_dim(
                options.backbone, bands[trained_stages()[name].side], size, f"{name}.backbone"
            )
            for name, options in config.trainings.items()
        }
        if config.aligns:
            with torch.device("meta"):
                SKA(
                    z_dims["teacher"], ot1=config.ska.ot1, ot2=config.ska.ot2,
                    scaling=config.ska.coral, patches=config.ska.patches,
                    **config.planner.arguments,
                )  # fmt: skip


def _check_optimizer(node: dict[str, Any], option: str) -> Callable[..., Any]:
    check_target(node, option, taken={"params": ""})
    factory: Callable[..., Any] = instantiate({**node, "_partial_": True}, option)
    try:
        optimizer = factory([nn.Parameter(torch.zeros(1))])
    except TypeError as error:
        words = [f"{option}.{k}={v!r}" for k, v in node.items() if _is_word(k, v)]
        if words:
            verb = "is" if len(words) == 1 else "are"
            raise ConfigError(f"{', '.join(words)} {verb} not valid: expected a number.") from error
        raise ConfigError(f"{option}: {error}{_got(node)}") from error
    except Exception as error:
        # Whatever a constructor raises about its arguments is about this option.
        raise ConfigError(f"{option}: {error}{_got(node)}") from error
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ConfigError(
            f"{option}._target_={node['_target_']} is not an optimizer; name a subclass of "
            "torch.optim.Optimizer, e.g. torch.optim.Adam."
        )
    return factory


def _is_word(key: str, value: object) -> bool:
    return isinstance(value, str) and not key.startswith("_")


def _check_loss(node: dict[str, Any], option: str) -> None:
    check_target(node, option)
    try:
        loss = instantiate(node, option)
    except ConfigError as error:
        raise ConfigError(f"{error}{_got(node)}") from error
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


def _got(node: dict[str, Any]) -> str:
    given = [f"{key}={value}" for key, value in node.items() if not key.startswith("_")]
    return f" (got {', '.join(given)})" if given else ""


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
