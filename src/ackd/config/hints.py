"""What was probably meant, when Hydra could not compose the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Sweep
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ackd.config.location import config_dir
from ackd.config.messages import (
    ON_DEMAND,
    how_to_add,
    unknown_choice,
    unknown_option,
    unreadable,
)
from ackd.config.options import MOVED, moved
from ackd.config.words import quoted, split_words
from ackd.utils.values import paths

__all__ = ["hint"]


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
            return unreadable(word, error)
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
            if key.partition(".")[0] == MOVED:
                return moved(key)
            if override in groups or key in known or override.is_add() or _is_hydras(key):
                continue
            return _option_advice(key, known, folders)
    return None


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
            return unknown_choice(group, name, choices, key)
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
    return unknown_option(key, known, add=how_to_add(key), groups=_groups(folders))


def _is_hydras(key: str) -> bool:
    return key.partition(".")[0].partition("/")[0] == "hydra"
