"""``ackd.prepare check MS_DIR RGB_DIR``: what two plain folders are, and the command to train."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ackd.config.check.own_data import pseudo_rgb_question
from ackd.data.drop_invalid import INVALID
from ackd.data.own_folders import VALUE_RANGE, OwnData
from ackd.data.own_folders.first_look import FirstLook, pixels_of
from ackd.data.own_folders.questions import Answer, Question, command, commands, invalid_pixels
from ackd.data.sensors import rgb_bands
from ackd.data.sources import Record, Source
from ackd.errors import DataError
from ackd.prepare.check_images import Report, Seen, inspect_source
from ackd.utils.progress import bar

__all__ = ["check_own"]


def check_own(ms: Path, rgb: Path, report: Report, workers: int | None = None) -> None:
    """Open every image of two folders of class folders.

    Args:
        ms: With one folder of tifs per class.
        rgb: With one folder of photographs per class.
        report: Gets what was understood, the findings, and the command.
        workers: Reading threads; chosen by the machine where None.

    Raises:
        DataError: If a folder is not what it should be, so that nothing can be checked.
    """
    own = OwnData.look(ms, rgb, skip_broken=True)
    report.understood += [*_side(own.ms, "MS"), *_side(own.rgb, "RGB"), *own.remarks]
    sizes: dict[str, Counter[tuple[int, ...]]] = {}
    for source, look in zip(own.sources.values(), (own.ms, own.rgb), strict=True):
        records = _scanned(own, source.name, look, report)
        with bar(source.name) as progress:
            seen = inspect_source(
                source, look.folder, records, report, workers=workers, progress=progress
            )
        report.understood.append(_pixels(seen, source.modality.upper()))
        _one_type(seen, source, report)
        sizes[source.name] = Counter(one.size for one in seen if one.size)
    asked = [*own.questions, *_one_size(sizes)]
    colours = pseudo_rgb_question(own)
    if colours is not None:
        asked.append(colours)
    elif not own.camera.sensor.verified:
        red, green, blue = rgb_bands(own.camera.sensor, own.camera.file_bands)
        report.understood.append(
            f"{red}, {green} and {blue} stand for red, green and blue in pseudo-RGB; "
            "data.pseudo_rgb_bands=[RED,GREEN,BLUE] names others"
        )
    told = {one.kind for one in report.findings if one.severity == "error"}
    for question in asked:
        if question.kind == VALUE_RANGE and VALUE_RANGE in told:
            continue  # of all files, which tells more than the first of each class
        report.add("error", question.kind, "MS and RGB", question.text)
    words = [f"{name}={value}" for name, value in own.options.items()]
    if told & INVALID or report.markers:
        # In the commands alone: the findings name each file and say the same.
        asked.append(invalid_pixels(report.markers))
    report.commands += commands(asked, words) or [(command(words, {}), "")]


def _side(look: FirstLook, name: str) -> list[str]:
    counts = ", ".join(f"{label} {count:,}" for label, count in look.images.items())
    formats = ", ".join(f"{count:,} {suffix}" for suffix, count in look.formats.items())
    return [
        f"{name}: {look.folder}, {len(look.images)} classes: {counts}; {formats}",
        f"{name}, first file {look.file.relative_to(look.folder)}: {pixels_of(look)}",
    ]


def _scanned(own: OwnData, name: str, look: FirstLook, report: Report) -> list[Record]:
    """The images of one side; what keeps a class from being read is a finding."""
    source = own.sources[name]
    records: list[Record] = []
    for label in look.classes:
        try:
            records += source.scan(look.folder, [label])
        except DataError as error:
            report.add("error", "wrong layout", name, str(error))
    return records


def _pixels(seen: Sequence[Seen], side: str) -> str:
    """What all opened images of a side have in common."""
    opened = [one for one in seen if one.size]
    if not opened:
        return f"{side}, all files: none could be read"
    sizes = Counter("x".join(map(str, one.size)) for one in opened)
    kinds = Counter(one.dtype for one in opened)
    low, high = min(one.low for one in opened), max(one.high for one in opened)
    said = [
        ", ".join(f"{count:,} of {name}" for name, count in counter.most_common(5))
        for counter in (sizes, kinds)
    ]
    return f"{side}, all files: {said[0]} pixels; {said[1]}; values {low:g} to {high:g}"


def _one_type(seen: Sequence[Seen], source: Source, report: Report) -> None:
    """MS images of several number types are not on one scale, as a rule."""
    kinds = Counter(one.dtype for one in seen if one.size)
    if source.modality != "ms" or len(kinds) < 2:
        return
    usual, _ = kinds.most_common(1)[0]
    others = [one.record.file for one in seen if one.size and one.dtype != usual]
    listed = " and ".join(f"{count:,} {name}" for name, count in kinds.most_common())
    report.add(
        "error", "several number types", source.name,
        f"The MS images hold numbers of several types: {listed}, such as {others[0]}. Convert "
        f"them all to {usual}, with numbers that mean the same.",
        others,
    )  # fmt: skip


def _one_size(sizes: Mapping[str, Counter[tuple[int, ...]]]) -> list[Question]:
    """MS images of several sizes are not resized without being asked for."""
    if len(sizes["ms"]) < 2:
        return []
    usual, count = sizes["ms"].most_common(1)[0]
    answer = Answer({"data.size": min(usual)}, "the most common size")
    others = sum(sizes["ms"].values()) - count
    text = (
        f"{count:,} MS images are {'x'.join(map(str, usual))} pixels and {others:,} are not; "
        "data.size=N resizes all images of both sides."
    )
    return [Question(text, "several sizes", (answer,))]
