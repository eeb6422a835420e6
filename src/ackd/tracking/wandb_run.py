"""One W&B run an attempt at a stage: named, filed, and closed whatever happens."""

from __future__ import annotations

import logging
import netrc
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from signal import SIGINT
from typing import Any

from ackd.callbacks.lenient import lenient
from ackd.config.schema import RunConfig
from ackd.runs.ranks import first_rank
from ackd.tracking.lenient import LenientWandbLogger

__all__ = ["failure_noted", "has_account", "own_folders", "run_name", "tags_of", "wandb_run"]

log = logging.getLogger("ackd")

# Set on an error whose W&B run is closed as failed.
NOTED = "_noted_in_wandb"

LONGEST_TAG = 64  # W&B refuses longer ones
LONGEST_ERROR = 500


@contextmanager
def wandb_run(
    config: RunConfig, stage: str, folder: Path, *, resumed: bool = False, partial: bool = False
) -> Iterator[LenientWandbLogger | None]:
    """Open a run for a stage; close it as finished, or as failed where an error or signal ends it.

    Lightning's logger writes into whatever run is open in the process, so none may be left from
    an earlier stage or job of a sweep.

    Args:
        config: Of the run; its ``logger.wandb`` is set.
        stage: The job type.
        folder: Of the stage, noted in the run.
        resumed: Whether it goes on from a checkpoint. An offline run cannot be continued, so every
            attempt is a run of its own in the same group.
        partial: Whether images of the benchmark are missing.

    Yields:
        The logger; None where W&B cannot open a run at all, or somebody else's is open in this
        process. A dashboard never ends a run, so either is a warning.
    """
    logger: LenientWandbLogger | None = None
    with lenient("W&B"):
        logger = _fresh(config, stage, folder, resumed=resumed, partial=partial)
    if logger is None or (first_rank() and not _open(logger, stage)):
        yield None
        return
    exit_code, said = 0, ""
    try:
        yield logger
    except BaseException as error:
        exit_code, said = _exit_code(error), f"{type(error).__name__}: {error}"
        vars(error)[NOTED] = True
        raise
    finally:
        _close(exit_code, said)


@contextmanager
def failure_noted(config: RunConfig, folder: Path, *, partial: bool = False) -> Iterator[None]:
    """See that a job that fails between its stages has a failed run in W&B too.

    Args:
        config: Of the run.
        folder: Of the run.
        partial: See :func:`wandb_run`.
    """
    try:
        yield
    except Exception as error:
        if config.logger.wandb is not None and first_rank() and NOTED not in vars(error):
            with (
                suppress(Exception),
                wandb_run(config, config.until, folder, partial=partial),
            ):
                raise
        raise


def _fresh(
    config: RunConfig, stage: str, folder: Path, *, resumed: bool, partial: bool
) -> LenientWandbLogger | None:
    """A logger of a run of its own; None where somebody else's is open."""
    import wandb

    if wandb.run is not None:
        log.warning(
            "The W&B run '%s' is already open in this process, and the %s would write into it, so "
            "W&B gets nothing of it; call wandb.finish() first.", wandb.run.name, stage,
        )  # fmt: skip
        return None
    outputs = Path(config.outputs).expanduser()
    os.environ.update(own_folders(outputs))
    options = config.logger.wandb
    if options is None:
        raise ValueError("wandb_run needs logger.wandb")
    mode: str = options.mode
    if mode == "auto":
        mode = "online" if has_account() else "offline"
    content = config.model_dump(mode="json")
    content |= {"stage": stage, "resumed": resumed, "partial": partial, "folder": str(folder)}
    return LenientWandbLogger(
        project=options.project,
        entity=options.entity,
        name=run_name(config, stage),
        # One place for all stages of all runs, as W&B has it; a stage's own folder is renamed.
        save_dir=outputs,
        group=options.group or config.name,
        job_type=stage,
        tags=tags_of(config, partial=partial),
        config=content,
        mode=os.environ.get("WANDB_MODE", mode),
        settings=_settings(),
    )


def own_folders(outputs: Path) -> dict[str, str]:
    """Variables that let W&B keep its own files beside its runs, where its defaults will not do.

    They are in the user's home, which a container may not have. Where W&B cannot write its own log
    it prints every line of it to the terminal, and it takes no tables.

    Args:
        outputs: Of the run.
    """
    from wandb import env

    usual = {
        env.CACHE_DIR: env.get_cache_dir(),
        env.DATA_DIR: Path(env.get_data_dir()),
        env.CONFIG_DIR: Path("~/.config/wandb"),
    }
    beside = str((outputs / "wandb" / "home").absolute())
    return {
        name: beside
        for name, folder in usual.items()
        if not os.environ.get(name) and not _writable(folder)
    }


def _writable(folder: Path) -> bool:
    try:
        place = folder.expanduser()
        place.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # no home at all
        return False
    return os.access(place, os.W_OK)


def _settings() -> Any:
    """Warnings, and neither the run's whole history at its end nor advice at its start."""
    import wandb

    return wandb.Settings(quiet=True, show_info=False)


def run_name(config: RunConfig, stage: str) -> str:
    """What a run is called in W&B.

    A stage that is kept serves all methods and seeds of the students, so it is named after
    itself; a student is named after what was varied.
    """
    if stage in config.kept():
        seed = getattr(config, stage).seed
        return f"{stage} {config.network_name(stage)} s{seed}"
    chosen = config.logger.wandb.name if config.logger.wandb is not None else None
    return chosen or f"{config.name} {config.method} s{config.seed}"


def tags_of(config: RunConfig, *, partial: bool = False) -> list[str]:
    """The user's tags, those of the configuration, and ``partial``."""
    own = config.logger.wandb.tags if config.logger.wandb is not None else ()
    tags = [*own, *config.tags, *(["partial"] if partial else [])]
    return _unique(tag[:LONGEST_TAG] for tag in tags)


def _unique(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _open(logger: LenientWandbLogger, stage: str) -> bool:
    """Open the run now, so that a failure before the first number is a failed run as well.

    Where the server cannot be reached or has no account, it is kept on this machine.

    Returns:
        Whether a run is open.
    """
    import wandb

    error = _try_to_open(logger)
    if error is not None and logger.mode == "online":
        log.warning(
            "W&B could not open a run for the %s (%s); it stays on this machine "
            "(logger.wandb.mode=offline), and `make wandb-sync` sends it later.", stage, error,
        )  # fmt: skip
        logger.mode = "offline"
        error = _try_to_open(logger)
    if error is not None:
        log.warning(
            "W&B could not open a run for the %s (%s), and gets nothing of it; metrics.csv has "
            "all numbers.", stage, error,
        )  # fmt: skip
        return False
    if wandb.run is not None and logger.mode != "disabled":
        place = wandb.run.url or f"{wandb.run.settings.sync_dir}, for `make wandb-sync`"
        log.info("W&B: '%s' in %s", wandb.run.name, place)
    return True


def _try_to_open(logger: LenientWandbLogger) -> str | None:
    """Open a run; returns what W&B said where it could not."""
    import wandb

    try:
        logger.open()
    except Exception as error:
        with suppress(Exception):  # it may be half open
            wandb.finish(exit_code=1)
        return " ".join(f"{error}".split()) or type(error).__name__
    return None


def _close(exit_code: int, said: str) -> None:
    """Close the open run, if there is one; trouble in doing so costs no result."""
    import wandb

    try:
        if said and wandb.run is not None:
            wandb.run.summary["error"] = said[:LONGEST_ERROR]
        wandb.finish(exit_code=exit_code)
    except Exception:
        log.warning("the W&B run could not be closed", exc_info=True)


def _exit_code(error: BaseException) -> int:
    """The exit code that a process with this error would have; never 0."""
    if isinstance(error, KeyboardInterrupt):
        return 128 + SIGINT
    if isinstance(error, SystemExit) and isinstance(error.code, int) and error.code:
        return error.code
    return 1


def has_account() -> bool:
    """Whether wandb would find a key without asking."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        hosts = netrc.netrc().hosts
    except (OSError, netrc.NetrcParseError):
        return False
    return any("wandb" in host for host in hosts)
