"""Variables of launchers: they fit the options, are passed over, or are refused by name."""

from __future__ import annotations

import os

import pytest
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

from ackd.config.launch.processes import check_launch, cluster_environment, slurm_tasks
from ackd.errors import ConfigError

# What each of them leaves in the environment of a process.
SALLOC = "SLURM_JOB_ID=7 SLURM_JOB_NAME=mine SLURM_NTASKS=4 SLURM_NNODES=1"
BATCH = f"{SALLOC} SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0 SLURM_NTASKS_PER_NODE=4"
SRUN = f"{BATCH} SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=4"
SHELL = f"{SRUN} SLURM_PTY_PORT=4000 SLURM_JOB_NAME=bash"
ONE = "SLURM_JOB_ID=7 SLURM_NTASKS=1 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_STEP_NUM_TASKS=1"
TORCHRUN = (
    "TORCHELASTIC_RUN_ID=x RANK=1 LOCAL_RANK=1 GROUP_RANK=0 WORLD_SIZE=2 LOCAL_WORLD_SIZE=2 "
    "MASTER_ADDR=h MASTER_PORT=1"
)
CHILD = "LOCAL_RANK=1 NODE_RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT=29500"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.startswith(("SLURM", "TORCHELASTIC", "MASTER")) or "RANK" in name:
            monkeypatch.delenv(name)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    return monkeypatch


def put(shell: pytest.MonkeyPatch, words: str) -> None:
    for word in words.split():
        shell.setenv(*word.split("=", 1))


@pytest.mark.parametrize(
    ("words", "processes", "nodes", "said"),
    [
        # Left over in a shell.
        ("LOCAL_RANK=1", 1, 1, r"LOCAL_RANK=1 .* several.*write nothing.*unset LOCAL_RANK"),
        ("RANK=3", 1, 1, "unset RANK"),
        ("NODE_RANK=1", 1, 1, "unset NODE_RANK"),
        ("WORLD_SIZE=2 RANK=0", 1, 1, "unset WORLD_SIZE"),
        ("LOCAL_RANK=0", 2, 1, "MASTER_ADDR and MASTER_PORT are not set.*unset LOCAL_RANK"),
        ("LOCAL_RANK=one", 1, 1, "LOCAL_RANK=one is not a number"),
        ("LOCAL_RANK=2 MASTER_ADDR=h MASTER_PORT=1", 2, 1, "not one of the 2 processes"),
        (f"{CHILD} WORLD_SIZE=4", 2, 1, r"WORLD_SIZE=4.*trainer\.devices=4"),
        # Launchers of more or fewer than the options say.
        (TORCHRUN, 1, 1, r"torchrun started 2 .*trainer\.devices=1.*give trainer\.devices=2"),
        (f"{TORCHRUN} WORLD_SIZE=4", 1, 1, r"give trainer\.devices=2 \+trainer\.num_nodes=2"),
        (SRUN, 1, 1, r"task 1 of 4 .*--ntasks=1, or give trainer\.devices=4"),
        (f"{SRUN} SLURM_PROCID=3", 2, 1, r"task 4 of 4 .*trainer\.devices=2"),
        (f"{SALLOC} SLURM_PROCID=1", 1, 1, r"SLURM_PROCID=1.*unset \$\{!SLURM_@\}"),
        ("SLURM_NTASKS=2 SLURM_STEP_NUM_TASKS=2", 2, 1, "--ntasks-per-node=2 instead of --ntasks"),
        # More machines, but nobody who starts the others.
        ("", 4, 2, r"\+trainer\.num_nodes=2 .*MASTER_ADDR, MASTER_PORT, NODE_RANK are not set"),
        (SALLOC, 4, 2, "srun or torchrun"),
        ("MASTER_ADDR=h MASTER_PORT=1", 4, 2, "NODE_RANK is not set"),
    ],
)
def test_what_does_not_fit_is_refused(
    shell: pytest.MonkeyPatch, words: str, processes: int, nodes: int, said: str
) -> None:
    put(shell, words)
    with pytest.raises(ConfigError, match=said):
        check_launch(processes, nodes=nodes)


@pytest.mark.parametrize(
    ("words", "processes", "nodes"),
    [
        ("", 1, 1),
        ("", 2, 1),
        ("LOCAL_RANK=0 RANK=0 WORLD_SIZE=1 NODE_RANK=0", 1, 1),
        (CHILD, 2, 1),
        (TORCHRUN, 2, 1),
        ("MASTER_ADDR=h MASTER_PORT=1 NODE_RANK=1", 4, 2),
        # A single process inside of an allocation for more.
        (SALLOC, 1, 1),
        (SALLOC, 2, 1),
        (BATCH, 1, 1),
        (BATCH, 4, 1),
        (SHELL, 1, 1),
        (ONE, 1, 1),
        (ONE, 2, 1),
        ("SLURM_JOB_ID=7 SLURM_NTASKS=4 SLURM_STEP_ID=4294967291 SLURM_PROCID=0", 1, 1),
        # srun, with the processes that were asked for.
        (SRUN, 4, 1),
        (f"{SRUN} SLURM_NNODES=2 SLURM_NTASKS_PER_NODE=2", 4, 2),
    ],
)
def test_what_fits_passes(
    shell: pytest.MonkeyPatch, words: str, processes: int, nodes: int
) -> None:
    put(shell, words)
    check_launch(processes, nodes=nodes)


def test_slurm_is_believed_where_srun_started_several_and_never_requeues(
    shell: pytest.MonkeyPatch,
) -> None:
    assert cluster_environment() is None
    put(shell, SALLOC)
    assert isinstance(cluster_environment(), LightningEnvironment)
    put(shell, SRUN)
    found = cluster_environment()
    assert isinstance(found, SLURMEnvironment)
    assert not found.auto_requeue
    assert slurm_tasks(os.environ) == 4


def test_a_training_in_an_allocation_is_a_training_alone(
    shell: pytest.MonkeyPatch, tmp_path: object
) -> None:
    """Lightning alone fails here: an allocation has no SLURM_LOCALID, and srun was not used."""
    import lightning.pytorch as pl

    put(shell, SALLOC)
    trainer = pl.Trainer(
        accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
        plugins=cluster_environment(),
    )  # fmt: skip
    assert trainer.is_global_zero
    assert trainer.world_size == 1
