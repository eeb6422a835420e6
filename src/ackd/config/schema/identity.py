"""Which options make a run this run; the only place that says so, for all who compare runs.

An option says of itself in the schema what it is, by a :class:`ackd.config.schema.data.Mark`. The
Trainer's arguments are Lightning's, and are listed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from ackd.config.messages.removed import MOVED
from ackd.config.programs import PROGRAMS
from ackd.config.schema.base import RunConfig
from ackd.config.schema.data import Mark
from ackd.config.schema.options import marked_options
from ackd.config.schema.run import Config
from ackd.config.schema.stages import BackboneConfig
from ackd.utils.values import under, without

__all__ = [
    "NEUTRAL_TRAINER_OPTIONS",
    "identity",
    "is_silent",
    "marked",
    "planned_identity",
    "shaping_augmentation",
    "shaping_callbacks",
    "shaping_options",
    "shaping_trainer_options",
    "weights_digest",
]

# Options of the Trainer that change where, how loudly or how safely a run happens, not its result.
NEUTRAL_TRAINER_OPTIONS = frozenset(
    {
        "accelerator", "barebones", "benchmark", "callbacks", "default_root_dir", "detect_anomaly",
        "deterministic", "enable_autolog_hparams", "enable_checkpointing", "enable_model_summary",
        "enable_progress_bar", "log_every_n_steps", "logger", "num_sanity_val_steps", "plugins",
        "profiler", "strategy",
    }
)  # fmt: skip

# They do shape numbers, but say what a run is given rather than what it is.
MEANS = ("trainer.devices", "trainer.num_nodes")


def marked(*marks: Mark) -> tuple[str, ...]:
    """Dotted names of the options of all programs with one of these marks."""
    found = (name for program in PROGRAMS for name in _marked(program.config, *marks))
    return tuple(dict.fromkeys(found))


@cache
def _marked(model: type[RunConfig], *marks: Mark) -> tuple[str, ...]:
    return tuple(name for mark in marks for name in marked_options(model, mark))


def identity(config: RunConfig) -> dict[str, Any]:
    """All options that make a run this run, once its images have been read.

    Without paths, loggers and workers. Where the images are does not count either: their own
    fingerprints belong beside this.
    """
    return _identity(config, _marked(type(config), Mark.FREE, Mark.IMAGES))


def planned_identity(config: RunConfig) -> dict[str, Any]:
    """The same before the images have been read: the folders that they are in stand for them."""
    return _identity(config, _marked(type(config), Mark.FREE))


def shaping_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what may have shaped the numbers of a run, apart from its seed.

    Args:
        values: Options by dotted name, also of a configuration of an earlier version.
    """
    marks = (mark for mark in Mark if mark is not Mark.PATH)
    names = [*marked(*marks), MOVED, "seed", *_neutral()]
    return {name: value for name, value in values.items() if not under(name, names)}


def is_silent(name: str) -> bool:
    """Whether an option says nothing of what a run is, so that the run is not called after it."""
    silent = marked(Mark.FREE, Mark.IMAGES, Mark.LABEL)
    return under(name, [*silent, *_neutral(), *MEANS])


def shaping_trainer_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the Trainer options that change what comes out, where they are not the usual ones."""
    usual = {"devices": 1, "num_nodes": 1, "precision": "32-true"}
    return {
        name: value
        for name, value in options.items()
        if name not in NEUTRAL_TRAINER_OPTIONS and usual.get(name) != value
    }


def shaping_callbacks(config: RunConfig, stage: str) -> dict[str, Any]:
    """The user's callbacks of a stage, which may change what comes out; nothing without any."""
    found = config.callbacks_of(stage)
    return {"callbacks": found} if found else {}


def shaping_augmentation(config: Config, side: str) -> dict[str, Any]:
    """The user's augmentation of a side; nothing without one."""
    node = config.data.augmentation.get(side)
    return {"augmentation": node} if node else {}


def weights_digest(options: BackboneConfig) -> dict[str, str]:
    """The content of the file that a network starts from; nothing where it starts from none."""
    if isinstance(options.pretrained, bool):
        return {}
    path = Path(options.pretrained).expanduser()
    if not path.is_file():
        return {}  # building the network will say so
    with path.open("rb") as file:
        return {"weights": hashlib.file_digest(file, "sha256").hexdigest()[:16]}


def _identity(config: RunConfig, left_out: Iterable[str]) -> dict[str, Any]:
    # A section that is null is not there, so that a later version may add one.
    dumped = {k: v for k, v in config.model_dump(mode="json").items() if v is not None}
    content = without(dumped, left_out)
    content["trainer"] = shaping_trainer_options(content["trainer"])
    return content


def _neutral() -> list[str]:
    return [f"trainer.{name}" for name in NEUTRAL_TRAINER_OPTIONS]
