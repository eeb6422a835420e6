"""Options of every program that are each right and contradict each other."""

from __future__ import annotations

import os

from ackd.config.schema import RunConfig
from ackd.config.schema.training import SWITCHES
from ackd.errors import ConfigError, did_you_mean

__all__ = ["check_consistency"]

WANDB_MODES = ("online", "offline", "disabled", "shared", "dryrun", "run")  # as wandb takes them


def check_consistency(config: RunConfig) -> None:
    """Check what takes more than one option to see.

    Raises:
        ConfigError: Two options contradict each other, or the environment contradicts one.
    """
    for rule in (_consistent_stages, _known_environment):
        rule(config)


def _consistent_stages(config: RunConfig) -> None:
    """Refuse options that have no effect without another one."""
    for stage, training in config.trainings.items():
        for section, switch in SWITCHES.items():
            options = getattr(training, section)
            given = options.model_dump(exclude_defaults=True)
            if given and not options.is_on:
                name, value = next(iter(given.items()))
                said = str(value).lower() if isinstance(value, bool) else value
                raise ConfigError(
                    f"{stage}.{section}.{name}={said} has no effect as long as {section} is off; "
                    f"give {stage}.{section}.{switch}=VALUE as well."
                )


def _known_environment(config: RunConfig) -> None:
    """Refuse a mode that wandb would refuse in a paragraph of its own, after the first stage."""
    mode = os.environ.get("WANDB_MODE")
    if config.logger.wandb is not None and mode is not None and mode not in WANDB_MODES:
        meant = did_you_mean(mode, WANDB_MODES, "WANDB_MODE={}")
        raise ConfigError(
            f"The environment variable WANDB_MODE={mode} is not valid: expected one of "
            f"{', '.join(WANDB_MODES)}.{meant} Unset it, and logger.wandb.mode decides."
        )
