"""Find every mistake of a composed configuration before anything heavy starts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from ackd.config.data import DATA_NAMES
from ackd.config.location import config_dir
from ackd.config.options import nearest_option, option_paths
from ackd.config.schema import Config
from ackd.errors import ConfigError, nearest
from ackd.utils.values import paths

__all__ = ["check_config"]


def check_config(tree: Mapping[str, Any], *, look: bool = False) -> Config:
    """Turn a resolved mapping into a :class:`Config`.

    Args:
        tree: The composed configuration as plain dicts, lists and scalars.
        look: Whether to look at what the options of the data set lead to as well, on a machine that
            has the images; see :func:`ackd.config.own_data.check_data`.

    Raises:
        ConfigError: A key is misspelt, a value has the wrong type or range, or two options
            contradict each other; every such place is named, one a line.
        DataError: A folder that was looked at is not what it should be.
    """
    try:
        config = Config.model_validate(dict(tree))
    except ValidationError as error:
        lines = [_sentence(item, tree) for item in error.errors(include_url=False)]
        raise ConfigError("\n".join(dict.fromkeys(lines))) from error
    for rule in (
        _consistent_matching,
        _consistent_teacher,
        _consistent_loss,
        _consistent_data,
        _known_kd_defaults,
    ):
        rule(config)
    if look:
        # Late: this imports NumPy and rasterio, which --cfg and --help do without.
        from ackd.config.own_data import check_data

        check_data(config)
    # Late: this imports torch and Lightning, which a misspelt key should not have to wait for.
    from ackd.config.buildable import check_buildable

    check_buildable(config)
    return config


def _consistent_matching(config: Config) -> None:
    twins = getattr(config.data, "twins", None)
    if config.matching.initial == "twins" and twins != "paired":
        raise ConfigError(
            f"matching=twins pairs an RGB image with the MS image of the same scene, which needs "
            f"data.twins=paired, but data.twins is {twins or f'no option of {config.data.name}'}."
        )
    if config.matching.redraw and config.matching.initial != "random":
        raise ConfigError(
            f"matching.redraw=true draws random pairs anew each epoch, which needs "
            f"matching=random, but matching.initial is {config.matching.initial}."
        )
    if config.matching.redraw and config.dynm.enabled:
        raise ConfigError(
            "matching.redraw=true and dynm.enabled=true would both change the pairs; "
            "switch one of them off."
        )


def _consistent_teacher(config: Config) -> None:
    student = config.student
    if config.distils and config.data.augment and student.augment_ms and student.teacher != "live":
        raise ConfigError(
            "student.augment_ms=true turns the teacher's images anew each epoch, so its outputs "
            f"cannot be stored (student.teacher={student.teacher}); use student.teacher=live."
        )


def _consistent_loss(config: Config) -> None:
    loss = config.loss
    if loss.lambda2 is None and loss.lambda1 > 1:
        raise ConfigError(
            f"loss.lambda1={loss.lambda1} makes lambda2 = 1 - lambda1 negative; choose "
            "lambda1 between 0 and 1, or give loss.lambda2 as well."
        )
    if loss.teacher_logits != "raw" and not config.distils:
        raise ConfigError(
            f"loss.teacher_logits={loss.teacher_logits} says how a teacher's logits are read, but "
            f"method={config.method} has no teacher with the other options given; leave it out "
            "(loss.teacher_logits=raw) or choose a loss that distils, e.g. kd=vanilla."
        )
    # The name of the method goes into result.json and into every table.
    if config.method == "baseline" and (loss.kd or config.distils):
        terms = [f"loss.kd.{name}" for name in loss.kd] or ["ska.ot1 or ska.ot2"]
        raise ConfigError(
            f"method=baseline is the student alone, but {', '.join(terms)} asks for a teacher; "
            "use method=kd or method=sembridge, or leave that out (kd=none)."
        )
    if config.method == "kd" and not loss.kd and not config.aligns:
        raise ConfigError(
            "method=kd with kd=none has nothing to distil; choose a loss, e.g. kd=vanilla, or "
            "method=baseline for the student alone."
        )


def _consistent_data(config: Config) -> None:
    bands = config.data.bands or []
    if len(set(bands)) != len(bands):
        raise ConfigError(f"data.bands={bands} names a band twice.")


def _known_kd_defaults(config: Config) -> None:
    """Refuse a recipe value that no loss reads: it would have no effect."""
    reference = re.compile(r"\$\{kd_defaults\.(\w+)\.(\w+)\}")
    known: dict[str, set[str]] = {}
    for path in (config_dir() / "kd").glob("*.yaml"):
        for name, argument in reference.findall(path.read_text(encoding="utf-8")):
            known.setdefault(name, set()).add(argument)
    for name, values in config.kd_defaults.items():
        if name not in known and name in config.loss.kd:
            continue  # a loss of the user's own
        if name not in known:
            close = nearest(name, known)
            hint = f" Did you mean 'kd_defaults.{close}'?" if close else ""
            raise ConfigError(
                f"There is no option 'kd_defaults.{name}'.{hint} Known: {', '.join(sorted(known))}."
            )
        for argument in values:
            if argument not in known[name]:
                close = nearest(argument, known[name])
                hint = f" Did you mean 'kd_defaults.{name}.{close}'?" if close else ""
                raise ConfigError(
                    f"There is no option 'kd_defaults.{name}.{argument}'.{hint} "
                    f"Known: {', '.join(sorted(known[name]))}."
                )


def _sentence(item: Mapping[str, Any], tree: Mapping[str, Any]) -> str:
    """Say one pydantic error as: option, value, what was expected, the nearest right name."""
    parts = list(item["loc"])
    # A discriminated union puts its tag into the path; the option has no such part.
    if len(parts) > 1 and parts[0] == "data" and parts[1] in DATA_NAMES:
        parts.pop(1)
    option = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts).lstrip(".")
    value, kind = item.get("input"), item["type"]
    if kind == "extra_forbidden":
        known = option_paths(Config)
        if option in known:
            return f"'{option}' is no option of data={_name_of(tree)}, only of another data set."
        if option in _groups():
            return (
                f"A file of the group '{option}' puts its options under '{option}', where none is "
                "known; its first line should be: # @package _global_"
            )
        written = [path for path in paths(tree) if _is_open(path)]
        close = nearest_option(option, [*known, *written])
        hint = f" Did you mean '{close}'?" if close else ""
        return f"There is no option '{option}'.{hint} (See --cfg job for all of them.)"
    if kind == "missing":
        return f"The option '{option}' is missing; give it as {option}=VALUE."
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        name = _name_of(tree)
        known = list(DATA_NAMES)
        close = nearest(str(name), known)
        hint = f" Did you mean data={close}?" if close else ""
        return f"data.name={name} is no data set.{hint} Known: {', '.join(known)}."
    if kind == "list_type":
        return f"{option}={value!r} cannot be: expected a list, e.g. {option}=[{value}]."
    if kind == "too_short":
        return f"{option}={value!r} cannot be: expected at least {item['ctx']['min_length']} entry."
    if kind == "string_too_short":
        return f"{option}={value!r} cannot be: expected at least one character."
    expected = str(item["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    if kind == "model_type" or expected.startswith("a valid dictionary"):
        expected = "a group of options, not a single value"
    hint = ""
    if kind == "literal_error" and isinstance(value, str):
        choices = str(item["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        close = nearest(value, choices)
        target = re.sub(r"\[\d+\]$", "", option)
        meant = f"{target}=[{close}]" if target != option else f"{option}={close}"
        hint = f" Did you mean {meant}?" if close else ""
    return f"{option}={value!r} cannot be: expected {expected}.{hint}"


def _groups() -> list[str]:
    return [path.name for path in config_dir().iterdir() if path.is_dir()]


def _is_open(path: str) -> bool:
    """Whether an option stands in a mapping that the schema leaves to what it configures."""
    return ".optimizer." in path or path.startswith("trainer.")


def _name_of(tree: Mapping[str, Any]) -> object:
    data = tree.get("data")
    return data.get("name") if isinstance(data, Mapping) else data
