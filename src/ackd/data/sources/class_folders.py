"""A data set that is a folder with one folder a class: most publishers' layout."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from ackd.data.benchmark import Modality
from ackd.data.scenes import read_ms, read_rgb
from ackd.data.sensors import RGB, Sensor
from ackd.data.sources.base import Record
from ackd.errors import DataError, nearest

__all__ = ["ClassFolders"]

#: What is an image, whether or not a source uses it: these are never passed over in silence.
_IMAGE_SUFFIXES: Final = frozenset(
    {".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".mat", ".npy", ".npz", ".png", ".tif", ".tiff"}
    | {".webp"}
)


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
        inner: A folder between ``folder`` and the classes that the archive may have.
        sensor: The camera.
        file_bands: The bands in the order of the file; MS only.
    """

    name: str
    title: str
    modality: Modality
    folder: str
    classes: tuple[str, ...]
    suffixes: tuple[str, ...]
    pool: str
    inner: str | None = None
    sensor: Sensor = RGB
    file_bands: tuple[str, ...] = ()

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
        self._check_strangers(home)
        records = []
        for label in sorted(classes):
            images = self._images(home, label)
            records += [
                Record(
                    file=image.relative_to(root).as_posix(),
                    labels=(label,),
                    scene_id=f"{self.pool}/{label}/{image.stem}",
                )
                for image in images
            ]
        return sorted(records, key=lambda record: record.scene_id)

    def read(self, path: Path, bands: Sequence[str], size: int) -> NDArray[Any]:
        """Read one image as (len(bands), size, size): uint16 for MS, uint8 R, G, B for RGB.

        Raises:
            ConfigError: If the source has no such band.
            DataError: If the file is not what the data set promises.
        """
        if self.modality == "ms":
            return read_ms(path, self.file_bands, bands, size)
        chosen = [self.sensor.names.index(self.sensor.band(name).name) for name in bands]
        return read_rgb(path, size)[chosen]

    def _locate(self, root: Path) -> Path:
        """Find the folder that holds the class folders, also when unpacked one level deeper."""
        if not root.is_dir():
            raise DataError(
                f"There is no folder {root} to look for {self.folder} in. Set data.root=DIR or "
                f"ACKD_DATA=DIR to the folder that holds it. {self._get()}"
            )
        outer = root / self.folder
        if not outer.is_dir():
            raise DataError(self._missing(root))
        inner = outer / self.inner if self.inner else outer
        candidates = [outer, inner, outer / self.folder]
        candidates += [child for child in _visible(outer) if child.is_dir()]
        for candidate in dict.fromkeys(candidates):
            if any((candidate / label).is_dir() for label in self.classes):
                return candidate
        found = ", ".join(child.name for child in _visible(outer)[:5]) or "nothing"
        raise DataError(
            f"{outer} holds none of {self.title}'s class folders ({', '.join(self.classes[:3])}, "
            f"...), neither directly nor one level deeper; it holds {found}. Unpack the archive "
            f"so that {self.folder}/{self.classes[0]} exists under data.root={root}."
        )

    def _missing(self, root: Path) -> str:
        if root.name == self.folder:
            hint = (
                f" data.root is the folder that holds {self.folder}: try data.root={root.parent}."
            )
        else:
            near = nearest(
                self.folder, [child.name for child in _visible(root) if self._fits(child)]
            )
            hint = f" There is {root / near}; if that is it, rename it." if near else ""
        return (
            f"No folder {self.folder} under data.root={root} (looked for {root / self.folder})."
            f"{hint} {self._get()} Put it there, or set data.root=DIR or ACKD_DATA=DIR to the "
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
        return f"Get {self.title} and unpack it as {home}/<class>/*{self.suffixes[0]}."

    def _leave_out(self) -> str:
        return f", or leave {self.name} out of data.sources" if self.modality == "rgb" else ""

    def _check_strangers(self, home: Path) -> None:
        for child in _visible(home):
            if not child.is_dir() or child.name in self.classes:
                continue
            if any(_is_image(path) for path in child.rglob("*")):
                near = nearest(child.name, self.classes)
                hint = f" Did you mean '{near}'?" if near else ""
                raise DataError(
                    f"{child} holds images, but {self.title} has no class '{child.name}'.{hint} "
                    f"Rename the folder or take it out of data.root; the classes are "
                    f"{', '.join(self.classes)}."
                )

    def _images(self, home: Path, label: str) -> list[Path]:
        folder = home / label
        if not folder.is_dir():
            raise DataError(
                f"{home} has no folder '{label}', a class of {self.title} that the benchmark uses. "
                f"Unpack the archive under data.root again{self._leave_out()}."
            )
        images: dict[str, Path] = {}
        for path in _visible(folder):
            if path.is_dir():
                if any(_is_image(inside) for inside in path.rglob("*")):
                    raise DataError(
                        f"{path} is a folder with images inside a class folder; expected the "
                        f"images in {folder} itself. Move them there or take them out of data.root."
                    )
            elif path.suffix.lower() in self.suffixes:
                twice = images.setdefault(path.stem, path)
                if twice != path:
                    raise DataError(
                        f"{path} and {twice.name} are one scene by name; expected one file a "
                        "scene. Take one of them out of the folder."
                    )
            elif _is_image(path):
                raise DataError(
                    f"{path} is no {' or '.join(self.suffixes)} file, which the images of "
                    f"{self.title} are. Take it out of the folder, or look whether another data "
                    f"set was unpacked into {self.folder} (data.root leads there)."
                )
        if not images:
            raise DataError(
                f"{folder} is empty: it holds no {' or '.join(self.suffixes)} file, and the "
                f"benchmark uses the class '{label}' of {self.title}. Unpack the archive under "
                f"data.root again{self._leave_out()}."
            )
        return list(images.values())


def _visible(folder: Path) -> list[Path]:
    """The entries of a folder, sorted, without hidden ones and macOS's archive leftovers."""
    return list(_iterate(folder))


def _iterate(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if not path.name.startswith((".", "__MACOSX")):
            yield path


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _IMAGE_SUFFIXES and not path.name.startswith(".")
