"""Options that are each right and contradict each other; a rule and its text are together."""

from __future__ import annotations

import os

from ackd.config.schema import Config
from ackd.config.schema.stages import SWITCHES
from ackd.errors import ConfigError, did_you_mean

__all__ = ["check_consistency"]

WANDB_MODES = ("online", "offline", "disabled", "shared", "dryrun", "run")  # as wandb takes them


def check_consistency(config: Config) -> None:
    """Check what takes more than one option to see.

    Raises:
        ConfigError: Two options contradict each other, or the environment contradicts one.
    """
    for rule in (
        _consistent_matching,
        _consistent_teacher,
        _consistent_loss,
        _consistent_data,
        _consistent_stages,
        _known_environment,
    ):
        rule(config)


def _consistent_matching(config: Config) -> None:
    twins = getattr(config.data, "twins", None)
    if config.matching.initial == "twins" and twins != "paired":
        found = twins or f"not an option of {config.data.name}"
        raise ConfigError(
            f"matching=twins pairs an RGB image with the MS image of the same scene, which needs "
            f"data.twins=paired, but data.twins is {found}."
        )
    if config.matching.redraw and config.matching.initial != "random":
        raise ConfigError(
            f"matching.redraw=true draws new random pairs in each epoch, which needs "
            f"matching=random, but matching.initial is {config.matching.initial}."
        )
    if config.matching.redraw and config.dynm.enabled:
        raise ConfigError(
            "matching.redraw=true and dynm.enabled=true would both change the pairs; "
            "switch one of them off."
        )


def _consistent_teacher(config: Config) -> None:
    student = config.student
    augments = config.data.augment or "ms" in config.data.augmentation
    if config.distils and augments and student.augment_ms and student.teacher != "live":
        raise ConfigError(
            "student.augment_ms=true augments the teacher's images differently in each epoch, so "
            f"its outputs cannot be stored (student.teacher={student.teacher}); use "
            "student.teacher=live."
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


def _consistent_stages(config: Config) -> None:
    """Refuse options that have no effect without another one."""
    for stage, training in config.trainings.items():
        for section, switch in SWITCHES.items():
            options = getattr(training, section)
            given = options.model_dump(exclude_defaults=True)
            if given and not options.is_on:
                name, value = next(iter(given.items()))
                said = str(value).lower() if isinstance(value, bool) else value
                raise ConfigError(
                    f"{stage}.{section}.{name}={said} has no effect as long as {section} is off; "
                    f"give {stage}.{section}.{switch}=VALUE as well."
                )


def _known_environment(config: Config) -> None:
    """Refuse a mode that wandb would refuse in a paragraph of its own, after the first stage."""
    mode = os.environ.get("WANDB_MODE")
    if config.logger.wandb is not None and mode is not None and mode not in WANDB_MODES:
        meant = did_you_mean(mode, WANDB_MODES, "WANDB_MODE={}")
        raise ConfigError(
            f"The environment variable WANDB_MODE={mode} is not valid: expected one of "
            f"{', '.join(WANDB_MODES)}.{meant} Unset it, and logger.wandb.mode decides."
        )
