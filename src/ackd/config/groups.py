"""The groups of a program: what can be chosen as ``group=name``, and in which file that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ackd.config.location import config_dir
from ackd.config.programs import PROGRAMS, TRAIN, Program

__all__ = ["SHARED", "Groups"]

#: Groups of ``conf/`` that every program has.
SHARED = ("callbacks", "execution", "hydra", "loader", "logger", "trainer")


@dataclass(frozen=True)
class Groups:
    """The groups of a program.

    Attributes:
        program: Whose.
        extra: Folders that are searched besides, as ``--config-dir`` names one.
    """

    program: Program = TRAIN
    extra: tuple[Path, ...] = ()

    @property
    def primary(self) -> Path:
        """The file of the primary configuration."""
        return self.program.config_dir / f"{self.program.primary}.yaml"

    def names(self) -> list[str]:
        """Every group."""
        return sorted({folder.name for folder in self._folders()})

    def choices(self) -> dict[str, list[str]]:
        """Group -> its choices; a group that only holds groups is left out."""
        found = {name: self.of(name) for name in self.names()}
        return {name: choices for name, choices in found.items() if choices}

    def of(self, group: str) -> list[str]:
        """The choices of a group."""
        folders = [folder for folder in self._folders() if folder.name == group]
        return sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})

    def file(self, group: str, choice: str) -> Path:
        """The file of a choice, as Hydra finds it.

        Raises:
            FileNotFoundError: There is none.
        """
        for folder in self._roots():
            path = folder / group / f"{choice}.yaml"
            if path.is_file() and (folder != config_dir() or self._shows(group.partition("/")[0])):
                return path
        raise FileNotFoundError(f"{self.program.module} has no {group}={choice}")

    def _roots(self) -> list[Path]:
        return list(dict.fromkeys((self.program.config_dir, config_dir(), *self.extra)))

    def _shows(self, group: str) -> bool:
        """Whether a folder of ``conf/`` is a group of this program."""
        if self.program.config_dir != config_dir():
            return group in SHARED
        return group not in {program.folder for program in PROGRAMS}

    def _folders(self) -> Iterator[Path]:
        for root in self._roots():
            for path in root.iterdir():
                if path.is_dir() and (root != config_dir() or self._shows(path.name)):
                    yield path
