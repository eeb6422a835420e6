"""From what Hydra's sweeper hands over to jobs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

if TYPE_CHECKING:
    from ackd.config.programs import Program
    from ackd.config.schema import RunConfig
    from ackd.sweeps.jobs import Job

__all__ = ["command", "job_returns", "plan_jobs", "settle_folder", "typed"]

# Of the sweep, not of a run.
SWEEPING = ("hydra.launcher", "hydra.sweeper", "hydra.sweep", "hydra.mode", "hydra.run")


def settle_folder(config: DictConfig) -> None:
    """Give a sweep a folder that the same command finds again, unless the user has named one."""
    # At once: what follows imports torch, which takes seconds.
    print(f"{_program(config).module}: a sweep; composing and checking its jobs", flush=True)
    from ackd.config.command_line import escaped
    from ackd.sweeps.jobs import sweep_name

    given = [str(word) for word in config.hydra.overrides.hydra]
    if any(_key(word) == "hydra.sweep.dir" for word in given):
        return
    root = Path(str(config.outputs)).expanduser() / str(config.name) / "sweep"
    with open_dict(config):
        config.hydra.sweep.dir = escaped(root / sweep_name(*_words(config)))


def plan_jobs(
    config: DictConfig,
    context: HydraContext,
    batch: Sequence[Sequence[str]],
    first: int,
    *,
    elsewhere: bool = False,
) -> list[Job]:
    """Compose and check every job of a batch, before any of them starts.

    Args:
        config: Of the sweep.
        context: Has Hydra's loader.
        batch: The overrides of each job.
        first: The number of the first one.
        elsewhere: They run on other machines: Lightning is not asked for their devices here.
    """
    from ackd.config.check import check_composed
    from ackd.config.messages.overrides import one_sentence
    from ackd.errors import ConfigError
    from ackd.sweeps.environment import as_in_a_job
    from ackd.sweeps.jobs import make_job

    _, swept = _words(config)
    root = Path(str(config.hydra.sweep.dir)).absolute()
    jobs = []
    for number, overrides in enumerate(batch, start=first):
        checked: RunConfig | ConfigError
        try:
            composed = context.config_loader.load_sweep_config(config, list(overrides))
            with as_in_a_job():
                checked = _check_elsewhere(composed) if elsewhere else check_composed(composed)
        except ConfigError as error:
            checked = error
        except (HydraException, OmegaConfBaseException) as error:
            checked = ConfigError(one_sentence(error))
        job_words = [*overrides, *_hydras_own(config)]
        jobs.append(make_job(number, job_words, swept, root, checked, _flags(config)))
    return jobs


def _check_elsewhere(composed: DictConfig) -> RunConfig:
    """Check a configuration for a machine with other devices than this one."""
    from ackd.config.check import check_composed

    options = OmegaConf.to_container(composed.trainer, resolve=True)
    with open_dict(composed):
        composed.trainer.accelerator, composed.trainer.precision = "cpu", "32-true"
    return check_composed(composed).model_copy(update={"trainer": options})


def job_returns(jobs: Sequence[Job]) -> list[JobReturn]:
    """What the sweeper is told: the validation score of a finished job, None of another.

    Never an error: the sweeper would give up the batches that are still to come.
    """
    from ackd.runs.folder import RESULT
    from ackd.runs.result import read_result, score

    found = []
    for job in jobs:
        path = job.folder / RESULT
        told = JobReturn(overrides=job.overrides, working_dir=str(job.folder))
        told.return_value = score(read_result(path)) if path.is_file() else None
        told.status = JobStatus.COMPLETED
        found.append(told)
    return found


def command(config: DictConfig) -> list[str]:
    """What the user wrote."""
    return ["python", "-m", _program(config).module, *sys.argv[1:]]


def _program(config: DictConfig) -> Program:
    from ackd.config.programs import program_for

    return program_for(config.get("task"))


def _words(config: DictConfig) -> tuple[list[str], list[str]]:
    """Every override of the sweep, and the keys of those that vary."""
    words = [f"{key}={value}" for key, value in (config.hydra.sweeper.get("params") or {}).items()]
    words += [str(word) for word in config.hydra.overrides.task]
    last = {one.get_key_element(): one for one in OverridesParser.create().parse_overrides(words)}
    swept = [key for key, one in last.items() if one.is_sweep_override()]
    return [str(one.input_line) for one in last.values()], swept


def _hydras_own(config: DictConfig) -> list[str]:
    """Overrides of Hydra itself that a single run needs as well, e.g. ``hydra.searchpath``."""
    words = [str(word) for word in config.hydra.overrides.hydra]
    return [
        word
        for word in words
        if not any(_key(word) == name or _key(word).startswith(f"{name}.") for name in SWEEPING)
    ]


def _key(word: str) -> str:
    return word.lstrip("+~").partition("=")[0].replace("/", ".")


def _flags(config: DictConfig) -> list[str]:
    """``--config-dir`` and ``--config-name``, where the user gave them."""
    found = []
    for source in config.hydra.runtime.config_sources:
        if source.provider == "command-line":
            found += ["--config-dir", str(source.path)]
    if config.hydra.job.config_name != _program(config).primary:
        found += ["--config-name", str(config.hydra.job.config_name)]
    return found


def typed(config: object) -> object:
    """A value of Hydra as plain Python."""
    return OmegaConf.to_container(config) if OmegaConf.is_config(config) else config
