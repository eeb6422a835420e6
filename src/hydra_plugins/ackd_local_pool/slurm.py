"""``hydra/launcher=slurm``: jobs through submitit, on a Slurm cluster or as local processes.

Why not hydra-submitit-launcher? Version 1.2.0 was tried with submitit 1.5 and a stand-in for the
commands of Slurm:

- A job on several devices did not start. It runs the job function itself in every task, so each
  rank claims the run folder and all but the first are refused. Its one ``tasks_per_node`` holds for
  the whole sweep, so ``trainer.devices`` cannot be swept either.
- A job that was preempted was queued again, but then refused, because its folder already had its
  own unfinished run; it would need ``ckpt_path=auto`` on every command line.
- Such a refused job ended as completed with exit code 0, because failures are told at the end of
  the sweep's own process.

Here the task of a job starts a process of its own and tells it its rank and folder: with the same
stand-in a preempted job went on with the epoch after its last checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.ackd_local_pool.planning import (
    command,
    job_returns,
    plan_jobs,
    settle_folder,
    typed,
)

__all__ = ["Slurm"]


class Slurm(Launcher):
    """Submits every job as a fresh command of its program and waits for all of them."""

    def __init__(self, cluster: str = "slurm", **parameters: Any) -> None:
        """Take what goes to submitit.

        Args:
            cluster: ``"slurm"``, or ``"local"`` for processes on this machine.
            parameters: Of ``submitit.AutoExecutor.update_parameters``; None leaves one out.
        """
        self.cluster = cluster
        self.parameters = {name: typed(value) for name, value in parameters.items()}
        self.config: DictConfig | None = None
        self.context: HydraContext | None = None

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Settle where the sweep lies; the jobs are processes, so nothing of ours is called."""
        self.config, self.context = config, hydra_context
        settle_folder(config)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Submit a batch of jobs and wait; the command line tells of the failed ones at its end."""
        from ackd.sweeps.submitting import submit_jobs

        assert self.config is not None
        assert self.context is not None
        jobs = plan_jobs(
            self.config, self.context, job_overrides, initial_job_idx,
            elsewhere=self.cluster == "slurm",
        )  # fmt: skip
        folder = Path(str(self.config.hydra.sweep.dir)).absolute()
        submit_jobs(jobs, folder, self.cluster, self.parameters, command(self.config))
        return job_returns(jobs)
