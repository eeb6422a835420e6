"""``ackd.prepare check``: which sets lie under a folder, and every image of them opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ackd.data import BENCHMARKS, is_pack, load_class_map
from ackd.data.datasets.benchmarks import released
from ackd.data.sources import SOURCES, Record, Source
from ackd.errors import ConfigError, DataError, nearest_path, unknown
from ackd.prepare.findings import Report
from ackd.prepare.found import home_of, scan_present, zipped
from ackd.prepare.inspect import inspect_source
from ackd.prepare.own import check_own
from ackd.prepare.prepared import check_prepared
from ackd.prepare.sides import Sides, check_benchmark, check_sides
from ackd.utils.progress import bar

__all__ = ["check"]


def check(
    folder: Path,
    benchmark: str | None = None,
    workers: int | None = None,
    rgb: Path | None = None,
) -> Report:
    """Open every file of every set found under a folder.

    A folder is taken for what it is: one made by ``ackd.prepare``; else the archives of known
    sources; else ``MS`` and ``RGB`` with one folder per class in each.

    Args:
        folder: What to look at; the user's own MS images where ``rgb`` is given.
        benchmark: Look at its sources only, and miss those that are not there; where None, the
            benchmarks whose MS source is found are judged.
        workers: Reading threads; chosen by the machine where None.
        rgb: The user's own RGB images.

    Raises:
        ConfigError: If there is no such benchmark, or one is named beside two folders.
        DataError: If there is no such folder, or nothing known in it.
    """
    if benchmark is not None and benchmark not in BENCHMARKS:
        raise unknown("benchmark", benchmark, BENCHMARKS, "--benchmark")
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {folder}; expected one with images (check DIR)."
            f"{nearest_path(folder)}"
        )
    report = Report(folder)
    if rgb is not None:
        if benchmark is not None:
            raise ConfigError(
                f"--benchmark {benchmark} judges one folder of publishers' archives, but two "
                "folders of your own images are given; leave one of them out."
            )
        check_own(folder, rgb, report, workers)
        return report
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
        f"{', '.join(source.folder for source in wanted.values())}, nor MS and RGB with one folder "
        f"per class. Two folders of your own images are checked by: check MS_DIR RGB_DIR.{what}"
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
    if not any((folder / "MS").glob("*/*.mat")):
        check_own(folder / "MS", folder / "RGB", report, workers)
        return
    class_map, known = released("m2s_gl")
    sides: Sides = {"ms": [], "rgb": []}
    for source in known.values():
        try:
            records = source.scan(folder, class_map.side(source.modality)[source.name])
        except DataError as error:
            report.add("error", "wrong layout", "MS and RGB", str(error))
            return
        with bar(source.name) as progress:
            inspect_source(source, folder, records, report, workers=workers, progress=progress)
        sides[source.modality] += [(record.scene_id, record.labels) for record in records]
    check_sides(class_map, sides, class_map.name, report)
