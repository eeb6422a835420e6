"""From what Hydra composed to a checked configuration."""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ackd.config.check import check_config
from ackd.config.hints import one_sentence
from ackd.config.schema import Config
from ackd.errors import ConfigError

__all__ = ["check_composed"]


def check_composed(cfg: DictConfig) -> Config:
    """Resolve a composed configuration and find every mistake in it.

    Raises:
        ConfigError: An interpolation leads nowhere, or an option is wrong.
    """
    ours = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    try:
        tree = OmegaConf.to_container(ours, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"The configuration cannot be resolved: {one_sentence(error)}") from error
    return check_config(tree)  # type: ignore[arg-type]
