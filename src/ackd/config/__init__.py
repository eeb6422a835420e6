"""The configuration: where it lies, what it may hold, and what is said when it is wrong."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ackd.config.check import check_config
    from ackd.config.location import config_dir
    from ackd.config.schema import Config

__all__ = ["Config", "check_config", "config_dir"]

_HOMES = {"Config": "schema", "check_config": "check", "config_dir": "location"}


def __getattr__(name: str) -> object:
    """Import on first use: ``--help`` and ``--cfg`` need no schema, and so no pydantic."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
