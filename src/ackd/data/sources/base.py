"""What the benchmarks ask of a source of images: list them, read one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from ackd.data.benchmark import Modality
from ackd.data.options import AS_STORED, PixelOptions
from ackd.data.sensors import Sensor

__all__ = ["Record", "Source"]


@dataclass(frozen=True)
class Record:
    """One image of a source, not yet read.

    Attributes:
        file: The path relative to ``data.root``, with ``/`` between.
        labels: The source's own classes of the image; one for a single-label source.
        scene_id: ``pool/class/name``, or ``pool/name`` where an image bears several classes.
            Sources that show the same scenes (EuroSAT's MS and RGB) share the pool, and equal ids
            are the same scene.
        split: The publisher's own split, ``"train"``, ``"val"`` or ``"test"``; None without one.
    """

    file: str
    labels: tuple[str, ...]
    scene_id: str
    split: str | None = None


@runtime_checkable
class Source(Protocol):
    """A data set as one publisher lays it out on disk."""

    @property
    def name(self) -> str:
        """The key users give, such as ``"eurosat"``."""
        ...

    @property
    def title(self) -> str:
        """Data set and paper, such as ``"NWPU-RESISC45 (Cheng, Han and Lu 2017)"``."""
        ...

    @property
    def modality(self) -> Modality:
        """``"ms"`` or ``"rgb"``."""
        ...

    @property
    def sensor(self) -> Sensor:
        """The camera, with its bands by name."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Every class of the data set, sorted."""
        ...

    @property
    def published(self) -> str:
        """One sentence: where the archive is published, and what to get."""
        ...

    @property
    def folder(self) -> str:
        """What is looked for under the root, as the archive unpacks."""
        ...

    def scan(self, root: Path, classes: Collection[str]) -> list[Record]:
        """List the images of some classes under ``root``, sorted by scene id.

        Images that bear several classes are listed once, with all their classes.

        Raises:
            DataError: If the data set's folder or one of the class folders is missing or empty, or
                something in it would have to be skipped.
        """
        ...

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the files that make up the image at ``path``: more than one for a folder.

        Raises:
            DataError: If one of them is missing.
        """
        ...

    def read(
        self,
        path: Path,
        bands: Sequence[str],
        size: int | None,
        options: PixelOptions = AS_STORED,
    ) -> NDArray[Any]:
        """Read one image as (len(bands), size, size) in its native number type.

        Where ``size`` is None the image keeps the height and width it has.

        Raises:
            ConfigError: If the source has no such band.
            DataError: If the file is not what the data set promises.
        """
        ...
