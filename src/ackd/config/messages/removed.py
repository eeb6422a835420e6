"""Options that were removed or renamed: for one version, a command that has one is told so.

A value that changed nothing is ignored with one warning; any other ends the command.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from ackd.errors import ConfigError

__all__ = ["MOVED", "REMOVED", "RENAMED", "Removed", "known_words", "moved", "without_removed"]


@dataclass(frozen=True)
class Removed:
    """An option of earlier versions.

    Attributes:
        harmless: Values that ask for what happens now anyway; None where every value is ignored.
        why: One sentence: what it was, what happens now, and what to do instead.
    """

    harmless: tuple[str, ...] | None
    why: str

    def ignores(self, value: object) -> bool:
        """Whether a command with this value still does what it says."""
        return self.harmless is None or str(value).strip("'\"") in self.harmless


REMOVED: Final[Mapping[str, Removed]] = {
    "dynm.logits": Removed(
        ("fresh",),
        "the logits of the epoch's training were an approximation that saved a twentieth of a "
        "student's time; DynM looks at every image again, without augmentation and in eval mode",
    ),
    "student.store_dtype": Removed(
        ("float32",),
        "rounding the stored features saved no time and 0.1 GB for the 27,000 images of EuroSAT; "
        "they are stored in float32, and student.teacher=live stores nothing",
    ),
    "execution.freed_memory": Removed(
        None,
        "on the CPU a run keeps the memory that a step has freed, with the same numbers; glibc's "
        "own variables, such as MALLOC_TRIM_THRESHOLD_, still decide where they are set",
    ),
}

#: Beginnings of words that are written otherwise now, and how.
RENAMED: Final[Mapping[str, str]] = {"+architecture=": "architecture="}

MOVED = "kd_defaults"
"""Where an earlier version kept the arguments of the distillation losses."""

_WORD = re.compile(r"(?:\+{0,2}|~)(?P<option>[\w.]+)(?:=(?P<value>.*))?", re.DOTALL)


def known_words(words: Sequence[str]) -> list[str]:
    """Leave out the words of a command line that are about removed options; rename renamed ones.

    Args:
        words: Of the command line, overrides and flags, without the program.

    Raises:
        ConfigError: A removed option has a value that means something else than what happens now.
    """
    kept = []
    for word in map(_renamed, words):
        found = _WORD.fullmatch(word)
        removed = REMOVED.get(found["option"]) if found else None
        if found is None or removed is None:
            kept.append(word)
        elif not word.startswith("~"):
            _ignored(found["option"], removed, found["value"])
    return kept


def _renamed(word: str) -> str:
    for old, new in RENAMED.items():
        if word.startswith(old):
            _warn(f"{old} is written {new} now: {new}{word.removeprefix(old)}")
            return new + word.removeprefix(old)
    return word


def without_removed(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the removed options of a composed configuration, as YAML files may still set them.

    Args:
        tree: Resolved.

    Raises:
        ConfigError: A removed option has a value that means something else than what happens now.
    """
    found = dict(tree)
    for option, removed in REMOVED.items():
        section, _, name = option.partition(".")
        if isinstance(found.get(section), dict) and name in found[section]:
            rest = dict(found[section])
            _ignored(option, removed, rest.pop(name))
            found[section] = rest
    return found


def _ignored(option: str, removed: Removed, value: object) -> None:
    if not removed.ignores(value):
        raise ConfigError(f"{option}={value}: this option was removed: {removed.why}.")
    _warn(f"{option} was removed and is ignored: {removed.why}.")


@cache
def _warn(text: str) -> None:
    """Say it once in a process, however many jobs have the option."""
    print(f"ackd: {text}", file=sys.stderr)


def moved(option: str) -> str:
    """Say where an option of :data:`MOVED`, e.g. ``kd_defaults.vanilla.temperature``, is now."""
    _, _, rest = option.partition(".")
    name, _, argument = rest.partition(".")
    return (
        f"'{option}' is gone: a loss has its own arguments now, here "
        f"loss.kd.{name or 'NAME'}.loss.{argument or 'ARGUMENT'}=VALUE."
    )
