"""What a job may inherit from the process that starts it, and what not."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

__all__ = ["as_in_a_job", "job_environment"]

# Left there by a launcher around the sweep, they would make a job a rank of somebody else's run.
RANKS = frozenset(
    {
        "LOCAL_RANK", "RANK", "GLOBAL_RANK", "NODE_RANK", "GROUP_RANK", "ROLE_RANK", "WORLD_SIZE",
        "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE", "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT",
        "ACKD_RUN_FOLDER",
    }
)  # fmt: skip
LAUNCHERS = ("SLURM_", "SLURMD_", "PL_", "TORCHELASTIC_", "OMPI_", "PMI_", "PMIX_", "HYDRA_")


def job_environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """Keep what a fresh single run may see: all but the variables of launchers.

    ``HYDRA_FULL_ERROR`` goes as well: the command line sets it for itself while it runs.
    """
    return {
        name: value
        for name, value in inherited.items()
        if name not in RANKS and not name.startswith(LAUNCHERS)
    }


@contextmanager
def as_in_a_job() -> Iterator[None]:
    """See this process's environment as its jobs will, to check their options against it.

    Without this, a job that will run would be refused for a variable that it does not inherit.
    """
    kept = job_environment(os.environ)
    hidden = {name: value for name, value in os.environ.items() if name not in kept}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
