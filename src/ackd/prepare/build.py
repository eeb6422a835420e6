"""``ackd.prepare <benchmark>``: from archives to one folder with a pack and a manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from ackd.config.location import config_dir
from ackd.data import MANIFEST, Selection, find_benchmark, is_pack, pack, read_manifest, select
from ackd.data.packing.store import INDEX, read_index
from ackd.data.reading import bands_of
from ackd.data.splits import check_split_options
from ackd.errors import ConfigError, DataError
from ackd.prepare.found import Found, look_for
from ackd.prepare.manifest import adopt, is_current, renew
from ackd.prepare.tables import counts_table, found_table, missing_text
from ackd.utils.progress import bar

__all__ = ["Request", "build"]


@dataclass(frozen=True)
class Request:
    """What the command line asks for; ``None`` stands for the benchmark's own value.

    Attributes:
        name: The benchmark.
        raw: The folder that holds the archives, unpacked.
        out: The folder to make.
        sources: RGB sources.
        bands: MS bands; ``("all",)`` for every band of the files.
        size: Pixels a side.
        twins: One of `ackd.data.TWINS`.
        draw: ``paper`` or ``all``.
        missing: ``error`` or ``drop``.
        protocol: Of the splits in the manifest.
        split_seed: Of twins, draw and splits.
        layout: ``publishers`` or ``released``.
        manifest: Rebuild the set that it lists.
        force: Pack anew, also over another set.
        workers: Reading threads.
    """

    name: str
    raw: Path
    out: Path
    sources: tuple[str, ...] | None = None
    bands: tuple[str, ...] | None = None
    size: int | None = None
    twins: str | None = None
    draw: str | None = None
    missing: str | None = None
    protocol: str | None = None
    split_seed: int | None = None
    layout: str = "publishers"
    manifest: Path | None = None
    force: bool = False
    workers: int | None = None


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
    defaults = _defaults(request.name)
    if request.raw.resolve() == request.out.resolve():
        raise ConfigError(f"--out {request.out} is the folder of the archives; give another one.")
    if not request.raw.is_dir():
        raise DataError(
            f"There is no folder {request.raw}; expected the one that holds the archives "
            "(--raw DIR)."
        )
    listed = request.manifest is not None
    selection = _from_manifest(request, console) if listed else _from_archives(request, console)
    notes = selection.notes
    images = [len(selection.side(side).records) for side in ("ms", "rgb")]
    console.print(counts_table(notes, selection.class_map.classes, images))
    # what the counts fall short by stands in the table
    told = [reason for reason in notes["partial_reasons"] if "Table 10" not in reason]
    for reason in (*told, *notes["unverified"]):
        console.print(f"note: {reason}", soft_wrap=True, highlight=False)
    size = request.size or defaults["size"]
    bands = request.bands or defaults["bands"]
    bands = bands_of(selection, None if bands is None or list(bands) == ["all"] else bands)["ms"]
    _check_out(request, selection, size, bands)
    before = read_index(request.out)["id"] if _readable(request.out) else None
    with bar("packing") as report:
        packed = pack(
            selection,
            request.out,
            bands=bands,
            size=size,
            force=request.force,
            workers=request.workers,
            progress=report,
        )
    fresh = before != read_index(request.out)["id"]
    path = request.out / MANIFEST
    if request.manifest is not None:
        written = adopt(request.manifest, path)
    else:
        protocol = request.protocol or "strict"
        written = not is_current(path, request.out / INDEX, protocol)
        if written:
            renew(path, selection, protocol)
    shape = packed.images["ms"].shape
    console.print(
        f"{'prepared' if fresh or written else 'up to date'}: {request.out} holds {images[0]:,} MS "
        f"and {images[1]:,} RGB images, {len(selection.class_map.classes)} classes, "
        f"{shape[1]} bands, {shape[2]}x{shape[3]} pixels, and {MANIFEST}",
        soft_wrap=True,
        highlight=False,
    )
    console.print(_next_command(request, selection, size, defaults), soft_wrap=True, markup=False)
    return fresh or written


def _defaults(name: str) -> dict[str, Any]:
    """The benchmark's own options, as ``data=<name>`` has them."""
    text = (config_dir() / "data" / f"{name}.yaml").read_text(encoding="utf-8")
    options: dict[str, Any] = yaml.safe_load(text)
    return options


def _from_archives(request: Request, console: Console) -> Selection:
    class_map, known = find_benchmark(request.name, request.layout)
    seed, missing = request.split_seed or 0, request.missing or "error"
    protocol = request.protocol or "strict"
    check_split_options(protocol, seed, 0)
    rgb = list(class_map.rgb) if request.sources is None else list(request.sources)
    found = look_for(request.raw, class_map, rgb, known)
    console.print(f"looking under {request.raw}", soft_wrap=True, highlight=False)
    console.print(found_table(request.name, request.raw, found))
    for said in missing_text(found, request.raw):
        console.print(f"missing: {said}", soft_wrap=True, highlight=False)
    chosen = _usable(request, found, rgb, missing)
    roots = {"ms": request.raw, "rgb": request.raw}
    selection = select(
        roots,  # type: ignore[arg-type]
        class_map,
        chosen,
        twins=request.twins or "split",
        draw=request.draw or "paper",
        missing=missing,
        seed=seed,
        known=known,
    )
    selection.splits(protocol, seed, 0)  # too few images a class: said before an hour of packing
    return selection


def _usable(
    request: Request, found: Sequence[Found], rgb: Sequence[str], missing: str
) -> list[str]:
    """The RGB sources to take: those asked for, or with ``drop`` those that are there."""
    gone = [one for one in found if one.home is None]
    if not gone:
        return list(rgb)
    there = [one.source.name for one in found if one.home and one.source.modality == "rgb"]
    needed = [one for one in gone if one.source.modality == "ms"]
    if missing == "drop" and request.sources is None and not needed and there:
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
        f"{request.name} cannot be prepared without {names}: not found under {request.raw}"
        f"{unpacking}; where to get {'it' if len(gone) == 1 else 'them'} is said above.{way}"
    )


def _zipped(found: Sequence[Found]) -> bool:
    return any(one.archives for one in found)


def _from_manifest(request: Request, console: Console) -> Selection:
    given = [
        name
        for name in ("sources", "twins", "draw", "missing", "protocol", "split_seed")
        if getattr(request, name) is not None
    ]
    if given:
        option = given[0].replace("_", "-")
        raise ConfigError(
            f"--{option} cannot go with --manifest: the manifest lists which images there are, and "
            "how they were chosen."
        )
    assert request.manifest is not None
    _, known = find_benchmark(request.name, request.layout)
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


def _check_out(request: Request, selection: Selection, size: int, bands: Sequence[str]) -> None:
    """Refuse to replace a set that was made with other options."""
    if request.force or not _readable(request.out):
        return
    index = read_index(request.out)
    wanted = {**selection.options, "size": size, "bands": list(bands)}
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


def _next_command(
    request: Request, selection: Selection, size: int, defaults: dict[str, Any]
) -> str:
    words = [f"data={request.name}", f"data.root={request.out}"]
    made = selection.options
    if selection.notes["dropped_classes"]:
        words.append("data.missing_classes=drop")
    words += [f"data.{key}={made[key]}" for key in ("twins", "draw") if made[key] != defaults[key]]
    if size != defaults["size"]:
        words.append(f"data.size={size}")
    if request.bands is not None:
        bands = "null" if request.bands == ("all",) else f"[{','.join(request.bands)}]"
        words.append(f"data.bands={bands}")
    if made["seed"] != defaults["split_seed"]:
        words.append(f"data.split_seed={made['seed']}")
    return f"train on it: python -m ackd.train {' '.join(words)}"
