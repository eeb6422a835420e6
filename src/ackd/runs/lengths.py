"""What in a student's training depends on how long it is: told where a run is trained longer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ackd.config.launch.schedules import schedule_of
from ackd.config.schema import Config, DynMConfig, RunConfig
from ackd.errors import ConfigError
from ackd.matching import rematch_epochs, scale_epochs

__all__ = ["length_notes", "matching_epochs"]


def matching_epochs(options: DynMConfig, length: int) -> list[int]:
    """The epochs at which DynM matches in a run of some length."""
    asked = rematch_epochs(options.e0, options.delta, options.mu, options.count)
    return scale_epochs(asked, length, options.reference_epochs)


def length_notes(config: RunConfig, before: Mapping[str, Any], done: int) -> list[str]:
    """Say in what a run that is trained longer differs from one of that length from the start.

    Args:
        config: Of the longer run.
        before: The options of the shorter one, see :func:`ackd.config.schema.identity.identity`.
        done: Epochs that have been trained.

    Returns:
        A sentence for each reason; none where both are the same, bit for bit.

    Raises:
        ConfigError: The schedule of the learning rate ends with the shorter run.
    """
    return _schedule_notes(config, before) + _matching_notes(config, before, done)


def _schedule_notes(config: RunConfig, before: Mapping[str, Any]) -> list[str]:
    student, old_length = config.student, int(before["student"]["max_epochs"])
    chosen, schedule = student.scheduler, schedule_of(student, "student.scheduler")
    if schedule is None:
        return []
    if chosen.target is not None:
        if schedule.per_step:
            raise ConfigError(
                f"student.scheduler._target_={chosen.target} was made for {old_length} epochs and "
                "ends with them; start again without ckpt_path to train longer."
            )
        return []
    if chosen.name == "step" and (chosen.step_size or chosen.milestones):
        return []
    return [
        f"student.scheduler={chosen.name} follows the length of the run, so that the learning rate "
        f"so far was that of {old_length} epochs and goes on as that of {student.max_epochs}."
    ]


def _matching_notes(config: RunConfig, before: Mapping[str, Any], done: int) -> list[str]:
    if not (isinstance(config, Config) and config.distils and config.dynm.enabled):
        return []
    old_length, length = int(before["student"]["max_epochs"]), config.student.max_epochs
    old_options = DynMConfig.model_validate(before["dynm"])
    old, new = matching_epochs(old_options, old_length), matching_epochs(config.dynm, length)
    if [e for e in old if e < done] == [e for e in new if e < done]:
        return []
    reference = old_options.reference_epochs * length
    way = (
        f"; dynm.reference_epochs={reference // old_length} keeps the epochs of the old length"
        if reference % old_length == 0
        else ""
    )
    return [
        f"DynM matched at epochs {[e for e in old if e < done]}, where a run of {length} matches "
        f"at {new} (dynm.reference_epochs={config.dynm.reference_epochs} scales them){way}."
    ]
