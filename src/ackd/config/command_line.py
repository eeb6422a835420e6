r"""The words of a command line before Hydra reads them: flags in front, paths quoted.

A path may hold anything; Hydra's grammar takes letters, digits and a few signs. So the value of
every option that names a place is put into quotes, as the user would have to:

* a value that is in quotes already stays as it is, and so do ``null``, ``true`` and ``false``;
* ``${...}`` stays an interpolation; ``\${`` stands for these two characters themselves;
* in a sweep (``-m``) a comma outside of quotes separates choices, and ``choice(...)``,
  ``glob(...)`` and their like stay what they are. Without ``-m`` everything is part of the path.

A section that is chosen by a name (``student.scheduler=cosine``) is written as its name
(``student.scheduler.name=cosine``), so that further options of it may follow.
"""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString

from ackd.config.groups import Groups
from ackd.config.programs import TRAIN, Program
from ackd.errors import ConfigError

__all__ = [
    "escaped",
    "flags_first",
    "in_quotes",
    "in_shell",
    "quoted",
    "quoted_paths",
    "readable",
    "split_words",
]

# Hydra's own options that name places; ours are marked in the schema.
HYDRAS = ("hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir")

PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./-]*")
NOT_TEXT = re.compile(r"(?i)[+-]?(inf|nan|[\d._]+(e[+-]?\d+)?)")
IN_QUOTES = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
FUNCTION = re.compile(r"(choice|glob|interval|range|shuffle|sort|str|tag)\(.*\)", re.DOTALL)
OVERRIDE = re.compile(r"(?P<key>\+{0,2}(?P<option>[\w./@]+))=(?P<value>.+)", re.DOTALL)
DASHED = re.compile(r"--(?P<option>(?!(cfg|info|package|help)=)[\w./@]+=.*)", re.DOTALL)
BY_NAME = re.compile(r"\+{0,2}\w+\.scheduler=[^{$].*", re.DOTALL)
BETWEEN_CHOICES = re.compile(rf"((?:{IN_QUOTES.pattern}|[^,])*)(?:,|$)", re.DOTALL)


def readable(arguments: Sequence[str]) -> list[str]:
    """Bring a command line into the form that Hydra reads.

    Args:
        arguments: Without the program.

    Returns:
        Hydra's flags, then the overrides, whose paths are quoted.

    Raises:
        ConfigError: An option has dashes, as with argparse.
    """
    for word in arguments:
        found = DASHED.fullmatch(word)
        if found:
            raise ConfigError(f"Options are written without dashes: {found['option']} for {word}.")
    overrides, _ = split_words(arguments)
    flags = flags_first(arguments)[: len(arguments) - len(overrides)]
    sweep = any(flag == "--multirun" or re.fullmatch(r"-\w*m\w*", flag) for flag in flags)
    sweep = sweep or "hydra.mode=MULTIRUN" in overrides
    return [*flags, *quoted_paths(overrides, sweep=sweep)]


def quoted_paths(overrides: Sequence[str], *, sweep: bool = False) -> list[str]:
    """Quote the values of options that name places; everything else stays.

    Args:
        overrides: ``key=value`` each.
        sweep: Whether a comma separates choices.
    """
    return [_quoted_word(word, sweep=sweep) for word in overrides]


def quoted(path: Path | str) -> str:
    """Write a path that is known to the letter as a value of Hydra's grammar."""
    return in_quotes(escaped(path))


def escaped(path: Path | str) -> str:
    """Write a path so that OmegaConf reads no interpolation in it."""
    return str(path).replace("${", "\\${")


def flags_first(arguments: Sequence[str]) -> list[str]:
    """Put Hydra's flags before the overrides; argparse refuses overrides on both sides of one."""
    overrides, _ = split_words(arguments)
    flags = list(arguments)
    for word in overrides:
        flags.remove(word)
    return [*flags, *overrides]


def split_words(arguments: Sequence[str], program: Program = TRAIN) -> tuple[list[str], Groups]:
    """Tell overrides from Hydra's flags: the overrides, and the groups that they choose from."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--config-dir", "-cd")
    for flags in (
        ("--config-name", "-cn"), ("--config-path", "-cp"), ("--package", "-p"), ("--cfg", "-c"),
    ):  # fmt: skip
        parser.add_argument(*flags)
    parser.add_argument("--info", "-i", nargs="?")
    given, _ = parser.parse_known_intermixed_args(list(arguments))
    extra = [Path(given.config_dir).absolute()] if given.config_dir else []
    return given.overrides, Groups(program, tuple(path for path in extra if path.is_dir()))


def _quoted_word(word: str, *, sweep: bool) -> str:
    found = OVERRIDE.fullmatch(word)
    if found is not None and BY_NAME.fullmatch(word):
        return f"{found['key'].lstrip('+')}.name={found['value']}"
    if found is None or _is_plain(found["value"]) or found["option"] not in _path_options():
        return word
    value = found["value"]
    if not sweep:
        return f"{found['key']}={_quoted_value(value)}"
    if FUNCTION.fullmatch(value):
        return word
    choices = [match[1] for match in BETWEEN_CHOICES.finditer(value) if match[0]]
    return f"{found['key']}={','.join(_quoted_value(choice.strip()) for choice in choices)}"


def _quoted_value(value: str) -> str:
    if _is_plain(value) or IN_QUOTES.fullmatch(value):
        return value
    return in_quotes(value)


def _is_plain(value: str) -> bool:
    """Whether Hydra reads these characters as this text (or as null)."""
    return bool(PLAIN.fullmatch(value)) and not NOT_TEXT.fullmatch(value)


def in_quotes(text: str) -> str:
    """Put a text into quotes of Hydra's grammar; ``${...}`` in it stays an interpolation."""
    return QuotedString(text=text, quote=Quote.single).with_quotes()


def in_shell(key: str, value: str) -> str:
    """Write an option with a quoted value for a shell, as readably as it can be."""
    if not set(value) & set("'\"$`!\\"):
        return f"\"{key}='{value}'\""
    return shlex.quote(f"{key}={in_quotes(value)}")


@lru_cache
def _path_options() -> frozenset[str]:
    # Late: the schema is only imported for a value that Hydra could misread.
    from ackd.config.schema.data import Mark
    from ackd.config.schema.identity import marked

    return frozenset([*marked(Mark.PATH), *HYDRAS])
