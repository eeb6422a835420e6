"""One run with any options: ``ackd.run``; and its configuration: ``ackd.compose_config``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from ackd.api.isolation import undisturbed
from ackd.api.result import RunResult
from ackd.config.composing import Overrides, as_words, composed
from ackd.config.programs import PROGRAMS, Program
from ackd.errors import ConfigError, unknown

__all__ = ["ProgramName", "compose_config", "program_named", "run"]

ProgramName = Literal["train", "segment"]


def run(
    overrides: Overrides = (), *, program: ProgramName = "train", reuse: bool = True
) -> RunResult:
    """Train with any options, as ``python -m ackd.train`` or ``python -m ackd.segment`` does.

    Afterwards the process is as it was: random generators, environment, loggers, signal handlers
    and Hydra. One process trains; several devices are for the command line.

    Args:
        overrides: ``["method=kd", "student.max_epochs=5"]``, or options by name:
            ``{"method": "kd", "student": {"max_epochs": 5}}``.
        program: ``"train"`` for scene classification, ``"segment"`` for segmentation.
        reuse: Return a run under ``outputs`` that has finished with the same options and images as
            it is, and go on with one that was interrupted. Teachers and what else is among the
            artifacts are used again in any case.

    Raises:
        AckdError: An option, a folder or an image is wrong, or the training has diverged; a
            subclass says which, and the text says what to do.
    """
    chosen = program_named(program)
    words = as_words(overrides, chosen)
    with undisturbed(), composed(words, chosen) as job:
        # Late: it needs Lightning.
        from ackd.command import trained
        from ackd.config.location import note_new_folders, remove_new_folders

        _refuse_several_processes(job.cfg.trainer, chosen)
        note_new_folders(job.folder)
        try:
            done = trained(job.cfg, job.folder, reuse=reuse)
        except Exception:  # any end: a refused run leaves no folder
            remove_new_folders(job.folder)
            raise
    return RunResult(done.folder, done.result, done.config.own_networks)


def compose_config(overrides: Overrides = (), *, program: ProgramName = "train") -> dict[str, Any]:
    """The options of a run with their values, as ``config.yaml`` has them; nothing is run.

    Args:
        overrides: As in :func:`run`.
        program: As in :func:`run`.

    Returns:
        Plain dictionaries, lists and values.

    Raises:
        ConfigError: An option does not exist, or has a value that it cannot have.
    """
    from ackd.config.check.composed import parse, resolved  # late: it takes a second

    chosen = program_named(program)
    with composed(as_words(overrides, chosen), chosen) as job:
        tree = resolved(job.cfg)
        parse(tree)
    return tree


def program_named(name: str) -> Program:
    """The program of a name; ``train``, ``segment``.

    Raises:
        ConfigError: There is none.
    """
    known = {program.primary: program for program in PROGRAMS}
    if name not in known:
        raise unknown("program", str(name), known, "program")
    return known[name]


def _refuse_several_processes(trainer: Mapping[str, Any], program: Program) -> None:
    """Lightning starts further processes by running the program again, whatever it was doing."""
    from ackd.config.launch.trainer import processes

    count = processes(dict(trainer))
    if count > 1:
        raise ConfigError(
            f"trainer.devices={trainer.get('devices')} would start this program {count - 1} more "
            f"times, whatever else it does; the command does it: python -m {program.module} "
            "trainer.devices=... Leave it out here."
        )
