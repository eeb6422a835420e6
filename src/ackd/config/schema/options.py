"""Walk through the schema: the names of its options, and those with a mark."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic.fields import FieldInfo

from ackd.config.schema.data import Mark

__all__ = ["marked_options", "option_paths"]


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


def _sections(annotation: object) -> list[type[Any]]:
    """The closed groups of options that an annotation names, also in a union."""
    parts = [part for part in (annotation, *get_args(annotation)) if isinstance(part, type)]
    return [part for part in parts if issubclass(part, BaseModel) or is_pydantic_dataclass(part)]


def _fields(section: type[Any]) -> dict[str, FieldInfo]:
    """The options of a section, a model or a dataclass; a constant is not an option."""
    known: dict[str, FieldInfo] = (
        section.model_fields if issubclass(section, BaseModel) else section.__pydantic_fields__
    )
    return {name: field for name, field in known.items() if field.init is not False}


def _marked(mark: object, *places: object) -> bool:
    """Whether a mark is among some annotations or inside one of them (``Path | None``)."""
    return any(
        place is mark or _marked(mark, *getattr(place, "__metadata__", ()), *get_args(place))
        for place in places
    )


def _maps(annotation: object) -> bool:
    return getattr(annotation, "__origin__", None) is dict
