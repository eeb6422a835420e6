"""Callbacks of the user's own: built for each stage that they join."""

from __future__ import annotations

from typing import Any

from lightning.pytorch.callbacks import (
    Callback,
    ModelCheckpoint,
    ProgressBar,
    StochasticWeightAveraging,
    WeightAveraging,
)
from lightning.pytorch.utilities.model_helpers import is_overridden

from ackd.config.launch.targets import check_target, instantiate
from ackd.config.schema import RunConfig
from ackd.errors import ConfigError

__all__ = ["callbacks_of", "check_callbacks"]

# Files beside which a checkpoint of the user's may be, but which it may not replace.
TAKEN = ("best", "last", "previous")


def callbacks_of(config: RunConfig, stage: str) -> list[Callback]:
    """Build the user's callbacks of a stage, in the order in which they are given.

    Raises:
        ConfigError: One cannot be built, or is not a callback.
    """
    return [_built(node, f"callbacks.{name}") for name, node in config.callbacks_of(stage).items()]


def check_callbacks(config: RunConfig) -> None:
    """Build the callbacks of all stages once, to see that they can be built and serve a run.

    Raises:
        ConfigError: One cannot; the option is named.
    """
    for stage in config.trained():
        names = list(config.callbacks_of(stage))
        # Lightning keeps the state of callbacks by this key.
        keys = {ModelCheckpoint().state_key: "checkpoints/last.ckpt"}
        for name, callback in zip(names, callbacks_of(config, stage), strict=True):
            option = f"callbacks.{name}"
            _check(callback, option, config)
            if not is_overridden("state_dict", callback, Callback):
                continue
            other = keys.setdefault(callback.state_key, option)
            if other != option:
                raise ConfigError(
                    f"{option} and {other} would keep their state under one name, "
                    f"{callback.state_key}; leave one of them out, or give them arguments that "
                    "tell them apart."
                )


def _built(node: dict[str, Any], option: str) -> Callback:
    check_target(node, option)
    callback = instantiate(node, option)
    if not isinstance(callback, Callback):
        raise ConfigError(
            f"{option}._target_={node['_target_']} is not a callback; name a subclass of "
            "lightning.pytorch.Callback."
        )
    return callback


def _check(callback: Callback, option: str, config: RunConfig) -> None:
    """Refuse callbacks that would do nothing, or harm, in a stage that keeps its best epoch."""
    target = f"{option}._target_={type(callback).__module__}.{type(callback).__name__}"
    if isinstance(callback, WeightAveraging | StochasticWeightAveraging):
        raise ConfigError(
            f"{target} would average a frozen teacher as well, or an average that no stage keeps; "
            "an average of the weights is an option of a stage: student.ema.decay=0.999"
        )
    if isinstance(callback, ModelCheckpoint) and (callback.save_last or callback.filename in TAKEN):
        raise ConfigError(
            f"{option} would write {callback.filename or 'last'}.ckpt, but ackd itself keeps "
            "checkpoints/last.ckpt to go on from and checkpoints/best.ckpt, which is chosen; leave "
            f"{option}.save_last out and give {option}.filename another name."
        )
    if isinstance(callback, ProgressBar) and not config.trainer.get("enable_progress_bar", True):
        raise ConfigError(
            f"{option} is a progress bar, but trainer.enable_progress_bar=false switches bars off; "
            "leave one of them out."
        )
