"""Names of options, and the one that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_args

from ackd.errors import nearest

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from ackd.config.data import Mark

__all__ = ["MOVED", "marked_options", "moved", "nearest_option", "option_paths"]

MOVED = "kd_defaults"
"""Where an earlier version kept the arguments of the distillation losses."""


def moved(option: str) -> str:
    """Say where an option of :data:`MOVED`, e.g. ``kd_defaults.vanilla.temperature``, is now."""
    _, _, rest = option.partition(".")
    name, _, argument = rest.partition(".")
    return (
        f"'{option}' is gone: a loss has its own arguments now, here "
        f"loss.kd.{name or 'NAME'}.loss.{argument or 'ARGUMENT'}=VALUE."
    )


# Of names: half of "class_map" and "classes" is the same, and yet neither means the other.
LIKENESS = 0.7


def option_paths(model: type[Any], prefix: str = "") -> list[str]:
    """All option paths of a schema, e.g. ``loss.lambda1``."""
    found: list[str] = []
    for attribute, field in _fields(model).items():
        name = field.alias or attribute
        found.append(prefix + name)
        for section in _sections(field.annotation):
            # A mapping of sections has a name of the user's in between.
            between = "*." if _maps(field.annotation) else ""
            found += option_paths(section, f"{prefix}{name}.{between}")
    return list(dict.fromkeys(found))


def marked_options(model: type[Any], mark: Mark, prefix: str = "") -> list[str]:
    """The options of a schema with a mark, e.g. ``data.root`` with ``Mark.PATH``."""
    found: list[str] = []
    for name, field in _fields(model).items():
        if _marked(mark, *field.metadata, field.annotation):
            found.append(prefix + name)
        for section in _sections(field.annotation):
            found += marked_options(section, mark, f"{prefix}{name}.")
    return list(dict.fromkeys(found))


def nearest_option(option: str, known: Iterable[str]) -> str | None:
    """Return the known option that was probably meant, or None.

    A misspelling within the same section is the likeliest, then a right name without its section
    (``lambda1`` for ``loss.lambda1``), then a misspelling in a misspelt section or without one. A
    guess that is farther away is worse than none.

    Args:
        option: What was written, e.g. ``"loss.lamda1"``.
        known: Options that exist; ``*`` in one of them stands for any name.
    """
    section, _, leaf = option.rpartition(".")
    paths = [_adapt(path, section) for path in known]
    siblings = {p.rpartition(".")[2]: p for p in paths if p.rpartition(".")[0] == section}
    named = [path for path in paths if "*" not in path]
    same_name = [path for path in named if path.rpartition(".")[2] == leaf]
    close = nearest(leaf, siblings, LIKENESS)
    # A whole name without its section ("pretrained") is not a misspelling of a section ("trainer").
    if close and (section or not same_name):
        return siblings[close]
    if same_name:
        head = section.partition(".")[0]
        within = [path for path in same_name if path.partition(".")[0] == head]
        return within[0] if within else nearest(option, same_name) or same_name[0]
    # The section may be misspelt as well; a long one in common would make anything look alike.
    alike = [
        path
        for path in named
        if path.rpartition(".")[0] != section
        and nearest(leaf, [path.rpartition(".")[2]], LIKENESS)
        and (not section or nearest(section, [path.rpartition(".")[0]], LIKENESS))
    ]
    return nearest(option, alike, 0.0)


def _sections(annotation: object) -> list[type[Any]]:
    """The closed groups of options that an annotation names, also in a union."""
    # late: asking for --cfg needs names, but no schema
    from pydantic import BaseModel
    from pydantic.dataclasses import is_pydantic_dataclass

    parts = [part for part in (annotation, *get_args(annotation)) if isinstance(part, type)]
    return [part for part in parts if issubclass(part, BaseModel) or is_pydantic_dataclass(part)]


def _fields(section: type[Any]) -> dict[str, FieldInfo]:
    """The options of a section, a model or a dataclass; a constant is not an option."""
    known: dict[str, FieldInfo] = section.__pydantic_fields__
    return {name: field for name, field in known.items() if field.init is not False}


def _marked(mark: object, *places: object) -> bool:
    """Whether a mark is among some annotations or inside one of them (``Path | None``)."""
    return any(
        place is mark or _marked(mark, *getattr(place, "__metadata__", ()), *get_args(place))
        for place in places
    )


def _maps(annotation: object) -> bool:
    return getattr(annotation, "__origin__", None) is dict


def _adapt(path: str, section: str) -> str:
    """Fill the names of ``section`` into the places that a path leaves open."""
    parts, given = path.split("."), section.split(".")
    if "*" not in parts:
        return path
    place = parts.index("*")
    if parts[:place] == given[:place] and len(given) > place:
        parts[place] = given[place]
    return ".".join(parts)
