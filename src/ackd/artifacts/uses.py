"""Which runs use which artifacts, by what their folders say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from ackd.artifacts.usage import ARTIFACTS
from ackd.runs.folder import IDENTITY, RESULT
from ackd.utils.io import read_json
from ackd.utils.values import dig

__all__ = ["Name", "RunFolder", "Uses", "read_uses"]

#: An artifact: its stage and its name in the stage's folder.
Name = tuple[str, str]


@dataclass(frozen=True)
class RunFolder:
    """A run that uses something.

    Attributes:
        folder: Of the run.
        finished: Whether it has a result; another may go on from what it has begun.
        written: When it last said what it is, in seconds since 1970.
    """

    folder: Path
    finished: bool
    written: float


@dataclass
class Uses:
    """All uses that were found.

    Attributes:
        by_artifact: The runs that use an artifact.
        runs: How many run folders there are.
        silent: How many of them, of earlier versions, name at most their teacher.
        unreadable: Files that cannot be read: what these runs use is not known.
    """

    by_artifact: dict[Name, list[RunFolder]] = field(default_factory=lambda: defaultdict(list))
    runs: int = 0
    silent: int = 0
    unreadable: list[Path] = field(default_factory=list)

    def of(self, name: Name, base: Name | None = None) -> list[RunFolder]:
        """The runs that use an artifact.

        Args:
            name: Of the artifact.
            base: What it was made of. A run of an earlier version that names the one and no more
                may use the other.
        """
        found = list(self.by_artifact.get(name, ()))
        if base is not None:
            found += self.by_artifact.get((f"silent {base[0]}", base[1]), ())
        return found


def read_uses(outputs: Iterable[Path]) -> Uses:
    """Read ``run.json`` and ``result.json`` of every run below some folders.

    Args:
        outputs: Searched to any depth; one that does not exist has no runs.
    """
    uses = Uses()
    folders = {
        path.parent.resolve()
        for root in outputs
        for name in (IDENTITY, RESULT)
        for path in root.rglob(name)
    }
    for folder in sorted(folders):
        contents = [_content(folder / name, uses) for name in (IDENTITY, RESULT)]
        _add(uses, folder, *contents)
    return uses


def _content(path: Path, uses: Uses) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        return read_json(path)
    except (OSError, ValueError):
        uses.unreadable.append(path)
        return {}


def _add(uses: Uses, folder: Path, stamp: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    uses.runs += 1
    written = max(
        (folder / name).stat().st_mtime for name in (IDENTITY, RESULT) if (folder / name).exists()
    )
    run = RunFolder(folder, bool(result), written)
    named = {
        (stage, PurePath(str(path)).name)
        for content in (stamp, result)
        for stage, path in dict(content.get(ARTIFACTS) or {}).items()
    }
    for name in named:
        uses.by_artifact[name].append(run)
    if named:
        return
    uses.silent += 1
    teacher = dig(result, "teacher.fingerprint")
    if teacher is not None:
        uses.by_artifact["teacher", str(teacher)].append(run)
        uses.by_artifact["silent teacher", str(teacher)].append(run)
