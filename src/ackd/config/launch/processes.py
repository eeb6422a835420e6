"""Who started this process, and whether that fits the processes that the options ask for.

Lightning believes variables such as ``LOCAL_RANK`` and ``SLURM_NTASKS`` wherever they come from. A
notebook or an interactive allocation leaves them in a shell, and a single process then takes itself
for the second of two: it trains in silence and writes nothing, or waits for ever.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment

from ackd.errors import ConfigError

__all__ = ["check_launch", "cluster_environment", "slurm_tasks"]

RANKS = ("LOCAL_RANK", "RANK", "NODE_RANK", "GROUP_RANK")
NUMBERS = (
    *RANKS, "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_PORT", "SLURM_NTASKS", "SLURM_PROCID",
    "SLURM_LOCALID", "SLURM_NODEID", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS_PER_NODE",
    "SLURM_NNODES",
)  # fmt: skip
# Slurm numbers the steps that srun did not start downwards from here.
NOT_A_STEP = 2**32 - 16


def check_launch(processes: int, *, nodes: int = 1) -> None:
    """See that this process is one of as many as the options ask for.

    Args:
        processes: How many train together, on all nodes.
        nodes: How many machines that is.

    Raises:
        ConfigError: A launcher has started more or fewer, or has left variables of another run.
    """
    given = os.environ
    for name in NUMBERS:
        if name in given and not given[name].isdigit():
            raise ConfigError(
                f"The environment variable {name}={given[name]} is not a number; it belongs to a "
                f"launcher of several processes: unset {name}"
            )
    asked = f"trainer.devices={processes // nodes}" + (
        f" +trainer.num_nodes={nodes}" if nodes > 1 else ""
    )
    if TorchElasticEnvironment.detect():
        started = int(given.get("WORLD_SIZE", "1"))
        if started != processes:
            raise ConfigError(
                f"torchrun started {_several(started)} (WORLD_SIZE), but {asked} trains with "
                f"{processes}; give {_fitting(started, given.get('LOCAL_WORLD_SIZE'))}, or start "
                "the command without torchrun."
            )
    elif slurm_tasks(given) > 1:
        _check_slurm(given, processes, asked)
    elif processes == 1:
        _refuse_leftovers(given, asked)
    else:
        _check_own_launcher(given, processes, nodes, asked)


def cluster_environment() -> ClusterEnvironment | None:
    """What a Trainer should take this process for; None where it finds that out by itself.

    Slurm's variables alone say nothing: an allocation sets them for a single process as well. And
    where srun did start the processes, Lightning would answer SIGUSR1 with a checkpoint of its own,
    in the middle of an epoch, that it prefers to the chosen weights ever after.
    """
    if TorchElasticEnvironment.detect():
        return None
    if slurm_tasks(os.environ) > 1:
        return SLURMEnvironment(auto_requeue=False)
    return LightningEnvironment() if "SLURM_NTASKS" in os.environ else None


def slurm_tasks(given: Mapping[str, str]) -> int:
    """How many tasks srun has started together with this process; 1 where it did not start it.

    ``SLURM_NTASKS`` is also set in an allocation (salloc), in a batch script and in whatever they
    start; only srun sets the variables of a step.
    """
    if "SLURM_PTY_PORT" in given:  # a shell
        return 1
    tasks = given.get("SLURM_STEP_NUM_TASKS")
    if tasks is None and int(given.get("SLURM_PROCID", "0")) > 0:
        tasks = given.get("SLURM_NTASKS", "2")
    if tasks is None:
        step = given.get("SLURM_STEP_ID", "")
        tasks = given.get("SLURM_NTASKS") if step.isdigit() and int(step) < NOT_A_STEP else None
    return int(tasks or 1)


def _check_slurm(given: Mapping[str, str], processes: int, asked: str) -> None:
    tasks, place = slurm_tasks(given), int(given.get("SLURM_PROCID", "0"))
    if tasks != processes:
        raise ConfigError(
            f"This is task {place + 1} of {tasks} that srun started (SLURM_PROCID={place}), but "
            f"{asked} trains with {_several(processes)}; ask Slurm for --ntasks={processes}, or "
            f"give {_fitting(tasks, given.get('SLURM_NTASKS_PER_NODE'))}. In a shell where these "
            "variables are left over: unset ${!SLURM_@}"
        )
    if "SLURM_NTASKS_PER_NODE" not in given:
        nodes = int(given.get("SLURM_NNODES", "1"))
        raise ConfigError(
            f"srun started {tasks} tasks without saying how many are on a node; ask Slurm for "
            f"--ntasks-per-node={tasks // nodes} instead of --ntasks={tasks}."
        )


def _refuse_leftovers(given: Mapping[str, str], asked: str) -> None:
    """A single process is the first of one."""
    for name in (*RANKS, "WORLD_SIZE"):
        alone = "1" if name == "WORLD_SIZE" else "0"
        if int(given.get(name, alone)) != int(alone):
            raise ConfigError(
                f"The environment variable {name}={given[name]} says that this is one of several "
                f"processes, but {asked} trains with one, which would write nothing. If it is left "
                f"over: unset {name}. To train with several, say how many: trainer.devices=N"
            )


def _check_own_launcher(given: Mapping[str, str], processes: int, nodes: int, asked: str) -> None:
    """Processes that Lightning has started, or somebody's own script in Lightning's way."""
    per_node = processes // nodes
    names = ["MASTER_ADDR", "MASTER_PORT"]
    if "LOCAL_RANK" not in given and nodes > 1:
        missing = [name for name in (*names, "NODE_RANK") if name not in given]
        if missing:
            raise ConfigError(
                f"{asked} needs this command on every node, but {', '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} not set, and it would wait for ever; start"
                " it with srun or torchrun."
            )
    if "LOCAL_RANK" in given:
        missing = [name for name in names if name not in given]
        if missing:
            raise ConfigError(
                f"The environment variable LOCAL_RANK={given['LOCAL_RANK']} says that a launcher "
                f"starts all processes, but {' and '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} not set, and {asked} would wait for them "
                "for ever. If it is left over: unset LOCAL_RANK, and the others are started."
            )
        if int(given["LOCAL_RANK"]) >= per_node:
            raise ConfigError(
                f"The environment variable LOCAL_RANK={given['LOCAL_RANK']} is not one of the "
                f"{per_node} processes of {asked}, which count from 0; unset it if it is left over."
            )
    started = int(given.get("WORLD_SIZE", processes))
    if started != processes:
        raise ConfigError(
            f"The environment variable WORLD_SIZE={started} says that {started} processes train "
            f"together, but {asked} is {processes}; unset it if it is left over, or give "
            f"{_fitting(started, None)}."
        )


def _several(count: int) -> str:
    return "one process" if count == 1 else f"{count} processes"


def _fitting(processes: int, per_node: str | None) -> str:
    """Options for that many processes."""
    local = int(per_node) if per_node and int(per_node) > 0 else processes
    nodes = processes // local
    more = f" +trainer.num_nodes={nodes}" if nodes > 1 else ""
    return f"trainer.devices={local}{more}"
