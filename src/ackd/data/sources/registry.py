"""The sources by name: every one that a file beside this one defines."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

from ackd.data.sources.base import Source
from ackd.errors import unknown

__all__ = ["SOURCES", "find_source", "found_in"]


def found_in(folder: Path, package: str) -> dict[str, Source]:
    """Name -> source, of all files of a package; a file lists its sources in ``__all__``."""
    found: dict[str, Source] = {}
    for info in iter_modules([str(folder)], f"{package}."):
        if info.name == f"{package}.registry":
            continue
        module = import_module(info.name)
        for name in module.__all__:
            value = getattr(module, name)
            if isinstance(value, Source) and not isinstance(value, type):
                assert value.name not in found, f"{info.name} and another file have {value.name}"
                found[value.name] = value
    return found


SOURCES: Final[dict[str, Source]] = found_in(Path(__file__).parent, __name__.rpartition(".")[0])


def find_source(name: str) -> Source:
    """Return the source of that name.

    Raises:
        ConfigError: If there is none; the nearest name is offered.
    """
    if name not in SOURCES:
        raise unknown("data source", name, SOURCES)
    return SOURCES[name]
