"""``hydra/launcher=local_pool``: jobs side by side on this machine."""

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

__all__ = ["LocalPool"]


class LocalPool(Launcher):
    """Runs every job as a fresh command of its program with a device or a share of the cores."""

    def __init__(self, **options: Any) -> None:
        """Take the options of :class:`ackd.sweeps.options.PoolOptions`.

        They are checked when the sweep starts: Hydra imports all launchers whenever it starts, and
        this one should cost nothing then.
        """
        self.options = {name: typed(value) for name, value in options.items()}
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
        """Run a batch of jobs; those that failed are told by the command line at its end."""
        from ackd.sweeps.options import read_options
        from ackd.sweeps.run import run_jobs

        assert self.config is not None
        assert self.context is not None
        options = read_options(self.options, "hydra.launcher")
        jobs = plan_jobs(self.config, self.context, job_overrides, initial_job_idx)
        folder = Path(str(self.config.hydra.sweep.dir)).absolute()
        run_jobs(jobs, folder, options.share_out(len(jobs)), command(self.config))
        return job_returns(jobs)
