"""A job of a sweep: which run it is, where it works, and the command that starts it."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ackd.config.command_line import quoted
from ackd.config.programs import TRAIN, program_for
from ackd.config.schema import RunConfig
from ackd.config.schema.data import Mark
from ackd.config.schema.identity import marked, planned_identity
from ackd.errors import ConfigError
from ackd.runs.folder import RESULT
from ackd.utils.values import digest, under

__all__ = ["Job", "devices_of", "label", "make_job", "sweep_name"]

LONGEST = 100  # characters of a name in a path; a file system takes 255


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        number: Its place in the sweep.
        label: What was varied, e.g. ``loss.lambda1=0.2,seed=0``.
        overrides: All of them, as on a command line.
        folder: The run folder. The fingerprint is in its name, so it never meets other options.
        fingerprint: Of every option that shapes the result; empty where they cannot be.
        devices: How many it trains on.
        on_cpu: Whether it leaves the GPUs alone.
        forced: Whether it asks for a stage to be trained anew, so that it is never passed over.
        flags: Of Hydra, e.g. ``--config-dir``.
        mistake: Why it cannot run, None where it can.
        varied: The overrides that were swept.
        module: The program that it is a run of.
    """

    number: int
    label: str
    overrides: tuple[str, ...]
    folder: Path
    fingerprint: str = ""
    devices: int = 1
    on_cpu: bool = False
    forced: bool = False
    flags: tuple[str, ...] = ()
    mistake: str | None = None
    varied: tuple[str, ...] = ()
    module: str = TRAIN.module

    @property
    def finished(self) -> bool:
        """Whether an earlier command has run it to its end."""
        return not self.forced and (self.folder / RESULT).is_file()

    def command(self) -> list[str]:
        """The command of a fresh single run; it goes on from what an earlier attempt left."""
        words = [sys.executable, "-m", self.module, *self.flags, *self.overrides]
        begun = (self.folder / "run.json").is_file() and not (self.folder / RESULT).is_file()
        if begun and not any(word.startswith("ckpt_path=") for word in words):
            words.append("ckpt_path=auto")
        # A configuration that asks for a sweep by itself would start one in every job.
        return [*words, "hydra.mode=RUN", f"hydra.run.dir={quoted(self.folder)}"]


def make_job(
    number: int,
    overrides: Sequence[str],
    swept: Iterable[str],
    root: Path,
    config: RunConfig | ConfigError,
    flags: Sequence[str] = (),
) -> Job:
    """Describe a job.

    Args:
        number: Its place in the sweep.
        overrides: All of them.
        swept: The keys that vary.
        root: The folder of the sweep.
        config: The checked configuration, or what is wrong with it.
        flags: Of Hydra.
    """
    keys = {key.lstrip("+") for key in swept}
    varied = tuple(word for word in overrides if word.lstrip("+").partition("=")[0] in keys)
    named = label(varied)
    try:
        if isinstance(config, ConfigError):
            raise config
        devices = devices_of(config)
    except ConfigError as error:
        return Job(
            number, named, tuple(overrides), root / _short(named), mistake=str(error),
            varied=varied,
        )  # fmt: skip
    stamp = digest(planned_identity(config))
    return Job(
        number, named, tuple(overrides), root / f"{_short(named)}-{stamp[:8]}", stamp, devices,
        on_cpu=config.trainer.get("accelerator") == "cpu", forced=bool(config.force),
        flags=tuple(flags), varied=varied, module=program_for(config.TASK).module,
    )  # fmt: skip


def label(words: Iterable[str]) -> str:
    """Say what was varied, e.g. ``loss.lambda1=0.2,seed=0``."""
    return ",".join(word.lstrip("+") for word in words) or "run"


def sweep_name(words: Sequence[str], swept: Sequence[str]) -> str:
    """Name a sweep by what it varies and by what it keeps.

    The same command has the same name, and so has one with more values for the same options.

    Args:
        words: Every override, also the swept ones.
        swept: The keys that vary.
    """

    def key(word: str) -> str:
        return word.lstrip("+~").partition("=")[0]

    names = sorted({word.lstrip("+") for word in swept})
    # Sweeps that differ in where, with how much or how loudly are one.
    free = (*marked(Mark.FREE), "hydra")
    kept = sorted(word for word in words if key(word) not in names and not under(key(word), free))
    digest = hashlib.sha256("\n".join([*names, "", *kept]).encode()).hexdigest()[:8]
    return f"{_short('-'.join(name.rpartition('.')[2] for name in names) or 'run')}-{digest}"


def devices_of(config: RunConfig) -> int:
    """How many devices a run trains on.

    Raises:
        ConfigError: It names devices, which are for the pool to hand out.
    """
    wanted = config.trainer.get("devices", 1)
    if wanted == "auto":
        return 1
    if (isinstance(wanted, str) and not wanted.isdigit()) or not isinstance(wanted, (int, str)):
        raise ConfigError(
            f"trainer.devices={wanted} names devices, which a sweep hands out itself; say how many "
            "a job needs, e.g. trainer.devices=2, and which there are: hydra.launcher.devices=[2,3]"
        )
    if int(wanted) < 1:
        raise ConfigError(
            f"trainer.devices={wanted} cannot be in a sweep, which shares the devices among its "
            "jobs; say how many a job needs, e.g. trainer.devices=2"
        )
    return int(wanted)


def _short(text: str) -> str:
    name = re.sub(r"[^\w.=,+-]+", "_", text)
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9]}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
