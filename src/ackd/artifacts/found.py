"""What is in the artifacts folder: teachers, matchers, stored outputs, packs, and leftovers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ackd.artifacts.cache import DONE
from ackd.artifacts.usage import use_lock
from ackd.artifacts.uses import Name, RunFolder, Uses
from ackd.config.programs import stages_of_all
from ackd.data.cache import is_pack
from ackd.data.cache.pack import LOCK as PACK_LOCK
from ackd.runs.result import validation_of_epoch
from ackd.tasks import task_of_result
from ackd.utils.io import read_json
from ackd.utils.locks import is_shared
from ackd.utils.values import dig

__all__ = ["LOCKS", "STAGES", "TRAINING", "Item", "Kind", "find", "free", "training_lock"]

PACKED = "packed"
STAGES = (*stages_of_all("kept"), PACKED)
TRAINING, REPLACED, PRUNED = ".training", ".replaced", ".pruned"
LOCKS = (".lock", ".use")
#: A pack of tiles has it once its images are there.
TILES = "images.json"


class Kind(StrEnum):
    """What an item is."""

    FINISHED = "finished"
    TRAINING = "in training"
    INTERRUPTED = "interrupted"
    LEFTOVER = "leftover"


@dataclass(frozen=True)
class Item:
    """One thing in the artifacts folder.

    Attributes:
        folder: Where it is.
        stage: One of :data:`STAGES`.
        name: The fingerprint, or a pack's name.
        kind: What it is.
        size: Bytes of all its files.
        backbone: Of its network; empty where it has none.
        metric: What it reaches on validation images; empty where that is not known.
        last_use: In seconds since 1970.
        users: Runs that use it.
        held: Whether a running process uses it.
    """

    folder: Path
    stage: str
    name: str
    kind: Kind
    size: int
    backbone: str
    metric: str
    last_use: float
    users: tuple[RunFolder, ...]
    held: bool

    @property
    def artifact(self) -> Path:
        """The folder of the finished artifact, there or not; locks are named after it."""
        return self.folder.with_name(self.name)

    @property
    def label(self) -> str:
        """Stage and name, as they are written on the command line."""
        return f"{self.stage}/{self.name}"

    @property
    def used(self) -> bool:
        """Whether a run needs it: a finished run does not go on with an interrupted training."""
        if self.kind is Kind.FINISHED:
            return bool(self.users)
        return self.kind is not Kind.LEFTOVER and any(not run.finished for run in self.users)


def find(root: Path, uses: Uses) -> list[Item]:
    """List everything that ackd has left in an artifacts folder, the largest first by stage.

    Folders that are not of ackd's making are passed over.

    Args:
        root: The artifacts folder.
        uses: By which runs.
    """
    found = []
    for stage in STAGES:
        place = root / stage
        folders = [path for path in place.iterdir() if path.is_dir()] if place.is_dir() else []
        items = [item for path in folders if (item := _item(path, stage, uses)) is not None]
        found += sorted(items, key=lambda item: (-item.size, item.name))
    return found


def _item(folder: Path, stage: str, uses: Uses) -> Item | None:
    name, kind = _kind(folder, stage)
    if kind is None:
        return None
    artifact = folder.with_name(name)
    held = not free(artifact)
    if kind is Kind.INTERRUPTED and held:
        kind = Kind.TRAINING
    about = _json(folder / DONE)
    users = uses.of((stage, name), _made_of(about))
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    written = max((path.stat().st_mtime for path in [*files, folder]), default=0.0)
    marks = [use_lock(artifact)] if use_lock(artifact).is_file() else []
    last = max([written, *(run.written for run in users), *(p.stat().st_mtime for p in marks)])
    return Item(
        folder, stage, name, kind, sum(path.stat().st_size for path in files),
        _network(about), _metric(folder, stage, about),
        last, tuple(users), held,
    )  # fmt: skip


def _kind(folder: Path, stage: str) -> tuple[str, Kind | None]:
    """Name and kind of a folder; no kind where it is not ours."""
    name = folder.name
    if name.startswith(".") and PRUNED in name:
        return name[1 : name.index(PRUNED)], Kind.LEFTOVER
    if name.endswith(REPLACED):
        return name.removesuffix(REPLACED), Kind.LEFTOVER
    if name.endswith(TRAINING):
        return name.removesuffix(TRAINING), Kind.INTERRUPTED
    if stage == PACKED:
        lock = (folder / PACK_LOCK).exists()
        whole = is_pack(folder) or (folder / TILES).is_file()
        return name, Kind.FINISHED if whole else Kind.INTERRUPTED if lock else None
    return name, Kind.FINISHED if (folder / DONE).is_file() else None


def _network(about: Mapping[str, Any]) -> str:
    places = ("shaped_by.options.backbone.name", "shaped_by.network.name")
    return str(next(filter(None, (dig(about, place) for place in places)), ""))


def _made_of(about: Mapping[str, Any]) -> Name | None:
    """The artifact that another one was made of, e.g. the teacher of its stored outputs."""
    shape = dig(about, "shaped_by") or {}
    # The last one: it is made of what the earlier ones are.
    bases = [base for base in reversed(stages_of_all("kept")) if base in shape]
    return (bases[0], str(shape[bases[0]])) if bases else None


def _metric(folder: Path, stage: str, about: Mapping[str, Any]) -> str:
    report = _json(folder / "metrics.json")
    if (base := _made_of(about)) is not None:
        return f"of {base[0]} {base[1][:8]}"
    if report and (stage == "teacher" or "validation" in report):
        known = report.get("validation") or validation_of_epoch(
            folder / "metrics.csv", report.get("best_epoch")
        )
        task = task_of_result(report | {"validation": known})
        return next(iter(task.texts(known)), "")
    if report.get("metrics"):
        return ", ".join(f"{name} {value:.3f}" for name, value in report["metrics"].items())
    if stage == PACKED:
        return str(_json(folder / "pack.json").get("name", ""))
    return ""


def free(artifact: Path) -> bool:
    """Whether no process makes or uses an artifact."""
    if is_shared(use_lock(artifact)):
        return False
    lock = training_lock(artifact)
    if not lock.exists():
        return True
    try:
        with FileLock(lock, blocking=False):
            return True
    except Timeout:
        return False


def training_lock(artifact: Path) -> Path:
    """The lock of the one process that makes an artifact."""
    if artifact.parent.name == PACKED:
        return artifact / PACK_LOCK
    return artifact.with_name(f"{artifact.name}.lock")


def _json(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        return read_json(path)
    return {}
