"""Sweeps that cannot go well are refused before their first job; refused runs leave no folder."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

__all__ = ["NewFolders", "SweepGuard"]

OWN_PROCESSES = "hydra_plugins.ackd_local_pool"


class NewFolders(Callback):
    """Notes which folders Hydra makes for a run, so that one that is refused leaves none behind."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Look before the run's folder is made."""
        from ackd.config.location import note_new_folders

        note_new_folders(Path(str(config.hydra.run.dir)))


class SweepGuard(Callback):
    """Looks at all jobs of a sweep before any of them starts.

    It refuses jobs on several devices where all jobs of a sweep share one process: Lightning starts
    the further ranks of a job by running the command line again, which is that of the whole sweep.
    And it refuses jobs that would work in one folder, or in one that has a run already: the later
    one would overwrite the result of the earlier one.
    """

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Compose all jobs and look at their devices and folders.

        Raises:
            SystemExit: One cannot go well. Hydra turns any other exception of a callback into a
                warning.
        """
        if str(config.hydra.launcher.get("_target_", "")).startswith(OWN_PROCESSES):
            return  # it gives every job a process and a folder of its own
        try:
            jobs = _jobs(config)
            _refuse_several_devices(jobs)
            folders = [_folder(job) for job in jobs]
        except (HydraException, OmegaConfBaseException):
            return  # not ours to tell: Hydra itself is about to say what is wrong
        _refuse_shared_folders(folders, jobs)


def _jobs(config: DictConfig) -> list[DictConfig]:
    """The configuration of every job, as Hydra's launcher composes it."""
    # The jobs take over the time that is in this name from the sweep, once it is known there.
    _ = config.hydra.sweep.dir
    params = config.hydra.sweeper.get("params") or {}
    words = [f"{key}={value}" for key, value in params.items()]
    words += [str(word) for word in config.hydra.overrides.task]
    loader = GlobalHydra.instance().config_loader()
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(words)
    jobs = []
    for number, overrides in enumerate(BasicSweeper.split_arguments(parsed, None)[0]):
        job = loader.load_sweep_config(config, list(overrides))
        with open_dict(job):
            job.hydra.job.id = job.hydra.job.num = number
        jobs.append(job)
    return jobs


def _refuse_several_devices(jobs: Sequence[DictConfig]) -> None:
    from ackd.config.programs import program_for

    for job in jobs:
        devices = job.trainer.get("devices", 1)
        if devices not in (1, "1", "auto") and job.trainer.get("accelerator") != "tpu":
            given = [word for word in sys.argv[1:] if word != "hydra/launcher=basic"]
            sys.exit(
                f"ackd: trainer.devices={devices} in a sweep whose jobs share one process: "
                "every extra process would run the whole sweep again. Nothing was started; "
                "give each job a process tree of its own:\n"
                f"python -m {program_for(job.get('task')).module} "
                f"{shlex.join([*given, 'hydra/launcher=local_pool'])}"
            )


def _refuse_shared_folders(folders: Sequence[Path], jobs: Sequence[DictConfig]) -> None:
    from ackd.errors import AckdError
    from ackd.runs.folder import refuse_occupied

    first: dict[Path, int] = {}
    for number, (folder, job) in enumerate(zip(folders, jobs, strict=True)):
        other = first.setdefault(folder, number)
        if other != number:
            sys.exit(
                f"ackd: Jobs {other} and {number} of this sweep would both work in {folder}, and "
                "the second one would overwrite the result of the first. Nothing was started; "
                "leave hydra.sweep.subdir out, or let it tell the jobs apart: "
                "'hydra.sweep.subdir=${hydra.job.override_dirname}'"
            )
        if job.get("ckpt_path") is None and not job.get("force"):
            try:
                refuse_occupied(folder)
            except AckdError as error:
                sys.exit(f"ackd: Job {number} of this sweep cannot start: {error}")


def _folder(job: DictConfig) -> Path:
    """Where Hydra lets a job work."""
    before = HydraConfig.instance().cfg
    # So that ${hydra:...} in a folder's name is that of this job.
    HydraConfig.instance().set_config(job)
    try:
        return (Path(str(job.hydra.sweep.dir)) / str(job.hydra.sweep.subdir)).absolute()
    finally:
        HydraConfig.instance().cfg = before
