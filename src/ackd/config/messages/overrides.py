"""Texts about overrides that Hydra cannot read or compose: what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Sweep
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ackd.config.command_line import in_shell, quoted, split_words
from ackd.config.groups import Groups
from ackd.config.messages.options import ON_DEMAND, how_to_add, unknown_choice, unknown_option
from ackd.config.messages.removed import MOVED, moved
from ackd.config.programs import TRAIN, Program
from ackd.errors import did_you_mean
from ackd.utils.values import paths

__all__ = ["hint", "one_sentence", "unreadable"]


def hint(arguments: Sequence[str], program: Program = TRAIN) -> str | None:
    """Look for the first override that cannot be, and name the nearest one that can.

    Args:
        arguments: Of the command line, without the program.
        program: That they were given to.

    Returns:
        A sentence, or None where every override is fine.
    """
    words, files = split_words(arguments, program)
    overrides: list[Override] = []
    for word in words:
        try:
            overrides += OverridesParser.create().parse_overrides([word])
        except HydraException as error:
            return unreadable(word, error)
    # As Hydra has it: epochs={teacher: 2} sets options, whatever groups there are.
    names = files.names()
    groups = [o for o in overrides if _name(o) in names and not isinstance(o.value(), dict)]
    for override in groups:
        advice = _group_advice(override, files)
        if advice:
            return advice
    selected = [o.input_line for o in groups if o.input_line and not o.is_sweep_override()]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(program.config_dir), version_base="1.3"):
        known = _known(selected, files)
        if known is None:
            return None
        for override in overrides:
            key = override.key_or_group
            if key.partition(".")[0] == MOVED:
                return moved(key)
            if override in groups or key in known or override.is_add() or _is_hydras(key):
                continue
            return _option_advice(key, known, files)
    return None


def _name(override: Override) -> str:
    """The group without its package: ``backbone`` of ``backbone@student.backbone``."""
    return override.key_or_group.partition("@")[0]


def _group_advice(override: Override, files: Groups) -> str | None:
    group, key = _name(override), override.get_key_element().lstrip("+~")
    if override.is_delete():
        return None
    value = override.value()
    values = value.list if isinstance(value, Sweep) and hasattr(value, "list") else [value]
    choices = files.of(group)
    for one in values:
        if isinstance(one, list):
            continue
        if one is None:
            return (
                f"{key}=null is not a choice: leave {key} out, or write ~{key} where another file "
                "has chosen one."
            )
        name = str(getattr(one, "text", one))
        if name not in choices:
            return unknown_choice(group, name, choices, key)
    if group in ON_DEMAND and not override.is_add():
        article = "An" if group[0] in "aeiou" else "A"
        return f"{article} {group} is added with a plus: +{override.input_line}"
    if group not in ON_DEMAND and override.is_add():
        return f"{key} is chosen already; write it without the plus: {key}={value}"
    return None


def _known(selected: Sequence[str | None], files: Groups) -> list[str] | None:
    """Every option of the configuration with these groups; None where it does not compose."""
    overrides = [line for line in selected if line]
    if files.extra:
        overrides.append("hydra.searchpath=[" + ",".join(map(quoted, files.extra)) + "]")
    try:
        tree = OmegaConf.to_container(compose(files.program.primary, overrides=overrides))
        return paths(tree) if isinstance(tree, dict) else None  # type: ignore[arg-type]
    except (HydraException, OmegaConfBaseException):
        return None


def _option_advice(key: str, known: list[str], files: Groups) -> str:
    head = key.partition(".")[0]
    having = [
        f"{head}={choice}"
        for choice in files.of(head)
        if key in (_known([f"{head}={choice}"], files) or [])
    ]
    if having:
        one = "it" if len(having) == 1 else "one of them"
        return f"'{key}' is an option of {', '.join(having)} only; add {one}."
    return unknown_option(key, known, add=how_to_add(key), groups=files.names())


def _is_hydras(key: str) -> bool:
    return key.partition(".")[0].partition("/")[0] == "hydra"


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
