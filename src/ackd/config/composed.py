"""From what Hydra composed to a checked configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ackd.config.check import check_config
from ackd.config.messages import one_sentence
from ackd.config.removed import without_removed
from ackd.config.schema import Config
from ackd.config.words import escaped
from ackd.errors import ConfigError
from ackd.utils.io import write_text

__all__ = ["check_composed", "save_resolved"]


def check_composed(cfg: DictConfig, *, look: bool = False) -> Config:
    """Resolve a composed configuration and find every mistake in it.

    Args:
        cfg: As Hydra composed it.
        look: Whether to look at the files and folders that options name as well.

    Raises:
        ConfigError: An interpolation leads nowhere, or an option is wrong.
        DataError: A folder that was looked at is not what it should be.
    """
    ours = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    try:
        tree = OmegaConf.to_container(ours, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"The configuration cannot be resolved: {one_sentence(error)}") from error
    return check_config(without_removed(tree), look=look)  # type: ignore[arg-type]


def save_resolved(cfg: DictConfig, path: Path) -> None:
    """Write a configuration without interpolations; read again, it has the same values."""
    tree = _to_the_letter(OmegaConf.to_container(cfg, resolve=True))
    write_text(path, OmegaConf.to_yaml(OmegaConf.create(tree)))


def _to_the_letter(value: Any) -> Any:
    """Keep a ``${`` that is part of a text, a folder's name for example, from being one again."""
    if isinstance(value, dict):
        return {key: _to_the_letter(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_to_the_letter(one) for one in value]
    return escaped(value) if isinstance(value, str) else value
