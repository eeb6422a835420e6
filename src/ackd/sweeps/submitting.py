"""Jobs through submitit: the cluster decides when and where they run."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ackd.errors import ConfigError
from ackd.runs.folder import RESULT
from ackd.sweeps.environment import job_environment
from ackd.sweeps.failures import FAILURES
from ackd.sweeps.jobs import Job
from ackd.sweeps.pool import Outcome, signals_end_it
from ackd.sweeps.process import LOG, last_error
from ackd.sweeps.run import Record, distinct

__all__ = ["Submitted", "submit_jobs"]

BEAT_SECONDS = 1.0


@dataclass(frozen=True)
class Submitted:
    """What a task of a submitted job does: it runs the job's command in a process of its own.

    Slurm starts as many tasks as the job has devices, and Lightning takes them for its ranks.
    """

    job: Job

    def __call__(self) -> int:
        """Run the job, or one rank of it; returns the exit code."""
        rank = int(os.environ.get("SLURM_PROCID", "0"))
        several = int(os.environ.get("SLURM_NTASKS", "1")) > 1
        kept = {name: value for name, value in os.environ.items() if name.startswith("SLURM_")}
        told: dict[str, str] = {}
        if several:
            # The first rank holds the run folder; the others work in it.
            told = kept | {"LOCAL_RANK": str(rank), "ACKD_RUN_FOLDER": str(self.job.folder)}
        self.job.folder.mkdir(parents=True, exist_ok=True)
        with (self.job.folder / (f"job-{rank}.log" if rank else LOG)).open("ab") as log:
            return subprocess.run(
                self.job.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=job_environment(os.environ) | told, check=False,
            ).returncode  # fmt: skip

    def checkpoint(self, *args: Any, **kwargs: Any) -> Any:
        """Go on in a new job, where the cluster takes the machine away or the time is over."""
        return _submitit().helpers.DelayedSubmission(self, *args, **kwargs)


def submit_jobs(
    jobs: Sequence[Job],
    folder: Path,
    cluster: str,
    parameters: Mapping[str, Any],
    command: Sequence[str],
) -> None:
    """Submit all jobs that are not finished, and wait for them.

    A job that fails leaves the others alone; it is listed at the end.

    Args:
        jobs: Of the sweep.
        folder: Of the sweep; submitit's own files go below it.
        cluster: ``"slurm"`` or ``"local"``.
        parameters: Of submitit; None leaves one to it.
        command: What the user wrote, for ``sweep.json``.

    Raises:
        ConfigError: submitit is missing or refuses a parameter, there is no Slurm here, or the
            sweep is running already.
        SystemExit: A signal ended it; the jobs were cancelled first.
    """
    submitit = _submitit()
    jobs = distinct(jobs)
    with Record(jobs, folder, command) as record:
        running: dict[Job, tuple[Any, float]] = {}
        try:
            with signals_end_it():
                for job in record.worth_starting():
                    executor = _executor(submitit, folder, cluster, parameters, job)
                    handle = executor.submit(Submitted(job))
                    running[job] = (handle, time.monotonic())
                    record.start(job, f"submitted as {handle.job_id}")
                while running:
                    for job, (handle, began) in list(running.items()):
                        if handle.done():
                            del running[job]
                            record.end(_outcome(job, handle, time.monotonic() - began))
                    time.sleep(BEAT_SECONDS)
        except SystemExit:
            for handle, _ in running.values():
                handle.cancel()
            raise
    FAILURES.extend(record.failures)


def _outcome(job: Job, handle: Any, seconds: float) -> Outcome:
    error = handle.exception()
    code = 1 if error is not None else int(max(handle.results(), key=abs))
    code = 128 - code if code < 0 else code
    if code == 0 and (job.folder / RESULT).is_file():
        return Outcome(job, 0, None, seconds)
    if error is not None:
        lines = str(error).strip().splitlines()
        return Outcome(job, code, lines[-1] if lines else type(error).__name__, seconds)
    return Outcome(job, code or 1, last_error(job.folder, code or 1), seconds)


def _executor(
    submitit: ModuleType, folder: Path, cluster: str, parameters: Mapping[str, Any], job: Job
) -> Any:
    gpus = parameters.get("gpus_per_node")
    given = {name: value for name, value in parameters.items() if value is not None}
    if cluster == "slurm":
        given["tasks_per_node"] = job.devices
        given["slurm_job_name"] = f"ackd-{folder.name}-{job.number}"
    else:
        # Its own processes; a job on several devices starts its ranks by itself.
        given = {name: given[name] for name in ("timeout_min",) if name in given}
    given["gpus_per_node"] = (0 if job.on_cpu else job.devices) if gpus is None else gpus
    if cluster != "slurm":
        del given["gpus_per_node"]
    try:
        executor = submitit.AutoExecutor(folder / ".submitit" / "%j", cluster=cluster)
        executor.update_parameters(**given)
    except (RuntimeError, TypeError, ValueError, NameError) as error:
        raise ConfigError(
            f"submitit does not take hydra/launcher={cluster}: {str(error).splitlines()[0]} "
            "hydra.launcher.cluster is slurm or local; parameters are those of submitit's "
            "AutoExecutor."
        ) from error
    return executor


def _submitit() -> ModuleType:
    try:
        import submitit
    except ImportError as error:
        raise ConfigError(
            "hydra/launcher=slurm needs submitit: pip install 'ackd[slurm]'. On one machine, "
            "hydra/launcher=local_pool needs nothing."
        ) from error
    module: ModuleType = submitit
    return module
