"""A run folder: whose it is, how far it is, and the one that ``ckpt_path`` names.

Nothing here needs torch, so that a wrong folder is found in the first second.
"""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ackd.errors import ConfigError, DamagedError, nearest_path
from ackd.utils import locks
from ackd.utils.io import read_json
from ackd.utils.values import differences, dig

__all__ = [
    "BEST",
    "CHECKPOINTS",
    "FAILED",
    "IDENTITY",
    "LAST",
    "LOCK",
    "PATIENCE",
    "PREVIOUS",
    "REPLACES",
    "RESULT",
    "Differences",
    "RunFolder",
    "named_by",
    "only_longer",
    "refuse_occupied",
    "runs_under",
    "same_options",
    "say_differences",
]

log = logging.getLogger("ackd")

Differences = Mapping[str, tuple[Any, Any]]

#: Which run a folder belongs to: its options and its images.
IDENTITY = "run.json"
#: Held by the process that works in a folder.
LOCK = ".running"
#: What came out.
RESULT = "result.json"
#: What train.log has before the reason for which a run failed.
FAILED = "The run failed:"
#: In :data:`IDENTITY` as long as the result in the folder is that of an earlier, shorter run.
REPLACES = "replaces"

#: Folder of checkpoints in that of a run or of a stage in training.
CHECKPOINTS = "checkpoints"
#: What goes on from the end of the last epoch, of the epoch before it, and what is chosen.
LAST, PREVIOUS, BEST = "last.ckpt", "previous.ckpt", "best.ckpt"

#: Options that may differ where a run is trained longer. A schedule of DynM that was made for the
#: old length keeps its epochs if its reference grows with it.
LENGTHS = ("student.max_epochs", "dynm.reference_epochs")
#: When a student ends before its length; to wait longer, or for all epochs, is to train it longer.
EARLY, PATIENCE = "student.early_stopping", "student.early_stopping.patience"


@dataclass(frozen=True)
class RunFolder:
    """A folder with a ``run.json``."""

    path: Path
    stamp: Mapping[str, Any]

    @classmethod
    def at(cls, path: Path) -> RunFolder | None:
        """Read what a folder is; None where it is not one of a run.

        Raises:
            DamagedError: Its ``run.json`` cannot be read.
        """
        if not (path / IDENTITY).is_file():
            return None
        stamp = read_json(path / IDENTITY)
        if not isinstance(stamp, dict) or not isinstance(stamp.get("options"), dict):
            raise DamagedError(f"{path / IDENTITY} is damaged: it has no options.")
        return cls(path, stamp)

    @property
    def fingerprint(self) -> str:
        """Of options and images."""
        return str(self.stamp.get("fingerprint"))

    @property
    def finished(self) -> bool:
        """Whether it has the result of the run that it belongs to."""
        return (self.path / RESULT).is_file() and not self.stamp.get(REPLACES)

    @property
    def length(self) -> int:
        """The student's epochs."""
        return int(self.stamp["options"]["student"]["max_epochs"])

    @property
    def until(self) -> str:
        """The stage that it ends with."""
        return str(self.stamp["options"].get("until", "student"))

    @property
    def longer(self) -> str:
        """How to train it longer, in a sentence without its full stop."""
        if self.until != "student":
            return (
                f"It ended with its {self.until} (until={self.until}), which is among the "
                f"artifacts; one that is trained longer is another {self.until}, of a run with "
                f"{self.until}.max_epochs=N"
            )
        student = (read_json(self.path / RESULT) if self.finished else {}).get("student") or {}
        patience = dig(self.stamp, f"options.{PATIENCE}")
        if student.get("stopped_early") and patience is not None:
            given = f"{PATIENCE}=N with N > {patience}, or null"
        else:
            given = f"student.max_epochs=N with N > {self.length}"
        return f"To train it longer give ckpt_path={self.path} {given}"

    def differences(self, wanted: Mapping[str, Any]) -> Differences:
        """In which options and images it differs from what another run is."""
        found = differences(self.stamp["options"], wanted["options"])
        return found | differences(self.stamp.get("images"), wanted["images"], "images")

    @property
    def idle(self) -> bool:
        """Whether no process is working in it."""
        return locks.is_free(self.path / LOCK)


def refuse_occupied(folder: Path, differing: Differences | None = None) -> None:
    """Refuse to work in a folder that was given by hand and has a run in it.

    Args:
        folder: Perhaps of a run.
        differing: From the run that is asked for, where that is known.

    Raises:
        ConfigError: Two runs would be mixed in one folder.
    """
    here = RunFolder.at(folder)
    if here is None:
        return
    state = "a finished" if here.finished else "an unfinished"
    other = f" with other options ({say_differences(differing)})" if differing else ""
    ways = ["leave hydra.run.dir and hydra.sweep.subdir out, or give each run a folder of its own"]
    if not here.finished and not differing:
        ways.append("go on with it: ckpt_path=auto")
    longer = here.finished and (not differing or only_longer(differing))
    first, *others = ways
    raise ConfigError(
        f"{here.path} already holds {state} run{other}, and two runs in one folder would be mixed. "
        f"{'; or '.join([first.capitalize(), *others])}. {f'{here.longer}. ' if longer else ''}"
        "Teachers and matchers are kept among the artifacts, and are used again from any folder."
    )


def only_longer(differing: Differences) -> bool:
    """Whether a run differs from another one in how long it is, and in nothing else."""
    if not set(differing) <= {*LENGTHS, EARLY, PATIENCE}:
        return False
    # A patience that was not there, or was longer, would have ended the run by now.
    _, now = differing.get(EARLY, (None, None))
    before, after = differing.get(PATIENCE, (0, 1))
    return now is None and before < after and set(differing) != {"dynm.reference_epochs"}


def say_differences(differing: Differences) -> str:
    """E.g. ``loss.lambda1 was 0.4, now 0.2``."""
    said = [
        f"{name} was {old}, now {new}"
        for name, (old, new) in differing.items()
        if not _is_of_images(name)
    ]
    sides = [name.rpartition(".")[2].upper() for name in differing if _is_of_images(name)]
    if sides:
        said.append(f"the {' and '.join(sides)} images, or their classes, are other ones")
    return "; ".join(said)


def same_options(differing: Differences) -> str:
    """The overrides that make a run the other one again, but for its images and its length."""
    return " ".join(
        shlex.quote(f"{name}={old if isinstance(old, str) else json.dumps(old)}")
        for name, (old, _) in differing.items()
        if not _is_of_images(name) and name not in LENGTHS and not isinstance(old, dict)
    )


def _is_of_images(name: str) -> bool:
    return name.partition(".")[0] == "images"


def named_by(ckpt_path: str) -> RunFolder:
    """Find the run that ``ckpt_path`` names, by its folder or by a checkpoint in it.

    Raises:
        ConfigError: There is no such run, or its checkpoint is not one to go on from.
    """
    asked = Path(ckpt_path).expanduser()
    for folder in (asked, asked.parent, asked.parent.parent):
        inside = asked.relative_to(folder).parts
        if not asked.exists() or inside not in ((), (CHECKPOINTS,), (CHECKPOINTS, asked.name)):
            continue
        try:
            found = RunFolder.at(folder)
        except DamagedError as error:
            raise ConfigError(
                f"ckpt_path={ckpt_path} cannot be gone on from: {error} Leave ckpt_path out to "
                "start again in another folder."
            ) from error
        if found is not None:
            _refuse_other_checkpoints(asked, found)
            return RunFolder(folder.absolute(), found.stamp)
    raise ConfigError(
        f"ckpt_path={ckpt_path} {_why_not(asked)}. Expected the folder of a run (it has a "
        f"{IDENTITY}) or its {CHECKPOINTS}/{LAST}; ckpt_path=auto finds the last unfinished run."
        f"{nearest_path(asked)}"
    )


def runs_under(outputs: Path) -> list[RunFolder]:
    """All run folders at any depth; one that cannot be read is passed over with a warning."""
    found = []
    for path in outputs.rglob(IDENTITY):
        try:
            run = RunFolder.at(path.parent)
        except (DamagedError, OSError) as error:
            log.warning("passed over the run %s: %s", path.parent, error)
        else:
            found += [run] if run is not None else []
    return found


def _refuse_other_checkpoints(asked: Path, run: RunFolder) -> None:
    if asked.is_dir() or asked.name in (LAST, PREVIOUS):
        return
    why = (
        "holds the best epoch so far, by which the student is chosen, not the last one: going on "
        "from it would train epochs again that have been trained, and lose those after it"
        if asked.name == BEST
        else "is not a checkpoint that ackd goes on from"
    )
    raise ConfigError(
        f"ckpt_path={asked} {why}. Give the folder of the run, which goes on from its "
        f"{CHECKPOINTS}/{LAST}: ckpt_path={run.path}"
    )


def _why_not(asked: Path) -> str:
    if asked.exists():
        if any(part.endswith(".training") for part in asked.absolute().parts):
            return (
                "is not the folder of a run, but a stage in training, with which the run that "
                "needs it goes on: ckpt_path=auto"
            )
        return "is not the folder of a run"
    return "does not exist"
