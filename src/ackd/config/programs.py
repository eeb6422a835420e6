"""The programs: commands that train, each with a configuration and stages of its own.

Whoever has a configuration asks it; whoever has none (the options that name files, the folders
among the artifacts) goes over :data:`PROGRAMS`. Nothing heavy is imported here: ``--help`` needs
names, but no schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ackd.config.location import config_dir
from ackd.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from ackd.config.schema.base import RunConfig
    from ackd.tasks import TaskDescription

__all__ = ["PROGRAMS", "SEGMENT", "TRAIN", "Program", "program_for", "stages_of_all"]


@dataclass(frozen=True)
class Program:
    """A command that trains.

    Attributes:
        module: Of the command: ``python -m MODULE``.
        task: The value of ``task`` at the root of its configurations; None where there is no such
            key.
        primary: The name of its primary configuration.
        folder: Where that is below ``conf/``, with the groups that it does not share; empty for
            ``conf/`` itself.
        schema: Its configuration, a subclass of ``RunConfig``, as ``"module:Class"``.
        checks: The module that checks what only this program has: ``check_options(config)``,
            ``look(config)`` and ``check_buildable(config)``.
        labels: The usual task of its students, as ``"module:Class"``: a search that names no metric
            takes the one that chooses the epoch.
        report: The module that has ``section(data, place)``: what a report shows of its runs.
    """

    module: str
    task: str | None
    primary: str
    folder: str
    schema: str
    checks: str
    labels: str
    report: str = "ackd.report.scenes"

    @property
    def config_dir(self) -> Path:
        """The absolute path of the folder of its primary configuration."""
        return config_dir() / self.folder

    @property
    def config(self) -> type[RunConfig]:
        """Its configuration; this imports the schema."""
        found: type[RunConfig] = _named(self.schema)
        return found

    @property
    def scores(self) -> TaskDescription:
        """What its students are usually measured by; this imports torch."""
        found: TaskDescription = _named(self.labels).description()
        return found


def _named(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


TRAIN = Program(
    module="ackd.train", task=None, primary="train", folder="",
    schema="ackd.config.schema.run:Config", checks="ackd.config.check.scenes",
    labels="ackd.tasks:SceneClassification",
)  # fmt: skip

SEGMENT = Program(
    module="ackd.segment", task="segmentation", primary="segment", folder="segment",
    schema="ackd.config.schema.segmentation:SegmentConfig",
    checks="ackd.config.check.segmentation", labels="ackd.tasks:SegmentationTask",
    report="ackd.report.segmentation",
)  # fmt: skip

#: Every program; the first one is that of configurations without a task.
PROGRAMS = [TRAIN, SEGMENT]


def program_for(task: object) -> Program:
    """The program of a composed configuration.

    Args:
        task: What it has under ``task`` at its root; None where there is no such key.

    Raises:
        ConfigError: There is no such task; those that exist are named.
    """
    for program in PROGRAMS:
        if program.task == task:
            return program
    known = [program.task for program in PROGRAMS if program.task is not None]
    raise ConfigError(
        f"There is no task '{task}' (task={task}).{did_you_mean(str(task), known)} Known: "
        f"{', '.join(known) or 'none'}; without the key it is scene classification."
    )


def stages_of_all(which: str) -> tuple[str, ...]:
    """The names of stages of all programs, each once.

    Args:
        which: ``"trained"`` or ``"kept"``, see ``RunConfig``.
    """
    names = (name for program in PROGRAMS for name in getattr(program.config, which)())
    return tuple(dict.fromkeys(names))
