"""Plain values, as configurations and JSON have them: names for them, and ways through them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["differences", "dig", "digest", "leaves", "paths", "under", "without"]


def digest(content: Any, digits: int = 16) -> str:
    """A name for plain values, whatever the order of their keys.

    Args:
        content: Mappings with text as keys, lists, text, finite numbers, booleans and None.
        digits: Hexadecimal ones, at most 64.

    Raises:
        ValueError: A number is not finite.
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def dig(tree: Any, path: str) -> Any:
    """What is at a dotted path, e.g. ``"loss.lambda1"``; None where there is nothing."""
    for key in path.split("."):
        if not isinstance(tree, Mapping) or key not in tree:
            return None
        tree = tree[key]
    return tree


def leaves(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted names: ``{"a": {"b": 1}}`` becomes ``{"a.b": 1}``; empty mappings go."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found |= leaves(value, f"{name}.")
        else:
            found[name] = value
    return found


def paths(tree: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The dotted names of everything in a tree, sections and values, in their order."""
    found: list[str] = []
    for key, value in tree.items():
        found.append(f"{prefix}{key}")
        if isinstance(value, Mapping):
            found += paths(value, f"{prefix}{key}.")
    return found


def under(name: str, sections: Iterable[str]) -> bool:
    """Whether a dotted name is one of ``sections`` or inside of one."""
    return any(name == section or name.startswith(f"{section}.") for section in sections)


def without(tree: Mapping[str, Any], names: Iterable[str], prefix: str = "") -> dict[str, Any]:
    """A copy of a tree that lacks these dotted names."""
    left_out = set(names)
    return {
        key: without(value, left_out, f"{prefix}{key}.") if isinstance(value, Mapping) else value
        for key, value in tree.items()
        if f"{prefix}{key}" not in left_out
    }


def differences(before: Any, after: Any, name: str = "") -> dict[str, tuple[Any, Any]]:
    """What differs between two trees: (before, after) by dotted name, None for what is missing."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found: dict[str, tuple[Any, Any]] = {}
        for key in sorted(before.keys() | after.keys()):
            inner = f"{name}.{key}" if name else str(key)
            found |= differences(before.get(key), after.get(key), inner)
        return found
    return {} if before == after else {name: (before, after)}
