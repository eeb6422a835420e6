"""``ackd.prepare <benchmark>``: from archives to one folder with a pack and a manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from ackd.config.location import config_dir
from ackd.data import (
    MANIFEST,
    Selection,
    find_benchmark,
    is_pack,
    pack,
    read_manifest,
    select,
    write_manifest,
)
from ackd.data.benchmark import Modality
from ackd.data.cache.store import INDEX, read_index
from ackd.data.drop_invalid import without_invalid
from ackd.data.options import RECORDED, ArchiveOptions, from_plain, image_options, pixel_options
from ackd.data.splits import check_split_options
from ackd.data.splits.manifest import read_head
from ackd.data.splits.selection import bands_of
from ackd.errors import ConfigError, DataError, nearest_path
from ackd.prepare.found import Found, found_table, look_for, missing_text
from ackd.prepare.options import flag_of
from ackd.utils.io import write_bytes
from ackd.utils.progress import bar

__all__ = ["Request", "build"]


@dataclass(frozen=True)
class Request:
    """What the command line asks for.

    Attributes:
        name: The benchmark.
        raw: The folder that holds the archives, unpacked.
        out: The folder to make.
        given: The data options that the command line names, by name; ``bands`` is None for every
            band of the files. The benchmark's own values stand for the others.
        manifest: Rebuild the set that it lists.
        force: Pack again, also over another set.
        workers: Reading threads.
    """

    name: str
    raw: Path
    out: Path
    given: Mapping[str, Any] = field(default_factory=dict)
    manifest: Path | None = None
    force: bool = False
    workers: int | None = None

    @property
    def defaults(self) -> ArchiveOptions:
        """The benchmark's own options, as ``data=NAME`` has them."""
        path = config_dir() / "data" / f"{self.name}.yaml"
        return from_plain({**_values(path), "root": str(self.raw)})

    @property
    def options(self) -> ArchiveOptions:
        """The benchmark's own options, and over them those that were given."""
        return replace(self.defaults, **self.given)


def build(request: Request, console: Console) -> bool:
    """Select, show, pack, and write the manifest.

    Args:
        request: What is wanted.
        console: Where to say what was found and done.

    Returns:
        Whether anything had to be written; False where all was up to date.

    Raises:
        ConfigError: If an option cannot be.
        DataError: If an archive is missing or wrong, or the output cannot be written; an earlier
            content of ``out`` is then as it was.
    """
    options = request.options
    if request.raw.resolve() == request.out.resolve():
        raise ConfigError(f"--out {request.out} is the folder of the archives; give another one.")
    if not request.raw.is_dir():
        raise DataError(
            f"There is no folder {request.raw}; expected the one that holds the archives "
            f"(--raw DIR).{nearest_path(request.raw)}"
        )
    listed = request.manifest is not None
    selection = _from_manifest(request, console) if listed else _from_archives(request, console)
    notes = selection.notes
    images = [len(selection.side(side).records) for side in ("ms", "rgb")]
    console.print(_counts_table(notes, selection.class_map.classes, images))
    # what the counts fall short by stands in the table
    told = [reason for reason in notes["partial_reasons"] if "Table 10" not in reason]
    for reason in (*told, *notes["unverified"]):
        console.print(f"note: {reason}", soft_wrap=True, highlight=False)
    options = replace(options, bands=bands_of(selection, options.bands)["ms"])
    _check_out(request, selection, options)
    if options.nodata == "drop":
        with bar("looking for invalid pixels") as report:
            selection = without_invalid(selection, options, None, request.workers, report)
        selection.splits(options.protocol, options.split_seed, 0)
        images = [len(selection.side(side).records) for side in ("ms", "rgb")]
        left_out = selection.notes["nodata"]["left_out"]
        console.print(
            f"note: {left_out['ms']:,} MS and {left_out['rgb']:,} RGB images with invalid pixels "
            "are left out (--nodata drop)",
            soft_wrap=True,
            highlight=False,
        )
    before = read_index(request.out)["id"] if _readable(request.out) else None
    with bar("packing") as report:
        packed = pack(
            selection,
            request.out,
            options,
            force=request.force,
            workers=request.workers,
            progress=report,
        )
    fresh = before != read_index(request.out)["id"]
    path = request.out / MANIFEST
    if request.manifest is not None:
        written = _adopt(request.manifest, path)
    else:
        written = not _is_current(path, request.out / INDEX, options.protocol)
        if written:
            _renew(path, selection, options.protocol)
    shape = packed.images["ms"].shape
    console.print(
        f"{'prepared' if fresh or written else 'up to date'}: {request.out} holds {images[0]:,} MS "
        f"and {images[1]:,} RGB images, {len(selection.class_map.classes)} classes, "
        f"{shape[1]} bands, {shape[2]}x{shape[3]} pixels, and {MANIFEST}",
        soft_wrap=True,
        highlight=False,
    )
    console.print(_next_command(request, selection), soft_wrap=True, markup=False)
    return fresh or written


def _values(path: Path) -> dict[str, Any]:
    """The values of a data set's YAML file over those of the files that it inherits."""
    own: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    inherited: dict[str, Any] = {}
    for entry in own.pop("defaults", []):
        if entry != "_self_":
            inherited |= _values(path.parent / f"{entry.partition('@')[0]}.yaml")
    return inherited | own


def _from_archives(request: Request, console: Console) -> Selection:
    options = request.options
    class_map, known = find_benchmark(request.name, options.layout)
    split = options.protocol, options.split_seed, 0
    check_split_options(*split)
    rgb = list(class_map.rgb) if options.sources is None else list(options.sources)
    found = look_for(request.raw, class_map, rgb, known)
    console.print(f"looking under {request.raw}", soft_wrap=True, highlight=False)
    console.print(found_table(request.name, request.raw, found))
    for said in missing_text(found, request.raw):
        console.print(f"missing: {said}", soft_wrap=True, highlight=False)
    chosen = _usable(options, found, rgb)
    roots: dict[Modality, Path] = {"ms": request.raw, "rgb": request.raw}
    selection = select(roots, class_map, replace(options, sources=tuple(chosen)), known)
    selection.splits(*split)  # too few images per class: said before an hour of packing
    return selection


def _usable(options: ArchiveOptions, found: Sequence[Found], rgb: Sequence[str]) -> list[str]:
    """The RGB sources to take: those asked for, or with ``drop`` those that are there."""
    gone = [one for one in found if one.home is None]
    if not gone:
        return list(rgb)
    there = [one.source.name for one in found if one.home and one.source.modality == "rgb"]
    needed = [one for one in gone if one.source.modality == "ms"]
    if options.missing_classes == "drop" and options.sources is None and not needed and there:
        return there
    names = ", ".join(one.source.name for one in gone)
    if not needed and there:
        way = (
            f" Or do without: --sources {' '.join(there)} takes those that are there, and the set "
            "is marked partial."
        )
    else:
        way = ""
    unpacking = " (what lies there zipped: ackd.prepare unpack)" if _zipped(gone) else ""
    raise DataError(
        f"{options.name} cannot be prepared without {names}: not found under {options.root}"
        f"{unpacking}; where to get {'it' if len(gone) == 1 else 'them'} is said above.{way}"
    )


def _zipped(found: Sequence[Found]) -> bool:
    return any(one.archives for one in found)


def _from_manifest(request: Request, console: Console) -> Selection:
    given = [name for name in (*image_options(ArchiveOptions), "protocol") if name in request.given]
    if given:
        raise ConfigError(
            f"{flag_of(given[0])} cannot go with --manifest: the manifest lists which images there "
            "are, and how they were chosen."
        )
    assert request.manifest is not None
    _, known = find_benchmark(request.name, request.options.layout)
    console.print(f"looking at the files that {request.manifest} lists", soft_wrap=True)
    with bar("verifying checksums") as report:
        selection = read_manifest(
            request.manifest,
            {"ms": request.raw, "rgb": request.raw},
            progress=report,
            known=known,
        )
    if selection.class_map.name != request.name:
        raise ConfigError(
            f"{request.manifest} lists {selection.class_map.name}, not {request.name}; run "
            f"python -m ackd.prepare {selection.class_map.name} --manifest {request.manifest}."
        )
    return selection


def _readable(out: Path) -> bool:
    try:
        return bool(is_pack(out) and read_index(out))
    except DataError:
        return False


def _check_out(request: Request, selection: Selection, options: ArchiveOptions) -> None:
    """Refuse to replace a set that was made with other options."""
    if request.force or not _readable(request.out):
        return
    index = read_index(request.out)
    bands = list(options.bands or ())
    wanted = {**selection.options, **pixel_options(options), "bands": bands}
    if index["name"] != request.name:
        differs = f"holds {index['name']}, not {request.name}"
    else:
        made = {**index["options"], "bands": index["sides"]["ms"]["bands"]}
        if set(bands) <= set(made["bands"]):  # served by the same pack
            wanted["bands"] = made["bands"]
        keys = [key for key in wanted if made.get(key) != wanted[key]]
        if not keys:
            return
        old, new = (", ".join(f"{key} {_plain(of[key])}" for key in keys) for of in (made, wanted))
        differs = f"was prepared with {old}, and now it would be {new}"
    raise ConfigError(
        f"{request.out} {differs}. Give another folder (--out DIR), or --force to replace it."
    )


def _plain(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, str) else value


def _next_command(request: Request, selection: Selection) -> str:
    defaults, options, made = request.defaults, request.options, selection.options
    words = [f"data={request.name}", f"data.root={request.out}"]
    if selection.notes["dropped_classes"]:
        words.append("data.missing_classes=drop")
    for key in image_options(ArchiveOptions):
        value = made.get(RECORDED.get(key, key), getattr(defaults, key))
        # which sources and classes there are, the folder says itself
        if key not in ("sources", "missing_classes") and value != getattr(defaults, key):
            words.append(f"data.{key}={_plain(value)}")
    own = pixel_options(defaults)
    words += [
        f"data.{key}={_plain(value)}"
        for key, value in pixel_options(options).items()
        if value != own[key]
    ]
    if "bands" in request.given:
        bands = "null" if options.bands is None else f"[{','.join(options.bands)}]"
        words.append(f"data.bands={bands}")
    return f"train on it: python -m ackd.train {' '.join(words)}"


def _counts_table(notes: Mapping[str, Any], classes: Sequence[str], images: Sequence[int]) -> Table:
    """Images a class and side: found, used, in Table 10, and of which RGB source.

    Args:
        notes: `Selection.notes`.
        classes: The benchmark's classes.
        images: The number of images used, MS and RGB; less than the sum of the classes where an
            image bears several.
    """
    counts = notes["counts"]
    paper = bool(counts["paper"]["ms"])
    sources = counts["rgb_used_by_source"]
    table = Table(title=f"{notes['class_map']}: images a class")
    table.add_column("class", no_wrap=True)
    for side in ("MS", "RGB"):
        for what in ("found", "used", *(("Table 10",) if paper else ())):
            table.add_column(f"{side}\n{what}", justify="right")
    for source in sources:
        table.add_column(f"of\n{source}", justify="right")
    for label in classes:
        cells = []
        for side in ("ms", "rgb"):
            cells += [counts["found"][side][label], counts["used"][side][label]]
            if paper:
                cells.append(counts["paper"][side].get(label, 0))
        cells += [by_class[label] for by_class in sources.values()]
        table.add_row(label, *(f"{cell:,}" for cell in cells))
    table.add_section()
    cells = []
    for side, used in zip(("ms", "rgb"), images, strict=True):
        cells += ["", f"{used:,}"]
        if paper:
            cells.append(f"{sum(counts['paper'][side].values()):,}")
    cells += [f"{sum(by_class.values()):,}" for by_class in sources.values()]
    table.add_row("images", *cells)
    return table


def _is_current(path: Path, index: Path, protocol: str) -> bool:
    """Whether a manifest was written after its pack and has the splits of ``protocol``.

    A manifest that is older belongs to an earlier pack: a run was stopped between the two.
    """
    try:
        if path.stat().st_mtime_ns < index.stat().st_mtime_ns:
            return False
        return bool(read_head(path)["splits"]["protocol"] == protocol)
    except (OSError, KeyError, DataError):
        return False


def _renew(path: Path, selection: Selection, protocol: str) -> None:
    """Write the manifest of a selection; every file is read for its checksum."""
    with bar("checksums") as report:
        write_manifest(path, selection, protocol=protocol, progress=report)


def _adopt(given: Path, path: Path) -> bool:
    """Put the manifest that a set was rebuilt from beside its pack.

    Returns:
        Whether there was another one, or none.

    Raises:
        DataError: If it cannot be written.
    """
    text = given.read_bytes()
    if path.is_file() and path.read_bytes() == text:
        return False
    try:
        write_bytes(path, text)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.") from error
    return True
