"""Open nodes: mappings with a ``_target_`` that name a class and its arguments."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ackd.errors import ConfigError, nearest

__all__ = ["check_arguments", "check_target", "instantiate"]


def locate(path: object, option: str) -> Callable[..., Any]:
    """Import what ``_target_`` names, e.g. ``"torch.optim.Adam"``."""
    if not isinstance(path, str) or "." not in path:
        raise ConfigError(
            f"{option}._target_={path!r} is not an import path such as torch.optim.Adam."
        )
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigError(
            f"{option}._target_={path}: the module {module_name} cannot be imported ({error})."
        ) from error
    found = getattr(module, name, None)
    if not callable(found):
        close = nearest(name, [n for n in dir(module) if not n.startswith("_")])
        hint = f" Did you mean {module_name}.{close}?" if close else ""
        raise ConfigError(f"{option}._target_={path}: {module_name} has no '{name}'.{hint}")
    return found  # type: ignore[no-any-return]


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
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    known = [name for name in parameters if name not in {"self", *taken}]
    for name in given:
        if name in taken:
            instead = f"; see {taken[name]}" if taken[name] else ""
            raise ConfigError(f"{option}.{name} is filled in by ackd itself{instead}.")
        if name not in known:
            close = nearest(name, known)
            hint = f" Did you mean {option}.{close}?" if close else ""
            raise ConfigError(
                f"{option}.{name} is no option of {getattr(target, '__name__', target)}.{hint} "
                f"Known: {', '.join(known) or 'none'}."
            )


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
