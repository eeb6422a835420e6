"""What a user says about the pool."""

from __future__ import annotations

import os
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, PositiveInt, ValidationError

from ackd.config.messages.values import refused_values
from ackd.errors import ConfigError
from ackd.sweeps.slots import Slots, cores, visible_devices

__all__ = ["PoolOptions", "read_options"]


class PoolOptions(BaseModel):
    """Which devices there are and how many jobs share them.

    Attributes:
        devices: ``"auto"`` for all GPUs that are visible, or their numbers; one that is named twice
            takes two jobs at a time; an empty list keeps all jobs on the CPU.
        slots: Jobs on the CPU at a time; None: one a core.
        threads: Of every process; None: the cores shared out, or what ``OMP_NUM_THREADS`` says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    devices: Literal["auto"] | list[int | str] = "auto"
    slots: PositiveInt | None = None
    threads: PositiveInt | None = None

    def share_out(self, jobs: int) -> Slots:
        """Divide this machine among a number of jobs."""
        named = [str(name) for name in self.devices] if self.devices != "auto" else None
        devices = visible_devices() if named is None else named
        places = self.slots or max(1, min(jobs, cores()))
        threads = self.threads
        if threads is None and "OMP_NUM_THREADS" not in os.environ:
            threads = max(1, cores() // max(1, len(devices) or places))
        return Slots(devices, places, threads)


def read_options(given: dict[str, Any], place: str) -> PoolOptions:
    """Check options of the pool.

    Args:
        given: As the user wrote them.
        place: Where they stand, e.g. ``"hydra.launcher"``.

    Raises:
        ConfigError: A name or a value cannot be.
    """
    try:
        return PoolOptions.model_validate(given)
    except ValidationError as error:
        tree = {place: given}
        items = [item | {"loc": (place, *item["loc"])} for item in error.errors(include_url=False)]
        known = [f"{place}.{name}" for name in PoolOptions.model_fields]
        raise ConfigError("\n".join(refused_values(items, tree, known))) from error
