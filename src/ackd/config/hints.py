"""What was probably meant, when Hydra could not compose the configuration."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Sweep
from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ackd.config.location import config_dir
from ackd.config.options import nearest_option
from ackd.config.words import in_quotes, quoted, split_words
from ackd.errors import nearest
from ackd.utils.values import paths

__all__ = ["hint", "one_sentence"]

# Groups that are in no defaults list, so they are added with +.
ON_DEMAND = ("experiment", "sweep", "architecture", "compared")


def hint(arguments: Sequence[str]) -> str | None:
    """Look for the first override that cannot be, and name the nearest one that can.

    Args:
        arguments: Of the command line, without the program.

    Returns:
        A sentence, or None where every override is fine.
    """
    words, folders = split_words(arguments)
    overrides: list[Override] = []
    for word in words:
        try:
            overrides += OverridesParser.create().parse_overrides([word])
        except HydraException as error:
            return _unreadable(word, error)
    groups = [o for o in overrides if _name(o) in _groups(folders)]
    for override in groups:
        advice = _group_advice(override, folders)
        if advice:
            return advice
    selected = [o.input_line for o in groups if o.input_line and not o.is_sweep_override()]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        known = _known(selected, folders)
        if known is None:
            return None
        for override in overrides:
            key = override.key_or_group
            if override in groups or key in known or override.is_add() or _is_hydras(key):
                continue
            return _option_advice(key, known, folders)
    return None


def _unreadable(word: str, error: Exception) -> str:
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
        f"text. With the value in quotes it is text: {_in_shell(key, value)}"
    )


def _in_shell(key: str, value: str) -> str:
    """Write an option with a quoted value for a shell, as readably as it can be."""
    if not set(value) & set("'\"$`!\\"):
        return f"\"{key}='{value}'\""
    return shlex.quote(f"{key}={in_quotes(value)}")


def one_sentence(error: Exception) -> str:
    """Reduce an error of Hydra or OmegaConf to what it says about the configuration."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, value = error.missing_cfg_file.rpartition("/")
        names = list(error.options or [])
        close = nearest(value, names)
        plus = "+" if group in ON_DEMAND else ""
        meant = f" Did you mean {plus}{group}={close}?" if close else ""
        known = f" Known: {', '.join(names)}." if names else ""
        return f"{str(error).splitlines()[0].rstrip('.')}.{meant}{known}"
    lines = [line.strip() for line in str(error).strip().splitlines()]
    noise = ("full_key:", "object_type=", "reference_type=", "To append", "See http")
    text = " ".join(line for line in lines if line and not line.startswith(noise))
    place = re.search(r"full_key: (\S+)", str(error))
    return f"{place[1]}: {text}" if place else text


def _groups(folders: Sequence[Path]) -> list[str]:
    return sorted({p.name for folder in folders for p in folder.iterdir() if p.is_dir()})


def _choices(group: str, folders: Sequence[Path]) -> list[str]:
    return sorted({path.stem for folder in folders for path in (folder / group).glob("*.yaml")})


def _name(override: Override) -> str:
    """The group without its package: ``backbone`` of ``backbone@student.backbone``."""
    return override.key_or_group.partition("@")[0]


def _group_advice(override: Override, folders: Sequence[Path]) -> str | None:
    group, key = _name(override), override.get_key_element().lstrip("+~")
    if override.is_delete():
        return None
    value = override.value()
    values = value.list if isinstance(value, Sweep) and hasattr(value, "list") else [value]
    choices = _choices(group, folders)
    for one in values:
        if isinstance(one, list):
            continue
        name = str(getattr(one, "text", one))
        if name not in choices:
            close = nearest(name, choices)
            plus = "+" if group in ON_DEMAND else ""
            meant = f" Did you mean {plus}{key}={close}?" if close else ""
            return f"There is no '{name}' in {group}.{meant} Known: {', '.join(choices)}."
    if group in ON_DEMAND and not override.is_add():
        article = "An" if group[0] in "aeiou" else "A"
        return f"{article} {group} is added with a plus: +{override.input_line}"
    if group not in ON_DEMAND and override.is_add():
        return f"{key} is chosen already; write it without the plus: {key}={value}"
    return None


def _known(selected: Sequence[str | None], folders: Sequence[Path]) -> list[str] | None:
    """Every option of the configuration with these groups; None where it does not compose."""
    overrides = [line for line in selected if line]
    if len(folders) > 1:
        overrides.append("hydra.searchpath=[" + ",".join(map(quoted, folders[1:])) + "]")
    try:
        tree = OmegaConf.to_container(compose("train", overrides=overrides))
        return paths(tree) if isinstance(tree, dict) else None  # type: ignore[arg-type]
    except (HydraException, OmegaConfBaseException):
        return None


def _option_advice(key: str, known: list[str], folders: Sequence[Path]) -> str:
    head = key.partition(".")[0]
    having = [
        f"{head}={choice}"
        for choice in _choices(head, folders)
        if key in (_known([f"{head}={choice}"], folders) or [])
    ]
    if having:
        one = "it" if len(having) == 1 else "one of them"
        return f"'{key}' is an option of {', '.join(having)} only; add {one}."
    close = nearest_option(key, [*known, *_groups(folders)])
    meant = f" Did you mean '{close}'?" if close else ""
    return f"There is no option '{key}'.{meant} (See --cfg job for all of them.)"


def _is_hydras(key: str) -> bool:
    return key.partition(".")[0].partition("/")[0] == "hydra"
