"""What jobs run on: GPUs, or shares of the CPU cores."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ackd.errors import ConfigError

__all__ = ["Slot", "Slots", "cores", "visible_devices"]


@dataclass(frozen=True)
class Slot:
    """A place for one job.

    Attributes:
        devices: GPUs as ``CUDA_VISIBLE_DEVICES`` names them; none for a job on the CPU.
        threads: Of every process of the job, None to leave them as they are.
    """

    devices: tuple[str, ...]
    threads: int | None

    @property
    def variables(self) -> dict[str, str]:
        """The environment that keeps a job in its place."""
        found = {"CUDA_VISIBLE_DEVICES": ",".join(self.devices)}
        if self.threads is not None:
            found |= {"OMP_NUM_THREADS": str(self.threads), "MKL_NUM_THREADS": str(self.threads)}
        return found

    def __str__(self) -> str:
        return f"GPU {','.join(self.devices)}" if self.devices else "CPU"


class Slots:
    """Hands out places and takes them back."""

    def __init__(self, devices: Sequence[str], places: int, threads: int | None = None) -> None:
        """Share out a machine.

        Args:
            devices: GPUs; one that stands there twice takes two jobs at a time.
            places: For jobs on the CPU, at a time.
            threads: Of every process, None to leave them as they are.

        Raises:
            ConfigError: There would be no place at all, or not one thread.
        """
        if places < 1:
            raise ConfigError(f"slots={places} leaves no place for a job; expected 1 or more.")
        if threads is not None and threads < 1:
            raise ConfigError(f"threads={threads} cannot be; expected 1 or more.")
        self._free = Counter(devices)
        self._places = places
        self.distinct = len(set(devices))
        self.threads = threads

    def take(self, devices: int, *, on_cpu: bool) -> Slot | None:
        """Find a place for a job that trains on so many devices; None where none is free."""
        if on_cpu or not self.distinct:
            if not self._places:
                return None
            self._places -= 1
            threads = None if self.threads is None else max(1, self.threads // devices)
            return Slot((), threads)
        idle = [name for name, count in self._free.most_common() if count > 0]
        if len(idle) < devices:
            return None
        chosen = tuple(idle[:devices])
        self._free.subtract(chosen)
        return Slot(chosen, self.threads)

    def give_back(self, slot: Slot) -> None:
        """Take a place back."""
        if slot.devices:
            self._free.update(slot.devices)
        else:
            self._places += 1

    def fits(self, devices: int, *, on_cpu: bool) -> bool:
        """Whether a job could ever run here."""
        return on_cpu or not self.distinct or devices <= self.distinct


def visible_devices() -> list[str]:
    """The GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    import torch

    count = torch.cuda.device_count()
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [name.strip() for name in given.split(",") if name.strip()] if given else []
    return names[:count] if names else [str(index) for index in range(count)]


def cores() -> int:
    """How many CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
