"""The schedule of a stage's learning rate, from its options."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from ackd.config.launch.targets import check_target, instantiate
from ackd.config.schema.training import READS, TrainingConfig
from ackd.errors import ConfigError
from ackd.modules.schedules import OptimizerFactory, Schedule, named, of_class
from ackd.utils.targets import locate

__all__ = ["check_schedule", "schedule_of"]

LONGEST_WARMUP = 5  # epochs of warmup_cosine where none are given


def schedule_of(options: TrainingConfig, option: str) -> Schedule | None:
    """Make the schedule of a stage.

    Args:
        options: Of the stage.
        option: Where its schedule is chosen, e.g. ``"student.scheduler"``.

    Returns:
        None for a learning rate that stays.
    """
    chosen = options.scheduler
    if not chosen.is_on:
        return None
    if chosen.target is not None:
        node = {"_target_": chosen.target, **chosen.given}
        build = partial(_instance, node, option)
        return of_class(locate(chosen.target, option), build, given=chosen.given)
    given = dict(chosen.given)
    if chosen.name == "warmup_cosine":
        given.setdefault("warmup_epochs", min(LONGEST_WARMUP, options.max_epochs / 10))
    return named("cosine" if chosen.name == "warmup_cosine" else chosen.name, **given)


def check_schedule(options: TrainingConfig, option: str, optimizer: OptimizerFactory) -> None:
    """Build the schedule of a stage once, to see that it can be built.

    Raises:
        ConfigError: It cannot, or an option has no effect on it.
    """
    chosen = options.scheduler
    if chosen.target is not None:
        if chosen.name != "none":
            raise ConfigError(
                f"{option}.name={chosen.name} and {option}._target_={chosen.target} are two "
                "schedules; leave one of them out."
            )
        node = {"_target_": chosen.target, **chosen.given}
        found = locate(chosen.target, option)
        if isinstance(found, type) and not issubclass(found, LRScheduler):
            raise _not_a_schedule(node, option)
        check_target(node, option, taken={"optimizer": option.replace("scheduler", "optimizer")})
    else:
        _check_parameters(options, option)
    schedule = schedule_of(options, option)
    if schedule is None:
        return
    try:
        schedule.build(optimizer([nn.Parameter(torch.zeros(1))]), 1, options.max_epochs)
    except ConfigError:
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{option}: {error}.") from error


def _check_parameters(options: TrainingConfig, option: str) -> None:
    chosen = options.scheduler
    for key in chosen.given:
        if key not in READS[chosen.name]:
            readers = [name for name, keys in READS.items() if key in keys]
            raise ConfigError(
                f"{option}.{key}={chosen.given[key]} has no effect with {option}.name="
                f"{chosen.name}; it belongs to {', '.join(readers)}: {option}.name={readers[0]}"
            )
    if chosen.step_size is not None and chosen.milestones is not None:
        raise ConfigError(
            f"{option}.step_size and {option}.milestones both say when the learning rate falls; "
            "give one of them."
        )
    last = max([chosen.warmup_epochs or 0, chosen.step_size or 0, *(chosen.milestones or ())])
    if last >= options.max_epochs:
        (key,) = [
            key for key in ("warmup_epochs", "step_size", "milestones")
            if (value := getattr(chosen, key)) is not None
            and (max(value) if isinstance(value, list) else value) == last
        ][:1]  # fmt: skip
        value = str(getattr(chosen, key)).replace(" ", "")
        stage = option.partition(".")[0]
        raise ConfigError(
            f"{option}.{key}={value} is not before the end of the training: "
            f"{stage}.max_epochs={options.max_epochs}."
        )


def _instance(node: dict[str, object], option: str, *args: object, **more: object) -> LRScheduler:
    scheduler = instantiate({**node, **more}, option, *args)
    if not isinstance(scheduler, LRScheduler):
        raise _not_a_schedule(node, option)
    return scheduler


def _not_a_schedule(node: Mapping[str, object], option: str) -> ConfigError:
    return ConfigError(
        f"{option}._target_={node['_target_']} is not a schedule; name a subclass of "
        "torch.optim.lr_scheduler.LRScheduler, e.g. torch.optim.lr_scheduler.StepLR."
    )
