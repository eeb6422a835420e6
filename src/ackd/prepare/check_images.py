"""Opening every image of a source: what cannot be read or looks wrong, and how it is reported."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from ackd.data.options import AS_STORED, PixelOptions
from ackd.data.reading.multispectral import Progress, plain_tifs
from ackd.data.reading.photographs import with_rgb_max
from ackd.data.reading.value_range import judge_values
from ackd.data.sensors import GENERIC, SENTINEL2
from ackd.data.sources import Record, Source
from ackd.data.splits.manifest import checksum
from ackd.errors import ConfigError, DataError, ImageError, counted

__all__ = [
    "SEVERITIES",
    "Finding",
    "Report",
    "Seen",
    "Severity",
    "flat_bands",
    "inspect_source",
    "same_files",
    "unmeasured",
]

Severity = Literal["error", "warning", "note"]

#: What each severity means, the worst first.
SEVERITIES: Final[dict[Severity, str]] = {
    "error": "breaks training",
    "warning": "does not stop training, but look at it",
    "note": "good to know",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        severity: See `SEVERITIES`.
        kind: What it is in a few words; findings of a kind are shown together.
        source: The data set or benchmark.
        text: A sentence that names the file or class.
        files: The files it is about.
    """

    severity: Severity
    kind: str
    source: str
    text: str
    files: tuple[str, ...] = ()


@dataclass
class Report:
    """Everything a check found under a folder.

    Attributes:
        folder: What was looked at.
        images: Source -> images opened.
        findings: In the order found.
        understood: What a user's own folders were taken for, one sentence each.
        commands: Complete commands that train on them, each with what sets it apart.
        markers: Numbers that mark invalid pixels although the files do not say so.
    """

    folder: Path
    images: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    understood: list[str] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)
    markers: list[float] = field(default_factory=list)

    @property
    def breaks(self) -> bool:
        """Whether anything found would break training."""
        return any(finding.severity == "error" for finding in self.findings)

    def add(
        self,
        severity: Severity,
        kind: str,
        source: str,
        text: str,
        files: Sequence[str] = (),
    ) -> None:
        """Note down one thing."""
        self.findings.append(Finding(severity, kind, source, text, tuple(files)))

    def of(self, severity: Severity) -> list[Finding]:
        """The findings of one severity."""
        return [finding for finding in self.findings if finding.severity == severity]

    def to_json(self) -> dict[str, Any]:
        """Everything, fit for JSON."""
        return {
            "folder": str(self.folder),
            "breaks_training": self.breaks,
            "counts": {severity: len(self.of(severity)) for severity in SEVERITIES},
            "images": dict(self.images),
            "findings": [asdict(finding) for finding in self.findings],
            "understood": list(self.understood),
            "commands": [text for text, _ in self.commands],
        }

    def show(self, console: Console, most: int | None = 5) -> None:
        """Print it, the worst first.

        Args:
            console: Where to.
            most: How many findings of a kind and source; all where None.
        """
        opened = ", ".join(f"{name} {count:,}" for name, count in self.images.items())
        console.print(f"{self.folder}: images opened: {opened or 'none'}", soft_wrap=True)
        for said in self.understood:
            console.print(said, soft_wrap=True, markup=False, highlight=False)
        for severity, meaning in SEVERITIES.items():
            found = self.of(severity)
            if not found:
                continue
            console.print(f"\n{severity}: {len(found):,} ({meaning})", style="bold")
            for kind, source in dict.fromkeys((one.kind, one.source) for one in found):
                same = [one for one in found if (one.kind, one.source) == (kind, source)]
                console.print(f"  {kind}, {source}: {len(same):,}", highlight=False)
                for one in same[:most]:
                    console.print(f"    {one.text}", soft_wrap=True, markup=False, highlight=False)
                if most is not None and len(same) > most:
                    rest = f"    ... and {len(same) - most:,} more (--all shows them)"
                    console.print(rest, highlight=False)
        counts = ", ".join(counted(len(self.of(severity)), severity) for severity in SEVERITIES)
        console.print(f"\n{counts}", highlight=False)
        if self.commands:
            one_of = ", one of these" if len(self.commands) > 1 else ""
            after = " once the errors above are put right" if self.breaks else ""
            console.print(f"\nto train on them{after}{one_of}:", highlight=False)
        for text, meaning in self.commands:
            remark = f"  # {meaning}\n" if meaning else ""
            console.print(f"{remark}  {text}", soft_wrap=True, markup=False, highlight=False)


_SAMPLE = 64  # images that are judged together
_AHEAD = 1024  # images handed to the threads at a time: bounds the memory, whatever the archive


@dataclass(frozen=True)
class Seen:
    """What is kept of an image after it was opened.

    Attributes:
        record: Which image.
        sha256: Of its files; None where they cannot be read.
        size: Height and width; empty where it cannot be read.
        error: What is wrong with it.
        kind: The same in a few words.
        flat: Bands of one value.
        unmeasured: Pixels that are 0 in every band.
        dtype: Its number type.
        low: Its smallest number.
        high: Its largest number.
        marker: The number that marks its invalid pixels although the file does not say so.
    """

    record: Record
    sha256: str | None
    size: tuple[int, ...]
    error: str | None = None
    kind: str = ""
    flat: tuple[str, ...] = ()
    unmeasured: int = 0
    dtype: str = ""
    low: float = 0.0
    high: float = 0.0
    marker: float | None = None


def inspect_source(
    source: Source,
    root: Path,
    records: Sequence[Record],
    report: Report,
    *,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Seen]:
    """Open every image and note down what is wrong with it.

    Args:
        source: The data set.
        root: The folder that the records' files are relative to.
        records: Which images.
        report: Gets the findings.
        workers: Reading threads; one per processor, at most 8, where None.
        progress: Called as ``progress(done, total)`` after each image.

    Returns:
        What is kept of each image.
    """
    seen: list[Seen] = []
    options = _options(source, root, records, report)
    for one in _look(source, root, records, workers, options):
        seen.append(one)
        _tell(one, source, report)
        if progress is not None:
            progress(len(seen), len(records))
    report.images[source.name] = len(seen)
    read = [one for one in seen if one.error is None]
    _judge(source, root, [one.record for one in read], report)
    same_files(
        [(one.record.file, one.sha256, one.record.labels) for one in read if one.sha256],
        source.name,
        report,
    )
    return seen


def _options(source: Source, root: Path, records: Sequence[Record], report: Report) -> PixelOptions:
    """How the pixels are to be read; what cannot be told from the files is a finding."""
    if source.modality == "ms":
        return AS_STORED
    paths = [root / record.file for record in records]
    try:
        return with_rgb_max([path for path in paths if path.is_file()], AS_STORED)
    except ConfigError as error:
        report.add("error", "white not known", source.name, str(error))
    except DataError:
        pass  # found again, and told, when every image is opened
    return replace(AS_STORED, rgb_max=float(np.iinfo(np.uint16).max))


def _judge(source: Source, root: Path, records: Sequence[Record], report: Report) -> None:
    """Look at a sample of MS images together: whether their numbers can be what they should."""
    if source.modality != "ms" or not records:
        return
    chosen = np.unique(np.linspace(0, len(records) - 1, _SAMPLE).astype(int)).tolist()
    bands = _bands(source)
    files = [records[row].file for row in chosen]
    with plain_tifs():
        images = [source.read(root / file, bands, None) for file in files]
    verdict = judge_values(images, files, bands, source.sensor)
    if verdict.marker is not None:
        report.markers.append(verdict.marker)
    for text in verdict.errors:
        report.add("error", "value range", source.name, text)
    for text in verdict.warnings:
        report.add("warning", "value range", source.name, text)
    if source.sensor.name == GENERIC.name and not verdict.errors:
        for text in judge_values(images, files, bands, replace(SENTINEL2, bands=())).errors:
            said = f"If these are bands of Sentinel-2 (data.sensor=sentinel2): {text}"
            report.add("note", "value range", source.name, said)


def _bands(source: Source) -> tuple[str, ...]:
    return tuple(getattr(source, "file_bands", ())) or source.sensor.names


def _look(
    source: Source,
    root: Path,
    records: Sequence[Record],
    workers: int | None,
    options: PixelOptions,
) -> Iterator[Seen]:
    bands = _bands(source)
    threads = min(8, os.cpu_count() or 1) if workers is None else workers
    with plain_tifs(), ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(records), _AHEAD):
            part = records[start : start + _AHEAD]
            yield from pool.map(lambda record: _open(source, root, record, bands, options), part)


def _open(
    source: Source, root: Path, record: Record, bands: Sequence[str], options: PixelOptions
) -> Seen:
    path = root / record.file
    try:
        digest = checksum(source, path)
    except DataError as error:
        return Seen(record, None, (), str(error), "unreadable")
    try:
        image = source.read(path, bands, None, options)
    except ImageError as error:
        return Seen(record, digest, (), str(error), error.kind, marker=error.marker)
    except DataError as error:
        return Seen(record, digest, (), str(error), "unreadable")
    return Seen(
        record,
        digest,
        image.shape[1:],
        flat=flat_bands(image, bands),
        unmeasured=unmeasured(image) if source.modality == "ms" else 0,
        dtype=image.dtype.name,
        low=float(image.min()),
        high=float(image.max()),
    )


def flat_bands(image: NDArray[Any], bands: Sequence[str]) -> tuple[str, ...]:
    """The bands of a (C, H, W) image that have one value everywhere."""
    low, high = image.min(axis=(1, 2)), image.max(axis=(1, 2))
    return tuple(name for name, flat in zip(bands, low == high, strict=True) if flat)


def unmeasured(image: NDArray[Any]) -> int:
    """The number of pixels that are 0 in every band, which is how tifs without a mark have nodata.

    A single band cannot tell: there 0 is a value like others.
    """
    return int((image == 0).all(axis=0).sum()) if len(image) > 1 else 0


def _tell(one: Seen, source: Source, report: Report) -> None:
    file = (one.record.file,)
    if one.marker is not None:
        report.markers.append(one.marker)
    if one.error is not None:
        report.add("error", one.kind, source.name, one.error, file)
    if one.flat:
        what = f"band{'s' if len(one.flat) > 1 else ''} {', '.join(one.flat)}"
        report.add(
            "warning",
            "constant band",
            source.name,
            f"{one.record.file} has one value everywhere in {what}.",
            file,
        )
    if one.unmeasured:
        report.add(
            "warning",
            "zero in every band",
            source.name,
            f"{one.record.file} has {one.unmeasured:,} of {one.size[0] * one.size[1]:,} pixels "
            "that are 0 in every band, which Sentinel-2 products use for nodata.",
            file,
        )


def same_files(
    files: Sequence[tuple[str, str, tuple[str, ...]]], source: str, report: Report
) -> None:
    """Note down images that are the same to the byte.

    Args:
        files: Of each image its file, a digest, and its classes.
        source: Where they are from.
        report: Gets the findings.
    """
    groups: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for file, digest, labels in files:
        groups.setdefault(digest, []).append((file, labels))
    for group in groups.values():
        if len(group) < 2:
            continue
        names = [file for file, _ in group]
        classes = {labels for _, labels in group}
        conflict = ", and they are of different classes" if len(classes) > 1 else ""
        report.add(
            "warning",
            "duplicates of another class" if conflict else "exact duplicates",
            source,
            f"{' = '.join(names)}: the same image to the byte{conflict}; copies on both sides of "
            "a split make a result too good.",
            names,
        )
