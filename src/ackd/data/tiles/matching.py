"""Which file of one folder belongs to which of another: by the part of the name they share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ackd.data.tiles.faults import some_of
from ackd.errors import DataError, counted, nearest_path

__all__ = ["IMAGES", "VECTORS", "Named", "files_in", "match", "match_masks"]

#: Endings of images and masks.
IMAGES: Final = (".tif", ".tiff", ".png", ".npy", ".npz")
#: Endings of files with footprints.
VECTORS: Final = (".geojson", ".json", ".gpkg", ".shp", ".fgb")

_PIECES: Final = re.compile(r"[^_\-. ]+|[_\-. ]+")


class Named(NamedTuple):
    """The files of one folder by the name of their tile.

    Attributes:
        files: Name of a tile -> its file.
        pattern: What the files are called, with a ``*`` for that name.
    """

    files: Mapping[str, Path]
    pattern: str


def files_in(folder: Path, option: str, endings: Sequence[str]) -> list[Path]:
    """The files of a folder and of those inside it, sorted.

    Args:
        folder: The folder.
        option: That it was given by, e.g. ``"data.sar"``.
        endings: Of the files that count, in lower case.

    Raises:
        DataError: There is no such folder, or none of its files counts.
    """
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else f"does not exist.{nearest_path(folder)}"
        raise DataError(f"{option}={folder} {what}; expected a folder with one file per tile.")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in endings and not path.name.startswith(".") and path.is_file()
    )
    if not found:
        raise DataError(
            f"{option}={folder} has no file that ends with {', '.join(endings)}; expected one per "
            "tile."
        )
    return found


def match(
    optical: Sequence[Path],
    sar: Sequence[Path],
    optical_names: str | None = None,
    sar_names: str | None = None,
) -> tuple[Named, Named]:
    """Find the optical and the SAR image of each tile.

    What all files of a folder begin or end with, such as ``_optical``, is not part of a tile's
    name, if the names of both sides are alike without it. The least is cut off with which most
    names are alike.

    Args:
        optical: Files of one folder.
        sar: Files of the other.
        optical_names: ``"*_optical"``: what the files are called; others are left out. Found where
            None.
        sar_names: The same of the SAR images.

    Returns:
        The files of both by the name of the tile, in the same order.

    Raises:
        DataError: Two files have one name, or a file has no partner.
    """
    choices = [
        (one, other)
        for one in _namings(optical, "data.optical", optical_names)
        for other in _namings(sar, "data.sar", sar_names)
    ]
    first, second = max(
        choices, key=lambda pair: (len(pair[0].files.keys() & pair[1].files.keys()), *_least(*pair))
    )
    both = sorted(first.files.keys() & second.files.keys())
    if not both:
        raise DataError(
            "No optical and SAR image have the same name: data.optical has "
            f"{some_of(sorted(first.files))}, data.sar has {some_of(sorted(second.files))}. Where "
            "names differ by more than what all files of a folder begin or end with, say where the "
            "tile's name is: data.optical_names='*_optical' data.sar_names='*_sar'."
        )
    _refuse_single(first, second, "optical", "SAR", "data.sar")
    _refuse_single(second, first, "SAR", "optical", "data.optical")
    return (
        Named({name: first.files[name] for name in both}, first.pattern),
        Named({name: second.files[name] for name in both}, second.pattern),
    )


def match_masks(
    tiles: Sequence[str], masks: Sequence[Path], mask_names: str | None = None
) -> tuple[Named, list[str]]:
    """Find the mask of each tile. Masks of other tiles are left out.

    Args:
        tiles: The names of the tiles.
        masks: Files.
        mask_names: ``"*_mask"``: what the files are called; found where None.

    Returns:
        The files by the name of the tile in the order of ``tiles``, and tiles that have none.

    Raises:
        DataError: Two files have one name.
    """
    wanted = set(tiles)
    best = max(
        _namings(masks, "data.masks", mask_names),
        key=lambda one: (len(wanted & one.files.keys()), *_least(one)),
    )
    files = {tile: best.files[tile] for tile in tiles if tile in best.files}
    return Named(files, best.pattern), [tile for tile in tiles if tile not in files]


def _least(*named: Named) -> tuple[int, ...]:
    """What is cut off, so that less is more."""
    return (-sum(len(one.pattern) for one in named),)


def _refuse_single(one: Named, other: Named, kind: str, missing: str, option: str) -> None:
    single = sorted(one.files.keys() - other.files.keys())
    if single:
        path = one.files[single[0]]
        raise DataError(
            f"{counted(len(single), 'tile')} of {len(one.files)} with an {kind} image "
            f"{'has' if len(single) == 1 else 'have'} no {missing} image: {some_of(single)}. "
            f"{option} has no '{other.pattern.replace('*', single[0])}' for {path}. Put it there, "
            "or take the single files out of their folder."
        )


def _namings(paths: Sequence[Path], option: str, pattern: str | None) -> list[Named]:
    """Ways to read names out of the names of files, none of which gives two files one name."""
    if pattern is not None:
        start, _, end = pattern.partition("*")
        fitting = [path for path in paths if _fits(path.stem, start, end)]
        if not fitting:
            names = f"{option}_names".replace("masks_", "mask_")
            raise DataError(
                f"No file of {option} is called '{pattern}' ({names}); they are called "
                f"{some_of([path.stem for path in paths])}."
            )
        return [_named(fitting, option, start, end)]
    whole = _named(paths, option, "", "")
    pieces = [_PIECES.findall(path.stem) for path in paths]
    starts = _common(pieces)
    ends = [part[::-1] for part in _common([piece[::-1] for piece in pieces])]
    found = [whole]
    for start in ["", *("".join(part) for part in starts)]:
        for end in ["", *("".join(part) for part in ends)]:
            if (start or end) and all(_fits(path.stem, start, end) for path in paths):
                found.append(_named(paths, option, start, end))
    return found


def _fits(stem: str, start: str, end: str) -> bool:
    return stem.startswith(start) and stem.endswith(end) and len(stem) > len(start) + len(end)


def _common(pieces: Iterable[Sequence[str]]) -> list[Sequence[str]]:
    """The beginnings that all have, each ending with a separator."""
    columns = zip(*pieces, strict=False)
    same: list[str] = []
    for column in columns:
        if len(set(column)) > 1:
            break
        same.append(column[0])
    # a name begins behind a separator: S1 of S1A is not cut off
    return [same[: place + 1] for place, piece in enumerate(same) if not piece[0].isalnum()]


def _named(paths: Sequence[Path], option: str, start: str, end: str) -> Named:
    files: dict[str, Path] = {}
    for path in paths:
        name = path.stem[len(start) : len(path.stem) - len(end)]
        if name in files:
            raise DataError(
                f"{option} has two files for the tile '{name}': {files[name]} and {path}. Take one "
                "of them out."
            )
        files[name] = path
    return Named(files, f"{start}*{end}")
