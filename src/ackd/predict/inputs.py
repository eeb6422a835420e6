"""From the paths of a command line to images, each with a name of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from ackd.errors import DataError, nearest_path

__all__ = ["PHOTOGRAPHS", "Found", "find_images", "refuse_clashes"]

#: Endings of files that show one scene; all others may be large rasters.
PHOTOGRAPHS: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".npy", ".npz")
#: Endings of images that are looked for in folders.
_ENDINGS: Final = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp")


@dataclass(frozen=True)
class Found:
    """An image.

    Attributes:
        path: Of the file.
        name: Below the folder that was given; the file's own where it was given itself.
    """

    path: Path
    name: str

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return str(PurePosixPath(self.name).with_suffix(""))


def find_images(paths: Sequence[Path], out: Path) -> list[Found]:
    """Find the images of files and folders, at any depth.

    Args:
        paths: As given.
        out: Where results go: what lies there is none.

    Raises:
        DataError: A path does not exist, there is no image, or two images have one name.
    """
    found: dict[str, Found] = {}
    for given in paths:
        path = given.expanduser()
        for one in _of(path, out.expanduser().resolve()):
            other = found.setdefault(one.name, one)
            if other is not one and other.path.resolve() != one.path.resolve():
                raise DataError(
                    f"{other.path} and {one.path} are both called {one.name}, so that one result "
                    "would replace the other. Predict them one at a time, with another --out."
                )
    if not found:
        raise DataError(
            f"There is no image in {', '.join(map(str, paths))}; expected {', '.join(_ENDINGS)}."
        )
    return list(found.values())


def refuse_clashes(images: Sequence[Found], out: Path, endings: Sequence[str]) -> None:
    """See that no result replaces that of another raster, or an image.

    Args:
        images: The rasters.
        out: Where results go.
        endings: Of the results of a raster.

    Raises:
        DataError: One would.
    """
    inputs = {image.path.resolve(): image for image in images}
    stems: dict[str, Found] = {}
    for image in images:
        other = stems.setdefault(image.stem, image)
        if other is not image:
            raise DataError(
                f"{other.path} and {image.path} differ in their endings alone, so that one result "
                "would replace the other. Predict them one at a time, with another --out."
            )
        for ending in endings:
            result = (out.expanduser() / f"{image.stem}{ending}").resolve()
            if result in inputs:
                raise DataError(
                    f"The result of {image.path} would replace the image {inputs[result].path}. "
                    "Give another folder: --out DIR."
                )


def _of(path: Path, out: Path) -> Iterator[Found]:
    if path.is_file():
        yield Found(path, path.name)
        return
    if not path.is_dir():
        raise DataError(f"There is no image or folder {path}.{nearest_path(path)}")
    for file in sorted(path.rglob("*")):
        if file.suffix.lower() not in _ENDINGS or file.name.startswith(".") or not file.is_file():
            continue
        if not file.resolve().is_relative_to(out) or path.resolve().is_relative_to(out):
            yield Found(file, file.relative_to(path).as_posix())
