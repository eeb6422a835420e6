"""What is said about an option that cannot be: every sentence about names and values is made here.

Whoever finds a mistake (Hydra's grammar, its composer, the schema, the command line of a sweep)
hands it over, so that the same mistake has the same answer however it was made.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ackd.config.location import config_dir
from ackd.config.options import nearest_option
from ackd.config.words import in_quotes
from ackd.errors import did_you_mean, nearest

__all__ = [
    "ON_DEMAND",
    "how_to_add",
    "one_sentence",
    "option_at",
    "refused_values",
    "unknown_choice",
    "unknown_option",
    "unreadable",
]

# Groups that are in no defaults list, so they are added with +.
ON_DEMAND = ("experiment", "sweep", "architecture", "compared")

# Where names are open, so that another one is added; how to do it.
OPEN = {
    r"loss\.kd\.(?P<name>\w+).*": "a distillation loss of your own is added with a plus: "
    "+loss.kd.{name}.loss._target_=package.module.Class",
    r"trainer\.(?P<name>\w+)": "an argument of lightning.Trainer is added with a plus: "
    "+trainer.{name}=VALUE",
    r"(?P<name>(teacher|matcher|student)\.optimizer\.\w+)": "an argument of the optimizer is added "
    "with a plus: +{name}=VALUE",
    r"(?P<name>(teacher|matcher|student)\.scheduler\.\w+)": "an argument of a schedule by class "
    "(scheduler._target_) is added with a plus: +{name}=VALUE",
    r"(?P<name>(teacher|matcher|student)\.backbone\.\w+)": "an argument of a backbone of your own "
    "(backbone._target_) is added with a plus: +{name}=VALUE",
}

# What other frameworks have and what there is instead.
ABSENT = {
    r"(\w+\.)?(lr_?)?schedul\w*": "A schedule of the learning rate is an option of a "
    "stage: STAGE.scheduler=none, cosine, step, poly or warmup_cosine, with further options "
    "in STAGE.scheduler (--help student.scheduler).",
    r"(trainer\.)?callbacks(\..*)?": "The command line takes no callbacks of your own; in "
    "Python, ackd.modules and ackd.callbacks work with a Trainer of your own.",
    r"(\w+\.)?early_?stop\w*": "A stage is trained for STAGE.max_epochs, and its best epoch by "
    "validation images is kept, so that there is no early stopping.",
}

# Groups that a user extends, and what such a file holds.
OWN_FILES = {
    "kd": ", with '# @package loss.kd' in its first line and below it {name}: {{loss: {{_target_: "
    "package.module.Class}}, weight: 1.0}}",
}

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


def unknown_option(
    option: str, known: Iterable[str], *, add: str = "", groups: Iterable[str] = ()
) -> str:
    """Say that there is no such option, and which one was probably meant.

    Args:
        option: As it was written, e.g. ``"loss.lamda1"``.
        known: The options that exist.
        add: How to add one of this name where names are open, see :data:`OPEN`.
        groups: What can be chosen as ``group=name``.
    """
    for pattern, instead in ABSENT.items():
        if re.fullmatch(pattern, option):
            return f"There is no option '{option}'. {instead}"
    close = nearest_option(option, [*known, *groups])
    if close and add and not _same_section(option, close):
        close = None  # a name that may be new is not a misspelling of one elsewhere
    meant = f" Did you mean '{close}'?" if close else ""
    how = f" {add[0].upper()}{add[1:]}." if add and not close else ""
    return f"There is no option '{option}'.{meant}{how} (--help GROUP and --cfg job list them.)"


def _same_section(option: str, other: str) -> bool:
    section, place = option.rpartition(".")[0], other.rpartition(".")[0]
    return nearest(section, [place], 0.9) is not None


def how_to_add(option: str) -> str:
    """How an option of this name is added where names are open; "" where they are not."""
    for pattern, words in OPEN.items():
        found = re.fullmatch(pattern, option)
        if found:
            return words.format(name=found["name"])
    return ""


def unknown_choice(group: str, name: str, choices: Sequence[str], key: str | None = None) -> str:
    """Say that a group has no such entry.

    Args:
        group: E.g. ``"backbone"``.
        name: The entry that was asked for.
        choices: The entries there are.
        key: How the group was written, e.g. ``"backbone@student.backbone"``.
    """
    plus = "+" if group in ON_DEMAND else ""
    meant = did_you_mean(name, choices, f"{plus}{key or group}={{}}")
    shape = OWN_FILES.get(group, "").format(name=name)
    own = f" One of your own is a file {group}/{name}.yaml in --config-dir DIR{shape}."
    own = "" if meant else own
    return f"There is no '{name}' in {group}.{meant} Known: {', '.join(choices)}.{own}"


def unreadable(word: str, error: Exception) -> str:
    """Say how to write a word that Hydra's grammar does not take."""
    key, given, value = word.partition("=")
    if not given or not key:
        return f"'{word}' is not an option; options are written key=value, flags --name."
    if value[:1] in ("[", "{"):
        return (
            f"'{word}' cannot be read as an option ({one_sentence(error)}). Write key=value, "
            "with quotes around brackets and spaces: 'data.bands=[B02,B08]'."
        )
    return (
        f"'{word}' cannot be read as key=value: Hydra reads some of its characters as more than "
        f"text. With the value in quotes it is text: {in_shell(key, value)}"
    )


def in_shell(key: str, value: str) -> str:
    """Write an option with a quoted value for a shell, as readably as it can be."""
    if not set(value) & set("'\"$`!\\"):
        return f"\"{key}='{value}'\""
    return shlex.quote(f"{key}={in_quotes(value)}")


def one_sentence(error: Exception) -> str:
    """Reduce an error of Hydra or OmegaConf to what it says about the configuration."""
    missing = getattr(error, "missing_cfg_file", None)
    if missing:
        group, _, value = missing.rpartition("/")
        names = list(getattr(error, "options", None) or [])
        plus = "+" if group in ON_DEMAND else ""
        meant = did_you_mean(value, names, f"{plus}{group}={{}}")
        known = f" Known: {', '.join(names)}." if names else ""
        return f"{str(error).splitlines()[0].rstrip('.')}.{meant}{known}"
    lines = [line.strip() for line in str(error).strip().splitlines()]
    noise = ("full_key:", "object_type=", "reference_type=", "To append", "See http")
    text = " ".join(line for line in lines if line and not line.startswith(noise))
    place = re.search(r"full_key: (\S+)", str(error))
    return f"{place[1]}: {text}" if place else text


def refused_values(
    items: Iterable[Mapping[str, Any]], tree: Mapping[str, Any], known: Iterable[str] = ()
) -> list[str]:
    """Say pydantic errors as: option, value, what was expected, the nearest right name.

    Args:
        items: Of ``ValidationError.errors()``.
        tree: What was validated.
        known: The options that exist.

    Returns:
        A sentence for each option. A value that fits no member of a union has one, too.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for item in items:
        found.setdefault(option_at(item, tree), []).append(item)
    return [_refused(option, of_option, known) for option, of_option in found.items()]


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


def _refused(option: str, items: Sequence[Mapping[str, Any]], known: Iterable[str]) -> str:
    item = items[0]
    value, kind = item.get("input"), str(item["type"])
    if kind == "extra_forbidden":
        return _stranger(option, known)
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


def _stranger(option: str, known: Iterable[str]) -> str:
    if option in _groups():
        return (
            f"A file of the group '{option}' puts its options under '{option}', where none is "
            "known; its first line should be: # @package _global_"
        )
    return unknown_option(option, known)


def _said(option: str, value: object) -> str:
    text = repr(value)
    return f"{option}={text if len(text) <= 200 else text[:199] + '…'} cannot be"


def _or(choices: Sequence[str]) -> str:
    said = [f"'{choice}'" for choice in choices]
    return " or ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def _groups() -> list[str]:
    return [path.name for path in config_dir().iterdir() if path.is_dir()]
