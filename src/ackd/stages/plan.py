"""The stages of a run as classes, and what they share, found by the names of its program."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from importlib import import_module
from typing import Any

from ackd.config.schema import RunConfig
from ackd.stages.stage import Context, Stage

__all__ = ["open_context", "plan", "stage_class"]


def open_context(config: RunConfig, chosen: Collection[str] = ()) -> Context:
    """Read or make the images of a run, and see that its options fit them.

    Args:
        config: The options; the context has them with batches that the images fill.
        chosen: The options given on the command line; a batch size among them stays as it is.

    Raises:
        DataError: A folder, a file or an image is not what it should be.
        ConfigError: The options do not fit the images.
    """
    opened: Context = import_module(f"{config.STAGES}.context").open_context(config, chosen)
    return opened


def plan(config: RunConfig) -> list[type[Stage[Any]]]:
    """The stages of a run, in their order."""
    return [stage_class(config.STAGES, stage.name) for stage in config.plan]


@cache
def stage_class(package: str, name: str) -> type[Stage[Any]]:
    """The class of a stage, from the file of its name in a package of stages.

    Raises:
        ModuleNotFoundError: There is no such file.
        LookupError: The file has no stage of this name, or more than one.
    """
    module = import_module(f"{package}.{name}")
    found = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Stage) and vars(kind).get("name") == name
    ]
    if len(found) != 1:
        raise LookupError(f"{module.__name__} has {len(found)} stages named '{name}'; expected one")
    return found[0]
