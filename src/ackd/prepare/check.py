"""``ackd.prepare check``: which sets lie under a folder, and every image of them opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ackd.data import BENCHMARKS, is_pack, load_class_map, own_folders, released
from ackd.data.sources import SOURCES, Record, Source
from ackd.errors import DataError, unknown
from ackd.prepare.findings import Report
from ackd.prepare.found import home_of, scan_present, zipped
from ackd.prepare.inspect import inspect_source
from ackd.prepare.prepared import check_prepared
from ackd.prepare.sides import Sides, check_benchmark, check_sides
from ackd.utils.progress import bar

__all__ = ["check"]


def check(folder: Path, benchmark: str | None = None, workers: int | None = None) -> Report:
    """Open every file of every set found under a folder.

    A folder is taken for what it is: one made by ``ackd.prepare``; else the archives of known
    sources; else ``MS`` and ``RGB`` with a folder a class in each.

    Args:
        folder: What to look at.
        benchmark: Look at its sources only, and miss those that are not there; where None, the
            benchmarks whose MS source is found are judged.
        workers: Reading threads; chosen by the machine where None.

    Raises:
        ConfigError: If there is no such benchmark.
        DataError: If there is no such folder, or nothing known in it.
    """
    if benchmark is not None and benchmark not in BENCHMARKS:
        raise unknown("benchmark", benchmark, BENCHMARKS, "--benchmark")
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}; expected one with images (check DIR).")
    report = Report(folder)
    if is_pack(folder):
        check_prepared(folder, report)
        return report
    class_maps = [load_class_map(name) for name in ([benchmark] if benchmark else BENCHMARKS)]
    wanted = {
        name: SOURCES[name]
        for class_map in class_maps
        for side in (class_map.ms, class_map.rgb)
        for name in side
    } | ({} if benchmark else SOURCES)
    records = _known_sources(folder, wanted, report, workers)
    if records:
        for class_map in class_maps:
            if benchmark or any(records.get(name) for name in class_map.ms):
                check_benchmark(class_map, records, folder, report)
        return report
    if (folder / "MS").is_dir() and (folder / "RGB").is_dir():
        _class_folders(folder, report, workers)
        return report
    packed = [path.name for source in wanted.values() for path in zipped(source, folder)]
    what = f" There are archives to unpack first: {', '.join(packed)}." if packed else ""
    raise DataError(
        f"{folder} holds nothing that can be checked: neither a prepared set, nor one of "
        f"{', '.join(source.folder for source in wanted.values())}, nor MS and RGB with a folder "
        f"a class.{what}"
    )


def _known_sources(
    root: Path, wanted: Mapping[str, Source], report: Report, workers: int | None
) -> dict[str, list[Record]]:
    """Open all images of the sources that are there; source -> images."""
    found: dict[str, list[Record]] = {}
    for name, source in wanted.items():
        if home_of(source, root) is None:
            continue
        try:
            found[name], absent = scan_present(source, root, source.classes)
        except DataError as error:
            report.add("error", "wrong layout", name, str(error))
            found[name] = []
            continue
        if absent:
            report.add(
                "note",
                "classes without images",
                name,
                f"{source.title} has no image of {', '.join(absent)} here.",
            )
        with bar(name) as progress:
            inspect_source(source, root, found[name], report, workers=workers, progress=progress)
    return found


def _class_folders(folder: Path, report: Report, workers: int | None) -> None:
    """Check ``MS/<class>`` and ``RGB/<class>``: one's own images, or as the authors released."""
    roots = {"ms": folder / "MS", "rgb": folder / "RGB"}
    as_released = any(roots["ms"].glob("*/*.mat"))
    try:
        if as_released:
            class_map, known = released("m2s_gl")
            roots = {"ms": folder, "rgb": folder}
        else:
            class_map, known = own_folders(roots["ms"], roots["rgb"])
        records = {
            name: known[name].scan(roots[side], class_map.side(side)[name])
            for side in roots
            for name in class_map.side(side)
        }
    except DataError as error:
        report.add("error", "wrong layout", "MS and RGB", str(error))
        return
    sides: Sides = {"ms": [], "rgb": []}
    for name, images in records.items():
        source = known[name]
        root = roots[source.modality]
        with bar(name) as progress:
            inspect_source(
                source,
                root,
                images,
                report,
                any_size=as_released,
                workers=workers,
                progress=progress,
            )
        sides[source.modality] += [(record.scene_id, record.labels) for record in images]
    check_sides(class_map, sides, class_map.name, report)
