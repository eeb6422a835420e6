"""Compose a configuration from Python as the command line does, and leave Hydra as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from hydra.version import VersionBase
from omegaconf import DictConfig, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from ackd.config.command_line import in_quotes, quoted, quoted_paths
from ackd.config.messages.overrides import hint, one_sentence
from ackd.config.messages.removed import known_words
from ackd.config.programs import Program
from ackd.config.run_names import register_resolvers
from ackd.errors import ConfigError

__all__ = ["Composed", "Overrides", "as_words", "composed", "hydra_untouched"]

#: Options as on the command line, or by name.
Overrides = Sequence[str] | Mapping[str, Any]

register_resolvers()

_SIGNS = "\\()[]{}:=, \t"  # of Hydra's grammar, in the keys of a dictionary


@dataclass(frozen=True)
class Composed:
    """A configuration that Hydra composed.

    Attributes:
        cfg: Without Hydra's own part.
        folder: Where Hydra would let it run.
    """

    cfg: DictConfig
    folder: Path


@contextmanager
def composed(words: Sequence[str], program: Program) -> Iterator[Composed]:
    """Compose a configuration; inside, Hydra knows it as that of the running job.

    Args:
        words: Overrides, see :func:`as_words`.
        program: Whose configuration.

    Raises:
        ConfigError: An override cannot be read or composed; the nearest right name is offered.
    """
    with hydra_untouched():
        try:
            cfg = _compose(words, program)
            folder = Path(str(cfg.hydra.run.dir)).expanduser()
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(hint(words, program) or one_sentence(error)) from error
        with read_write(cfg.hydra), open_dict(cfg.hydra):
            cfg.hydra.mode = RunMode.RUN
            cfg.hydra.runtime.output_dir = str(folder.absolute())
        HydraConfig.instance().set_config(cfg)
        ours = deepcopy(cfg)
        with read_write(ours), open_dict(ours):
            del ours["hydra"]
        yield Composed(ours, folder)


@contextmanager
def hydra_untouched() -> Iterator[None]:
    """Give a program that uses Hydra itself its own state back at the end."""
    hydra, cfg = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
    base = VersionBase.instance().version_base  # not a version as long as nobody has chosen one
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        # Other instances by now: Hydra replaces them by copies.
        GlobalHydra.instance().hydra = hydra
        HydraConfig.instance().cfg = cfg
        VersionBase.instance().version_base = base


def _compose(words: Sequence[str], program: Program) -> DictConfig:
    with initialize_config_dir(str(program.config_dir), version_base="1.3"):
        return compose(program.primary, overrides=list(words), return_hydra_config=True)


def as_words(given: Overrides, program: Program) -> list[str]:
    """Bring overrides into the form that Hydra reads.

    Args:
        given: Words of the command line, ``["kd=dkd", "student.max_epochs=5"]``; or options by
            name, ``{"kd": "dkd", "student": {"max_epochs": 5}}``, where paths and texts are taken
            to the letter and None is null.
        program: Whose options they are.

    Raises:
        ConfigError: A word is none, or a value is nothing that an option can be.
    """
    if isinstance(given, str):
        raise ConfigError(
            f"Overrides are a list of words or a dictionary, but {given!r} is one text; write "
            f"[{given!r}]."
        )
    if isinstance(given, Mapping):
        words = [word for name, value in given.items() for word in _words(name, value, program)]
    else:
        words = list(given)
    for word in words:
        if not isinstance(word, str) or word.startswith("-"):
            raise ConfigError(
                f"{word!r} is not an override; expected key=value. Flags such as -m and --cfg are "
                "for the command line: a sweep is a loop over calls, and ackd.compose_config shows "
                "a configuration."
            )
    return quoted_paths(known_words(words))


def _words(name: object, value: Any, program: Program) -> Iterator[str]:
    """An option by name as words; a section gives a word for each of its options."""
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{name!r} is not the name of an option; expected a text.")
    if not isinstance(value, Mapping):
        yield f"{name}={_written(name, value)}"
    elif name in _sections(program):
        for key, inner in value.items():
            yield from _words(f"{name}.{key}", inner, program)
    else:
        # Its names are open, so that new ones may be among them.
        plus = "" if name.startswith(("+", "~")) else "++"
        yield f"{plus}{name}={_written(name, value)}"


@cache
def _sections(program: Program) -> frozenset[str]:
    from ackd.config.schema.options import option_paths  # late: it takes a second

    paths = option_paths(program.config)
    return frozenset(
        name for path in paths if (name := path.rpartition(".")[0]) and not name.endswith("*")
    )


def _written(name: str, value: Any) -> str:
    """A value in Hydra's grammar."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()  # a number of NumPy or torch
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, os.PathLike):
        return quoted(os.fspath(value))
    if isinstance(value, str):
        plain = value.replace("_", "").isalnum() and value.isascii() and not value[:1].isdigit()
        reserved = value.lower() in ("null", "true", "false", "nan", "inf")
        return value if plain and not reserved else in_quotes(value)
    if isinstance(value, Mapping):
        items = (f"{_key(str(key))}: {_written(name, inner)}" for key, inner in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_written(name, inner) for inner in value)}]"
    raise ConfigError(
        f"{name} is a {type(value).__name__}, {value!r}; expected a number, a text, a path, True, "
        "False, None, a list or a dictionary of them."
    )


def _key(text: str) -> str:
    return "".join(f"\\{sign}" if sign in _SIGNS else sign for sign in text)
