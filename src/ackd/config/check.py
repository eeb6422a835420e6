"""Find every mistake of a composed configuration before anything heavy starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ackd.config.schema import Config
from ackd.errors import ConfigError, nearest

__all__ = ["check_config"]


def check_config(tree: Mapping[str, Any]) -> Config:
    """Turn a resolved mapping into a :class:`Config`.

    Args:
        tree: The composed configuration as plain dicts, lists and scalars.

    Raises:
        ConfigError: A key is misspelt, a value has the wrong type or range, or two options
            contradict each other; every such place is named, one a line.
    """
    try:
        config = Config.model_validate(dict(tree))
    except ValidationError as error:
        lines = [_sentence(item, tree) for item in error.errors(include_url=False)]
        raise ConfigError("\n".join(dict.fromkeys(lines))) from error
    for rule in (_consistent_matching, _consistent_loss, _consistent_lengths, _known_targets):
        rule(config)
    return config


def _consistent_matching(config: Config) -> None:
    twins = getattr(config.data, "twins", None)
    if config.matching.initial == "twins" and twins != "paired":
        raise ConfigError(
            f"matching=twins pairs an RGB image with the MS image of the same scene, which needs "
            f"data.twins=paired, but data.twins is {twins}."
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


def _consistent_loss(config: Config) -> None:
    if config.loss.lambda2 is None and config.loss.lambda1 > 1:
        raise ConfigError(
            f"loss.lambda1={config.loss.lambda1} makes lambda2 = 1 - lambda1 negative; choose "
            "lambda1 between 0 and 1, or give loss.lambda2 as well."
        )


def _consistent_lengths(config: Config) -> None:
    if len(set(config.data.bands)) != len(config.data.bands):
        raise ConfigError(f"data.bands={config.data.bands} names a band twice.")


def _known_targets(config: Config) -> None:
    # Late: this imports torch and Lightning, which a misspelt key should not have to wait for.
    from lightning.pytorch import Trainer

    from ackd.config.targets import check_arguments, check_target

    for stage in ("teacher", "matcher", "student"):
        node = getattr(config, stage).optimizer
        check_target(node, f"{stage}.optimizer", taken=["params"])
    for name, term in config.loss.kd.items():
        check_target(term.loss, f"loss.kd.{name}.loss")
    ours = [
        "self",
        "max_epochs",
        "logger",
        "callbacks",
        "default_root_dir",
        "use_distributed_sampler",
    ]
    check_arguments(Trainer, config.trainer, "trainer", taken=ours)


def _sentence(item: Mapping[str, Any], tree: Mapping[str, Any]) -> str:
    """Say one pydantic error as: option, value, what was expected, the nearest right name."""
    # A discriminated union puts its tag into the path; the option has no such part.
    path = [str(p) for p in item["loc"]]
    if len(path) > 1 and path[0] == "data" and path[1] in {"synthetic", "s2s_eu"}:
        path.pop(1)
    option = ".".join(path)
    value = item.get("input")
    if item["type"] == "extra_forbidden":
        known = [k for k in _options(Config) if k != option]
        siblings = [k for k in known if k.rpartition(".")[0] == option.rpartition(".")[0]]
        close = nearest(option, siblings) or nearest(option, known)
        hint = f" Did you mean '{close}'?" if close else ""
        return f"There is no option '{option}'.{hint} (See --cfg job for all of them.)"
    if item["type"] == "missing":
        return f"The option '{option}' is missing; give it as {option}=VALUE."
    if item["type"] == "union_tag_invalid":
        return f"data.name={_name_of(tree)} is no data set. Known: synthetic, s2s_eu."
    expected = str(item["msg"]).removeprefix("Input should be ").removeprefix("Value error, ")
    hint = ""
    if item["type"] == "literal_error" and isinstance(value, str):
        choices = str(item["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        close = nearest(value, choices)
        hint = f" Did you mean {option}={close}?" if close else ""
    return f"{option}={value!r} cannot be: expected {expected}.{hint}"


def _name_of(tree: Mapping[str, Any]) -> object:
    data = tree.get("data")
    return data.get("name") if isinstance(data, Mapping) else data


def _options(model: type[BaseModel], prefix: str = "") -> list[str]:
    """All option paths of a schema, e.g. ``loss.lambda1``."""
    found: list[str] = []
    for name, field in model.model_fields.items():
        found.append(prefix + name)
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                found += _options(part, f"{prefix}{name}.")
    return list(dict.fromkeys(found))
