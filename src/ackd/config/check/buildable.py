"""Build what the open nodes of every configuration name, once, to see that it can be built.

The state of the random generators does not change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ackd.config.launch.callbacks import check_callbacks
from ackd.config.launch.schedules import check_schedule
from ackd.config.launch.targets import check_target, instantiate
from ackd.config.launch.trainer import check_trainer
from ackd.config.schema import RunConfig
from ackd.errors import ConfigError

__all__ = ["check_buildable", "got_of"]


def check_buildable(config: RunConfig) -> None:
    """Check optimizers, schedules, Trainer arguments and callbacks.

    Raises:
        ConfigError: One of them cannot be built; the option is named.
    """
    with torch.random.fork_rng(devices=[]):
        for stage, options in config.trainings.items():
            optimizer = _check_optimizer(options.optimizer, f"{stage}.optimizer")
            check_schedule(options, f"{stage}.scheduler", optimizer)
        check_trainer(config.trainer)
        check_callbacks(config)


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
        raise ConfigError(f"{option}: {error}{got_of(node)}") from error
    except Exception as error:
        # Whatever a constructor raises about its arguments is about this option.
        raise ConfigError(f"{option}: {error}{got_of(node)}") from error
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise ConfigError(
            f"{option}._target_={node['_target_']} is not an optimizer; name a subclass of "
            "torch.optim.Optimizer, e.g. torch.optim.Adam."
        )
    return factory


def _is_word(key: str, value: object) -> bool:
    return isinstance(value, str) and not key.startswith("_")


def got_of(node: dict[str, Any]) -> str:
    """The arguments of an open node, for a message about them."""
    given = [f"{key}={value}" for key, value in node.items() if not key.startswith("_")]
    return f" (got {', '.join(given)})" if given else ""
