"""Find every mistake of a composed configuration before anything heavy starts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from ackd.config.data import DATA_NAMES
from ackd.config.messages import option_at, refused_values
from ackd.config.options import MOVED, moved, option_paths
from ackd.config.places import check_places
from ackd.config.schema import Config
from ackd.errors import ConfigError, did_you_mean
from ackd.utils.values import paths

__all__ = ["check_config", "parse"]

# Pydantic's words for its dataclasses and for tuples, and its words for what is the same here.
SAME = {
    "unexpected_keyword_argument": "extra_forbidden",
    "dataclass_type": "model_type",
    "tuple_type": "list_type",
}
WANDB_MODES = ("online", "offline", "disabled", "shared", "dryrun", "run")  # as wandb takes them


def check_config(tree: Mapping[str, Any], *, look: bool = False) -> Config:
    """Turn a resolved mapping into a :class:`Config`.

    What takes least is checked first: names and values, files and folders, and then what has to be
    built, which needs torch and Lightning.

    Args:
        tree: The composed configuration as plain dicts, lists and scalars.
        look: Whether to look at the files and folders that options name as well, on a machine that
            has them; see :mod:`ackd.config.places` and :mod:`ackd.config.own_data`.

    Raises:
        ConfigError: A key is misspelt, a value has the wrong type or range, or two options
            contradict each other; every such place is named, one a line.
        DataError: A folder that was looked at is not what it should be.
    """
    config = parse(tree)
    for rule in (
        _consistent_matching,
        _consistent_teacher,
        _consistent_loss,
        _consistent_data,
        _known_environment,
    ):
        rule(config)
    if look:
        check_places(config)
        # Late: this imports NumPy and rasterio, which --cfg and --help do without.
        from ackd.config.own_data import check_data

        check_data(config)
    # Late: this imports torch and Lightning, which a misspelt key should not have to wait for.
    from ackd.config.buildable import check_buildable

    check_buildable(config)
    return config


def parse(tree: Mapping[str, Any]) -> Config:
    """Hold a resolved mapping against the schema alone.

    Raises:
        ConfigError: A name, a type or a range is wrong; every such place is named, one a line.
    """
    try:
        return Config.model_validate(dict(tree))
    except ValidationError as error:
        found = [{**item, "type": SAME.get(item["type"], item["type"])} for item in error.errors()]
        lines = _sentences(found, tree)
        raise ConfigError("\n".join(lines)) from error


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
    bands = config.data.bands or ()
    if len(set(bands)) != len(bands):
        raise ConfigError(f"data.bands=[{','.join(bands)}] names a band twice.")


def _known_environment(config: Config) -> None:
    """Refuse a mode that wandb would refuse in a paragraph of its own, after the first stage."""
    mode = os.environ.get("WANDB_MODE")
    if config.logger.wandb is not None and mode is not None and mode not in WANDB_MODES:
        meant = did_you_mean(mode, WANDB_MODES, "WANDB_MODE={}")
        raise ConfigError(
            f"The environment variable WANDB_MODE={mode} cannot be: expected one of "
            f"{', '.join(WANDB_MODES)}.{meant} Unset it, and logger.wandb.mode decides."
        )


def _sentences(items: Iterable[Mapping[str, Any]], tree: Mapping[str, Any]) -> list[str]:
    """Say what the schema has refused."""
    name, schema, found, others = _name_of(tree), option_paths(Config), [], []
    for item in items:
        option = option_at(item, tree)
        if str(item["type"]).startswith("union_tag"):
            meant = did_you_mean(str(name), DATA_NAMES, "data={}")
            found.append(
                f"data.name={name} is not a data set.{meant} Known: {', '.join(DATA_NAMES)}."
            )
        elif option == MOVED:
            moves = {MOVED: item["input"]}
            found += [moved(path) for path in paths(moves) if path.count(".") == 2]
        elif item["type"] == "extra_forbidden" and option in schema:
            found.append(f"'{option}' is not an option of data={name}, only of another data set.")
        else:
            others.append(item)
    written = [path for path in paths(tree) if _is_open(path)]
    return found + refused_values(others, tree, [*schema, *written])


def _is_open(path: str) -> bool:
    """Whether an option stands in a mapping that the schema leaves to what it configures."""
    return ".optimizer." in path or ".scheduler." in path or path.startswith("trainer.")


def _name_of(tree: Mapping[str, Any]) -> object:
    data = tree.get("data")
    return data.get("name") if isinstance(data, Mapping) else data
