"""What the commands that train share, whichever program they are: from words to a result.

Only Hydra is imported at the top: ``--help`` and ``--cfg job`` answer without torch.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ackd.config.command_line import readable
from ackd.config.help import help_text
from ackd.config.location import remove_new_folders
from ackd.config.messages.cli_errors import friendly_errors, unread
from ackd.config.messages.removed import known_words
from ackd.config.programs import Program, program_for
from ackd.config.run_names import (
    chosen_options,
    register_resolvers,
    sweep_folder,
    swept_options,
    swept_words,
)
from ackd.errors import AckdError, ConfigError
from ackd.sweeps.failures import ENDED, FAILURES
from ackd.utils.progress import FILE_ONLY

if TYPE_CHECKING:
    from ackd.config.schema import RunConfig

__all__ = ["Trained", "anchored", "check", "command_line", "run_job", "train", "trained"]

log = logging.getLogger("ackd")

register_resolvers()

# A rank that Lightning starts inherits this, and works in the folder that rank 0 has chosen.
RUN_FOLDER = "ACKD_RUN_FOLDER"


@dataclass(frozen=True)
class Trained:
    """A run that has finished.

    Attributes:
        folder: Of the run.
        result: The content of ``result.json``.
        config: What ran.
    """

    folder: Path
    result: dict[str, Any]
    config: RunConfig


def train(cfg: DictConfig, fresh_folder: Path) -> dict[str, Any]:
    """Run one composed configuration; see :func:`trained`.

    Returns:
        The content of ``result.json``.
    """
    return trained(cfg, fresh_folder).result


def trained(cfg: DictConfig, fresh_folder: Path, *, reuse: bool = False) -> Trained:
    """Run one composed configuration.

    Args:
        cfg: As Hydra composed it.
        fresh_folder: Where to work, unless ``ckpt_path`` goes on with an earlier run.
        reuse: Take a run under ``outputs`` that has finished with the same options and images as
            it is, and go on with one that has not.

    Raises:
        AckdError: Something that the user can fix.
    """
    from ackd.runs.folder import FAILED
    from ackd.tracking.logbook import logbook

    with logbook() as to_file:
        # At once: what follows imports torch and Lightning, which takes seconds.
        log.info("%s", _beginning(cfg))
        if not reuse:
            _check_folders(cfg, fresh_folder)
        config = check(cfg, look=True)
        try:
            return _run(cfg, config, fresh_folder, to_file, reuse=reuse)
        except Exception as error:
            # Whoever started it hears of it in another way.
            said = (
                str(error) if isinstance(error, AckdError) else f"{type(error).__name__}: {error}"
            )
            log.error("%s %s", FAILED, said, extra={FILE_ONLY: True})
            raise


def _run(
    cfg: DictConfig,
    config: RunConfig,
    fresh_folder: Path,
    to_file: Callable[[Path], None],
    *,
    reuse: bool,
) -> Trained:
    # Late: everything below needs torch.
    from ackd.config.check import save_resolved
    from ackd.runs.folder import RESULT
    from ackd.runs.place import Place, check_asked, choose_place, claimed, earlier_attempt
    from ackd.runs.result import read_result
    from ackd.stages.pipeline import run_pipeline
    from ackd.stages.plan import open_context
    from ackd.tracking.wandb_run import failure_noted

    chosen = chosen_options()
    if config.ckpt_path not in (None, "auto"):
        check_asked(config, chosen)
    # First the images: where they are not as they should be, no folder is left behind.
    context = open_context(config, chosen)
    config = context.config
    _take_over_batches(cfg, config)
    inherited = _inherited_folder()
    if inherited:
        folder = Path(inherited)
        result = run_pipeline(context, folder, resume=config.ckpt_path is not None)
        return Trained(folder, result, config)
    earlier = earlier_attempt(config, context.fingerprints, fresh_folder) if reuse else None
    if earlier is not None and earlier.finished:
        log.info("this has been run already: %s", earlier.path)
        return Trained(earlier.path, read_result(earlier.path / RESULT), config)
    if earlier is not None:
        log.info("going on with %s", earlier.path)
        place = Place.of_unfinished(earlier)
    else:
        place = choose_place(config, context.fingerprints, fresh_folder.absolute())
    folder = place.folder
    if folder != fresh_folder.absolute() and fresh_folder.is_dir():
        if Path.cwd() == fresh_folder.absolute():  # hydra.job.chdir
            os.chdir(folder)
        remove_new_folders(fresh_folder)
    os.environ[RUN_FOLDER] = str(folder)
    with claimed(place, config, context.fingerprints):
        if not place.replaces:
            save_resolved(cfg, folder / "config.yaml")
        to_file(folder / "train.log")
        log.info("run folder: %s", folder)
        partial = bool(context.notes.get("partial", False))
        with failure_noted(config, folder, partial=partial):
            result = run_pipeline(context, folder, resume=place.resume)
        if place.replaces:
            # Until now the folder had the result of another length.
            save_resolved(cfg, folder / "config.yaml")
        return Trained(folder, result, config)


def _check_folders(cfg: DictConfig, fresh_folder: Path) -> None:
    """Find a folder that cannot be worked in, or gone on with, before anything heavy is imported.

    Raises:
        ConfigError: ``ckpt_path`` names no run, or the new folder has one already.
    """
    from ackd.runs.folder import named_by, refuse_occupied

    ckpt_path = OmegaConf.select(cfg, "ckpt_path", throw_on_resolution_failure=False)
    if ckpt_path is None and not cfg.get("force") and _inherited_folder() is None:
        refuse_occupied(fresh_folder)
    elif isinstance(ckpt_path, str) and ckpt_path != "auto":
        named_by(ckpt_path)


def _inherited_folder() -> str | None:
    """The folder of rank 0, for a rank that it has started."""
    return os.environ.get(RUN_FOLDER) if int(os.environ.get("LOCAL_RANK", "0")) else None


def _beginning(cfg: DictConfig) -> str:
    """Say what is about to run, from what was composed; it may still have mistakes."""

    def shown(option: str) -> object:
        return OmegaConf.select(cfg, option, throw_on_resolution_failure=False)

    return (
        f"{program_for(shown('task')).module}: method={shown('method')}, "
        f"data={shown('data.name')}, seed={shown('seed')}, "
        f"until={shown('until')}; checking the options and loading PyTorch"
    )


def check(cfg: DictConfig, *, look: bool = False) -> RunConfig:
    """Resolve a composed configuration and find every mistake in it.

    With ``look``, files and folders that options name are looked at too, before torch is imported.
    """
    from ackd.config.check import check_architecture, check_composed

    if HydraConfig.initialized():
        hydra = HydraConfig.get()
        folders = [Path(one.path) for one in hydra.runtime.config_sources if one.schema == "file"]
        check_architecture(hydra.runtime.choices, hydra.overrides.task, folders)
    return check_composed(cfg, look=look)


def _take_over_batches(cfg: DictConfig, config: RunConfig) -> None:
    """Let ``config.yaml`` show the batch sizes that the run has."""
    for stage in config.stages:
        OmegaConf.update(cfg, f"{stage}.batch_size", getattr(config, stage).batch_size)


def run_job(cfg: DictConfig) -> float | None:
    """Run one job of Hydra; a sweeper gets the validation metric that chose the student's epoch."""
    sweeps = HydraConfig.get().mode == RunMode.MULTIRUN
    folder = Path(HydraConfig.get().runtime.output_dir)
    ended = _job_shown(folder) if sweeps else None
    try:
        if sweeps:
            _refuse_several_devices(cfg)
        if HydraConfig.get().job.chdir:
            # Hydra has gone into the run folder already, but options were written outside of it.
            cfg = anchored(cfg, Path(HydraConfig.get().runtime.cwd))
        result = train(cfg, folder)
    except Exception as error:
        remove_new_folders(folder)
        if not sweeps or (isinstance(error, BrokenPipeError) and unread()):
            if isinstance(error, AckdError):
                # Hydra would print the overrides before any other exception.
                print(f"ackd: {error}", file=sys.stderr)
                sys.exit(error.exit_code)
            raise
        if not isinstance(error, AckdError):
            traceback.print_exc()
        job = HydraConfig.get().job
        said = str(error) if isinstance(error, AckdError) else f"{type(error).__name__}: {error}"
        FAILURES.append(f"job {job.num} ({job.override_dirname}): {said}")
        print(f"ackd: {FAILURES[-1]}", file=sys.stderr)
        if ended is not None:
            ended("failed", said)
        return None
    if ended is not None:
        ended("finished")
    from ackd.runs.result import score

    return score(result)


def _job_shown(folder: Path) -> Callable[..., None]:
    """Say which job of a sweep starts; the function it gives notes how the job ended."""
    sweep = sweep_folder()
    words = list(HydraConfig.get().overrides.task)
    swept = swept_words(words, swept_options(sweep) if sweep else ())
    print(f"job {HydraConfig.get().job.num}: {', '.join(swept) or 'nothing swept'}", flush=True)
    began = time.monotonic()

    def ended(state: str, error: str | None = None) -> None:
        from ackd.sweeps.table import Line

        seconds = time.monotonic() - began
        ENDED.append(Line.of(swept, folder, state, seconds=seconds, error=error))

    return ended


def _print_sweep() -> None:
    """Print what the jobs of Hydra's own launcher came to; other launchers print it themselves."""
    if ENDED:
        from ackd.sweeps.table import print_table

        print_table(ENDED, f"{len(ENDED)} jobs in {ENDED[0].folder.parent}")


def _refuse_several_devices(cfg: DictConfig) -> None:
    """Refuse what the guard before a sweep cannot see: a sweeper's own choice of devices."""
    devices = cfg.trainer.get("devices", 1)
    if devices not in (1, "1", "auto") and cfg.trainer.get("accelerator") != "tpu":
        raise ConfigError(
            f"trainer.devices={devices} in a sweep: every extra process would run the whole sweep "
            "again. Give each job a process tree of its own: hydra/launcher=local_pool"
        )


def command_line(program: Program, main: Callable[[], object]) -> None:
    """Run the command line of a program; the last word is never a stack trace.

    Args:
        program: Which one.
        main: Composes its configuration with Hydra and gives it to :func:`run_job`.
    """
    with friendly_errors([], program):
        sys.argv[1:] = readable(known_words(sys.argv[1:]))
    with friendly_errors(sys.argv[1:], program):
        text = help_text(sys.argv[1:], program)
        if text is not None:
            print(text)
            return
        try:
            main()
        finally:
            _print_sweep()
    if FAILURES:
        sys.exit(f"ackd: {len(FAILURES)} of the jobs failed:\n" + "\n".join(FAILURES))


def anchored(cfg: DictConfig, start: Path) -> DictConfig:
    """A composed configuration whose relative paths begin at ``start``, whatever folder is next.

    Args:
        cfg: As Hydra composed it; it stays as it is.
        start: Where the command was given.
    """
    from ackd.config.schema.data import Mark  # late: --cfg and --help need no schema
    from ackd.config.schema.identity import marked

    names = marked(Mark.PATH)
    given = {name: OmegaConf.select(cfg, name, throw_on_missing=False) for name in names}
    found = cfg.copy()
    for name, value in given.items():
        relative = isinstance(value, str) and value and not Path(value).expanduser().is_absolute()
        if relative and (name, value) != ("ckpt_path", "auto"):
            OmegaConf.update(found, name, str(start / value), force_add=True)
    return found
