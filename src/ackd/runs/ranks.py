"""Several processes that train one network: who writes, and how they agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import torch.distributed
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.utilities import rank_zero_only

from ackd.config.launch.processes import cluster_environment
from ackd.config.launch.trainer import processes
from ackd.utils.networks import together

__all__ = ["agree", "barrier", "compute_device", "device_of", "first_rank", "meet", "part"]

T = TypeVar("T")


def first_rank() -> bool:
    """Whether this process writes the files of a run; a single process does."""
    return bool(rank_zero_only.rank == 0)  # type: ignore[attr-defined]


def meet(trainer: Mapping[str, Any]) -> None:
    """Bring the ranks of a run together before its first stage, so that they share all of its work.

    A Trainer only does so in ``fit``. Until then the first rank is alone, if Lightning is to start
    the others; and ranks that torchrun or Slurm have started do not know of each other. Here
    Lightning starts or connects them in its usual way, and Trainers find the connection made. Ranks
    then go through all stages side by side: what is said to one has to be said to all of them.

    Args:
        trainer: The Trainer's arguments.
    """
    if together() or not torch.distributed.is_available():
        return
    accelerator = trainer.get("accelerator", "auto")
    if device_of(accelerator).type not in ("cpu", "cuda"):
        return
    if processes(trainer) == 1:
        return  # nobody to meet; in a notebook, Lightning would not even look for others
    fabric = Fabric(
        accelerator=accelerator, devices=trainer.get("devices", "auto"),
        num_nodes=trainer.get("num_nodes", 1), strategy="ddp", plugins=cluster_environment(),
    )  # fmt: skip
    if fabric.world_size > 1:
        fabric.launch()


def device_of(accelerator: str) -> torch.device:
    """The first device that a Trainer with this accelerator would use."""
    # Not with the process's own environment, in which one device may be too few.
    device: torch.device = Fabric(
        accelerator=accelerator, devices=1, plugins=LightningEnvironment()
    ).device
    return device


def compute_device(trainer: Mapping[str, Any]) -> torch.device:
    """The device that a Trainer would choose for this rank, for work outside of a Trainer.

    Args:
        trainer: The Trainer's arguments.
    """
    device = device_of(trainer.get("accelerator", "auto"))
    if device.type == "cuda" and torch.distributed.is_initialized():
        # Chosen when the ranks met.
        return torch.device("cuda", torch.cuda.current_device())
    return device


def agree(value: T) -> T:
    """Return the first rank's value on every rank; a process alone keeps its own."""
    if not together():
        return value
    box = [value]
    torch.distributed.broadcast_object_list(box, src=0)
    return box[0]


def barrier() -> None:
    """Wait for all ranks; a process alone goes on."""
    if together():
        torch.distributed.barrier()


def part() -> None:
    """Wait for all ranks at the end of a run and close their connections.

    Lightning leaves them open, and a process that exits while another still holds its end may hang.
    """
    if together():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
