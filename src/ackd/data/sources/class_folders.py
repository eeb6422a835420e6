"""A data set that is a folder with one folder a class: most publishers' layout."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from ackd.data.benchmark import Modality
from ackd.data.options import AS_STORED, PixelOptions
from ackd.data.reading.multispectral import read_ms
from ackd.data.reading.photographs import read_rgb
from ackd.data.sensors import RGB, Sensor
from ackd.data.sources.base import Record
from ackd.data.sources.folders import is_image, visible
from ackd.errors import (
    DataError,
    ImageError,
    MissingClassError,
    did_you_mean,
    nearest,
    nearest_path,
)

__all__ = ["ClassFolders"]

#: Kinds of errors that an option can help, which their text names.
_OPTIONS_HELP: Final = frozenset({"NaN", "nodata", "unstated nodata"})


@dataclass(frozen=True)
class ClassFolders:
    """A data set laid out as ``<folder>/<class>/<image>``. Implements `ackd.data.sources.Source`.

    Attributes:
        name: The key users give.
        title: Data set and paper, for messages.
        modality: ``"ms"`` (tifs of ``file_bands``) or ``"rgb"`` (photographs).
        folder: The folder looked for under ``data.root``, as the archive unpacks.
        classes: Every class folder the publisher has, sorted.
        suffixes: Of the image files, lower case.
        pool: The scene pool; data sets of the same scenes share it, with the same file names.
        published: One sentence: where the archive is published, and what to get; "" for a user's
            own images.
        inner: A folder between ``folder`` and the classes that the archive may have.
        aliases: Other folders (with ``/`` between) that publishers' archives unpack to.
        grouped: Whether the class folders may lie in folders of related classes.
        sensor: The camera.
        file_bands: The bands in the order of the file; MS only.
        dtypes: The number types of the files; MS only.
        described: Whether ``file_bands`` are the files' own band descriptions; MS only.
        option: The option that leads to the folder, for messages.
        optional: Whether a benchmark can do without these RGB images.
    """

    name: str
    title: str
    modality: Modality
    folder: str
    classes: tuple[str, ...]
    suffixes: tuple[str, ...]
    pool: str
    published: str
    inner: str | None = None
    aliases: tuple[str, ...] = ()
    grouped: bool = False
    sensor: Sensor = RGB
    file_bands: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = ("uint16",)
    described: bool = False
    option: str = "data.root"
    optional: bool = True

    @property
    def own(self) -> bool:
        """Whether these are a user's own images, which no publisher can be asked for."""
        return not self.published

    def scan(self, root: Path, classes: Collection[str]) -> list[Record]:
        """List the images of some classes under ``root``, sorted by scene id.

        Args:
            root: The folder given as ``data.root``.
            classes: Which of the source's classes to list.

        Raises:
            DataError: If the folder is missing; if a class is missing, empty, or unknown to the
                publisher (a misspelt folder); if an image is of another type, lies deeper than
                the layout says, or stands twice under one name.
        """
        home = self._locate(root)
        places = self._places(home)
        records = []
        for label in sorted(classes):
            images = self._images(places.get(label, home / label))
            records += [
                Record(
                    file=image.relative_to(root).as_posix(),
                    labels=(label,),
                    scene_id=f"{self.pool}/{label}/{image.stem}",
                )
                for image in images
            ]
        return sorted(records, key=lambda record: record.scene_id)

    def files(self, path: Path) -> tuple[Path, ...]:
        """Return the one file of an image."""
        return (path,)

    def read(
        self,
        path: Path,
        bands: Sequence[str],
        size: int | None,
        options: PixelOptions = AS_STORED,
    ) -> NDArray[Any]:
        """Read one image as (len(bands), size, size): the tif's type for MS, uint8 for RGB.

        Raises:
            ConfigError: If the source has no such band.
            DataError: If the file is not what the data set promises.
        """
        try:
            if self.modality == "ms":
                return read_ms(
                    path, self.file_bands, bands, size, self.dtypes, options, self.described
                )
            chosen = [self.sensor.names.index(self.sensor.band(name).name) for name in bands]
            return read_rgb(path, size, options)[chosen]
        except ImageError as error:
            if not self.own or error.kind in _OPTIONS_HELP:
                raise
            advice = (
                f"Put the right file in its place, or take it out of the folder ({self.option})."
            )
            raise ImageError(error.text, error.kind, advice, error.marker) from error

    def _locate(self, root: Path) -> Path:
        """Find the folder that holds the class folders, also when unpacked one level deeper."""
        if not root.is_dir() and self.own:
            raise DataError(
                f"There is no folder {root} (any more). Set {self.option} to a folder with one "
                "folder per class."
            )
        if not root.is_dir():
            raise DataError(
                f"There is no folder {root} to look for {self.folder} in.{nearest_path(root)} Set "
                f"{self.option}=DIR{self._variable()} to the folder that holds it. {self._get()}"
            )
        names = (self.folder, *self.aliases)
        outer = next((root / name for name in names if (root / name).is_dir()), None)
        if outer is None:
            raise DataError(self._missing(root))
        inner = outer / self.inner if self.inner else outer
        candidates = [outer, inner, outer / outer.name]
        candidates += [child for child in visible(outer) if child.is_dir()]
        for candidate in dict.fromkeys(candidates):
            if any(
                (home / label).is_dir() for home in self._homes(candidate) for label in self.classes
            ):
                return candidate
        found = ", ".join(child.name for child in visible(outer)[:5]) or "nothing"
        if self.own:
            raise DataError(
                f"{outer} has none of the folders {', '.join(self.classes[:3])}, ... (any more); "
                f"it has {found}. Set {self.option} to a folder with one folder per class."
            )
        raise DataError(
            f"{outer} holds none of {self.title}'s class folders ({', '.join(self.classes[:3])}, "
            f"...), neither directly nor one level deeper; it holds {found}. Unpack the archive "
            f"so that {self.folder}/{self.classes[0]} exists under {self.option}={root}."
        )

    def _homes(self, candidate: Path) -> list[Path]:
        """The folders in which class folders may lie: the candidate itself and its groups."""
        if not self.grouped or not candidate.is_dir():
            return [candidate]
        groups = [
            child
            for child in visible(candidate)
            if child.is_dir() and child.name not in self.classes
        ]
        return [candidate, *groups]

    def _places(self, home: Path) -> dict[str, Path]:
        """Find each class's folder, and refuse folders of images that are no class."""
        places: dict[str, Path] = {}
        homes = self._homes(home)
        for parent in homes:
            for child in visible(parent):
                if not child.is_dir() or child in homes[1:]:
                    continue
                if child.name not in self.classes:
                    self._check_stranger(child)
                    continue
                if child.name in places:
                    raise DataError(
                        f"{child} and {places[child.name]} are both the class '{child.name}' of "
                        f"{self.title}; expected it once. Take one of them out of {self.option}."
                    )
                places[child.name] = child
        return places

    def _missing(self, root: Path) -> str:
        if root.name == self.folder:
            hint = (
                f" {self.option} is the folder that holds {self.folder}: try "
                f"{self.option}={root.parent}."
            )
        else:
            near = nearest(
                self.folder, [child.name for child in visible(root) if self._fits(child)]
            )
            hint = f" There is {root / near}; if that is it, rename it." if near else ""
        return (
            f"No folder {self.folder} under {self.option}={root} (looked for {root / self.folder})."
            f"{hint} {self._get()} Put it there, or set {self.option}=DIR{self._variable()} to the "
            f"folder that holds it{self._leave_out()}."
        )

    def _fits(self, folder: Path) -> bool:
        """Whether a folder of another name looks like this data set, unpacked under that name."""
        return any(
            path.suffix.lower() in self.suffixes
            for label in self.classes
            if (folder / label).is_dir()
            for path in (folder / label).iterdir()
        )

    def _get(self) -> str:
        home = f"{self.folder}/{self.inner}" if self.inner else self.folder
        group = "<group>/" if self.grouped else ""
        return (
            f"Get {self.title} and unpack it as {home}/{group}<class>/*{self.suffixes[0]}. "
            f"{self.published}"
        )

    def _variable(self) -> str:
        return " or ACKD_DATA=DIR" if self.option == "data.root" else ""

    def _leave_out(self) -> str:
        droppable = self.modality == "rgb" and self.optional
        return f", or leave {self.name} out of data.sources" if droppable else ""

    def _check_stranger(self, child: Path) -> None:
        if any(is_image(path) for path in child.rglob("*")):
            hint = did_you_mean(child.name, self.classes)
            raise DataError(
                f"{child} holds images, but {self.title} has no class '{child.name}'.{hint} "
                f"Rename the folder or take it out of {self.option}; the classes are "
                f"{', '.join(self.classes)}."
            )

    def _images(self, folder: Path) -> list[Path]:
        label = folder.name
        if not folder.is_dir():
            lacking = f"{folder.parent} has no folder '{label}'"
            if self.own:
                raise MissingClassError(f"{lacking} (any more). {self._empty(label)}", label)
            raise MissingClassError(
                f"{lacking}, a class of {self.title} that the benchmark uses. Unpack the archive "
                f"under {self.option} again{self._leave_out()}.",
                label,
            )
        images: dict[str, Path] = {}
        for path in visible(folder):
            if path.is_dir():
                if any(is_image(inside) for inside in path.rglob("*")):
                    raise DataError(
                        f"{path} is a folder with images inside a class folder; expected the "
                        f"images in {folder} itself. Move them there or take them out of "
                        f"{self.option}."
                    )
            elif path.suffix.lower() in self.suffixes:
                twice = images.setdefault(path.stem, path)
                if twice != path:
                    raise DataError(
                        f"{path} and {twice.name} are one scene by name; expected one file a "
                        "scene. Take one of them out of the folder."
                    )
            elif is_image(path):
                raise DataError(
                    f"{path} is not a {' or '.join(self.suffixes)} file, which the images of "
                    f"{self.title} must be. {self._other_type()}"
                )
        if not images:
            raise MissingClassError(
                f"{folder} is empty: it holds no {' or '.join(self.suffixes)} file. "
                f"{self._empty(label)}",
                label,
            )
        return list(images.values())

    def _other_type(self) -> str:
        if self.own:
            return "Convert it, or take it out of the folder."
        return (
            f"Take it out of the folder, or look whether another data set was unpacked into "
            f"{self.folder} ({self.option} leads there)."
        )

    def _empty(self, label: str) -> str:
        if self.own:
            return (
                f"Both sides must have images of every class ({self.option}): add some, or choose "
                "the other classes by data.classes."
            )
        return (
            f"The benchmark uses the class '{label}' of {self.title}. Unpack the archive under "
            f"{self.option} again{self._leave_out()}."
        )
