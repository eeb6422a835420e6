"""Texts about values that the schema refuses: what was given, what was expected, the way out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ackd.config.command_line import in_shell
from ackd.config.groups import Groups
from ackd.config.messages.options import how_to_add, unknown_option
from ackd.config.messages.removed import MOVED, moved
from ackd.config.programs import program_for
from ackd.config.schema.options import option_paths
from ackd.errors import ConfigError, did_you_mean
from ackd.utils.values import paths

__all__ = ["option_at", "refused_config", "refused_values"]

# What a kind of pydantic error expected. {} is the limit.
EXPECTED = {
    "bool": "true or false",
    "int": "an integer",
    "float": "a number",
    "string": "a text",
    "list": "a list",
    "dict": "a group of options, not a single value",
    "model": "a group of options, not a single value",
    "mapping": "a group of options, not a single value",
    "none_required": "null",
    "finite_number": "a finite number",
    "greater_than": "a number greater than {}",
    "greater_than_equal": "a number greater than or equal to {}",
    "less_than": "a number less than {}",
    "less_than_equal": "a number less than or equal to {}",
    "multiple_of": "a multiple of {}",
    "string_too_short": "a text of at least one character",
    "string_too_long": "a text of at most {} characters",
    "too_short": "a list with at least {} entry",
    "too_long": "a list with at most {} entries",
}


# Pydantic's words for its dataclasses and for tuples, and its words for what is the same here.
SAME = {
    "unexpected_keyword_argument": "extra_forbidden",
    "dataclass_type": "model_type",
    "tuple_type": "list_type",
}


def refused_config(items: Iterable[Mapping[str, Any]], tree: Mapping[str, Any]) -> list[str]:
    """Say what the schema of a run has refused, one sentence per option.

    Args:
        items: Of ``ValidationError.errors()``.
        tree: What was validated.
    """
    program = program_for(tree.get("task"))
    name, found, others, items = _name_of(tree), [], [], list(items)
    data = program.config.DATA
    # Only an option that does not exist is held against all that do.
    strange = any(_is_stranger(item) for item in items)
    schema = option_paths(program.config) if strange else []
    for item in items:
        option = option_at(item, tree)
        if str(item["type"]).startswith("union_tag"):
            meant = did_you_mean(str(name), data, "data={}")
            found.append(f"data.name={name} is not a data set.{meant} Known: {', '.join(data)}.")
        elif option == MOVED:
            moves = {MOVED: item["input"]}
            found += [moved(path) for path in paths(moves) if path.count(".") == 2]
        elif _is_stranger(item) and option in schema:
            found.append(f"'{option}' is not an option of data={name}, only of another data set.")
        elif isinstance(own := item.get("ctx", {}).get("error"), ConfigError):
            found.append(str(own))  # of options that check themselves, in a whole sentence
        else:
            others.append(item)
    if not strange:
        return found + refused_values(others, tree)
    written = [path for path in paths(tree) if _is_open(path)]
    groups = Groups(program).names()
    return found + refused_values(others, tree, [*schema, *written], groups)


def refused_values(
    items: Iterable[Mapping[str, Any]],
    tree: Mapping[str, Any],
    known: Iterable[str] = (),
    groups: Collection[str] = (),
) -> list[str]:
    """Say pydantic errors as: option, value, what was expected, the nearest right name.

    Args:
        items: Of ``ValidationError.errors()``.
        tree: What was validated.
        known: The options that exist.
        groups: What can be chosen as ``group=name``.

    Returns:
        A sentence for each option. A value that fits no member of a union has one, too.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        same = {**item, "type": SAME.get(item["type"], item["type"])}
        found.setdefault(option_at(same, tree), []).append(same)
    return [_refused(option, of_option, known, groups) for option, of_option in found.items()]


def _is_stranger(item: Mapping[str, Any]) -> bool:
    """Whether an option is one that the schema does not have, rather than a wrong value of one."""
    return bool(SAME.get(item["type"], item["type"]) == "extra_forbidden")


def option_at(item: Mapping[str, Any], tree: Mapping[str, Any]) -> str:
    """Where an error is, e.g. ``"force[0]"``; pydantic also names the members of unions."""
    parts = list(item["loc"])
    node: Any = tree
    option = ""
    for place, part in enumerate(parts):
        inside = isinstance(part, int) if isinstance(node, list) else part in _keys(node)
        if inside:
            node = node[part]
        elif item["type"] != "missing" or place < len(parts) - 1:
            continue
        option += f"[{part}]" if isinstance(part, int) else f".{part}"
    return option.lstrip(".")


def _keys(node: object) -> Iterable[object]:
    return node.keys() if isinstance(node, Mapping) else ()


def _refused(
    option: str, items: Sequence[Mapping[str, Any]], known: Iterable[str], groups: Collection[str]
) -> str:
    item = items[0]
    value, kind = item.get("input"), str(item["type"])
    if kind == "extra_forbidden":
        return _stranger(option, known, groups)
    if kind == "missing":
        return f"The option '{option}' is missing; give it as {option}=VALUE."
    expected = " or ".join(dict.fromkeys(map(_expected, items)))
    way_out = next(filter(None, (_way_out(one, option, value) for one in items)), "")
    return f"{_said(option, value)}: expected {expected}.{way_out}"


def _expected(item: Mapping[str, Any]) -> str:
    kind, context = str(item["type"]), item.get("ctx", {})
    if kind == "literal_error":
        return _or(_choices(item))
    known = EXPECTED.get(kind) or EXPECTED.get(kind.partition("_")[0])
    if known is not None:
        limits = [context[k] for k in context if k not in ("actual_length", "field_type", "error")]
        return known.format(*limits) if "{}" in known else known
    said = str(item["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
    return said.rstrip(".")


def _choices(item: Mapping[str, Any]) -> list[str]:
    return re.findall(r"'([^']*)'", str(item["ctx"]["expected"]))


def _way_out(item: Mapping[str, Any], option: str, value: object) -> str:
    kind = item["type"]
    if kind == "literal_error":
        place = re.sub(r"\[\d+\]$", "", option)
        form = f"{place}=[{{}}]" if place != option else f"{option}={{}}"
        return did_you_mean(str(value), _choices(item), form)
    if kind == "string_type" and isinstance(value, bool | int | float):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return f" Digits and switches are text in quotes: {in_shell(option, text)}"
    if kind == "list_type" and not isinstance(value, Mapping):
        return f" In a list: '{option}=[{value}]'"
    return ""


def _stranger(option: str, known: Iterable[str], groups: Collection[str]) -> str:
    if option in groups:
        return (
            f"A file of the group '{option}' puts its options under '{option}', where none is "
            "known; its first line should be: # @package _global_"
        )
    return unknown_option(option, known, add=how_to_add(option))


def _said(option: str, value: object) -> str:
    text = repr(value)
    return f"{option}={text if len(text) <= 200 else text[:199] + '…'} is not valid"


def _or(choices: Sequence[str]) -> str:
    said = [f"'{choice}'" for choice in choices]
    return " or ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def _is_open(path: str) -> bool:
    """Whether an option stands in a mapping that the schema leaves to what it configures."""
    beginnings = ("trainer.", "callbacks.", "data.augmentation.")
    return ".optimizer." in path or ".scheduler." in path or path.startswith(beginnings)


def _name_of(tree: Mapping[str, Any]) -> object:
    data = tree.get("data")
    return data.get("name") if isinstance(data, Mapping) else data
