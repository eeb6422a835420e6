"""The stages of a run as classes, found by the names in the plan."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from ackd.config.schema import Config
from ackd.stages.stage import Stage

__all__ = ["plan", "stage_class"]


def plan(config: Config) -> list[type[Stage[Any]]]:
    """The stages of a run, in their order."""
    return [stage_class(stage.name) for stage in config.plan]


@cache
def stage_class(name: str) -> type[Stage[Any]]:
    """The class of a stage, from the file of its name.

    Raises:
        ModuleNotFoundError: There is no such file.
        LookupError: The file has no stage of this name, or more than one.
    """
    module = import_module(f"ackd.stages.{name}")
    found = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Stage) and vars(kind).get("name") == name
    ]
    if len(found) != 1:
        raise LookupError(f"{module.__name__} has {len(found)} stages named '{name}'; expected one")
    return found[0]
