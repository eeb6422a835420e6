"""Open nodes: mappings with a ``_target_`` that name a class and its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ackd.errors import ConfigError
from ackd.utils.targets import check_arguments, locate

__all__ = ["check_target", "instantiate"]


def check_target(
    node: Mapping[str, Any], option: str, *, taken: Mapping[str, str] | None = None
) -> None:
    """Check that ``node`` names something that can be imported and only arguments it has."""
    if "_target_" not in node:
        raise ConfigError(f"{option} needs _target_, the import path of what it configures.")
    names = [key for key in node if key not in {"_target_", "_partial_", "_convert_"}]
    check_arguments(locate(node["_target_"], option), names, option, taken=taken)


def instantiate(node: Mapping[str, Any], option: str, *args: Any) -> Any:
    """Build what ``node`` names with Hydra's instantiate; ``args`` come first.

    Raises:
        ConfigError: The constructor refused a value; its own sentence is kept.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate as build

    try:
        return build(dict(node), *args, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__ or error
        raise ConfigError(f"{option}: {cause}") from error
