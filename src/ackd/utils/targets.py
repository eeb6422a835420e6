"""What an import path in a configuration names, and which arguments it has."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ackd.errors import ConfigError, did_you_mean

__all__ = ["check_arguments", "lazily", "listed", "locate"]


def locate(path: object, option: str) -> Callable[..., Any]:
    """Import what ``_target_`` names, e.g. ``"torch.optim.Adam"``."""
    if not isinstance(path, str) or "." not in path:
        raise ConfigError(
            f"{option}._target_={path!r} is not an import path such as torch.optim.Adam."
        )
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        # A module of the user's own may raise anything while it is imported.
        raise ConfigError(
            f"{option}._target_={path}: the module {module_name} cannot be imported "
            f"({type(error).__name__}: {error}). It must be installed, or in the current folder or "
            "on PYTHONPATH."
        ) from error
    found = getattr(module, name, None)
    if not callable(found):
        hint = did_you_mean(
            name, [n for n in dir(module) if not n.startswith("_")], f"{module_name}.{{}}"
        )
        raise ConfigError(f"{option}._target_={path}: {module_name} has no '{name}'.{hint}")
    return found  # type: ignore[no-any-return]


def lazily(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a package whose public names are imported when asked for.

    Args:
        package: Its name.
        homes: Module of the package -> the names that it has, with blanks between.
    """
    where = {name: module for module, names in homes.items() for name in names.split()}

    def find(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{where[name]}"), name)

    return find


def listed(names: Sequence[str]) -> Callable[[], list[str]]:
    """Make the ``__dir__`` of such a package, by which editors and notebooks complete names."""
    return lambda: sorted(names)


def check_arguments(
    target: Callable[..., Any],
    given: Iterable[str],
    option: str,
    *,
    taken: Mapping[str, str] | None = None,
) -> None:
    """Refuse an argument that ``target`` does not have, with the nearest one that it has.

    Args:
        target: A class or function.
        given: Names of the arguments in the configuration.
        option: Where they stand, e.g. ``"student.optimizer"``.
        taken: Arguments that ackd fills itself and that may therefore not be given, with the
            options that decide them ("" where there are none).
    """
    taken = taken or {}
    try:
        parameters = inspect.signature(target).parameters
    except ValueError:
        return  # a builtin that does not tell; building it will
    known = [name for name in parameters if name not in {"self", *taken}]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    for name in given:
        if name in taken:
            instead = f"; see {taken[name]}" if taken[name] else ""
            raise ConfigError(f"{option}.{name} is filled in by ackd itself{instead}.")
        if name not in known and not takes_any:
            hint = did_you_mean(name, known, f"{option}.{{}}")
            raise ConfigError(
                f"{option}.{name} is no option of {getattr(target, '__name__', target)}.{hint} "
                f"Known: {', '.join(known) or 'none'}."
            )
