"""The command line: ``python -m ackd.predict STUDENT PATH...``.

Exit codes: 0 all is well; 1 an image has no answer; 2 the command line is not right.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ackd.config.messages.cli_errors import friendly_errors
from ackd.errors import ConfigError, DataError, ImageError, counted
from ackd.predict.words import in_words_of_this_command, parser
from ackd.utils.arguments import end
from ackd.utils.progress import bar

if TYPE_CHECKING:
    from ackd.predict.images import ImageAnswer
    from ackd.predict.inputs import Found
    from ackd.students import SceneStudent, SegmentationStudent

__all__ = ["cli", "main"]

TABLE = "predictions.csv"


def cli(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; the last word is never a stack trace."""
    with friendly_errors([]):
        sys.exit(main(sys.argv[1:] if arguments is None else arguments))


def main(arguments: Sequence[str]) -> int:
    """Run the command line.

    Args:
        arguments: Without the program.

    Returns:
        The exit code.
    """
    given = parser().parse_args(arguments)
    return end(lambda: _predict(given), in_words_of_this_command)


def _predict(given: argparse.Namespace) -> int:
    # Late: --help needs neither torch nor rasterio.
    from ackd.predict.inputs import find_images, refuse_clashes
    from ackd.predict.options import RasterOptions
    from ackd.predict.scenes import ENDINGS as OF_SCENES
    from ackd.predict.segmentation import ENDINGS as OF_SEGMENTATION
    from ackd.students import SceneStudent
    from ackd.utils.memory import keep_freed_memory

    images = find_images(given.paths, given.out)
    student = _loaded(given)
    if student.device.type == "cpu":
        keep_freed_memory()  # batch after batch asks for the same activations
    asked = _asked(given)
    RasterOptions(**asked).fit(student)
    if isinstance(student, SceneStudent):
        rasters, photographs = _told_apart(student, images, given)
    else:
        rasters, photographs = images, []
        _refuse(given, "--invalid and --whole are for students of scenes", "invalid", "whole")
    if rasters and given.invalid is not None:
        raise ConfigError(
            f"--invalid is for single photographs, and {rasters[0].path} is a raster of many "
            "windows: those without data have no answer. --whole takes it as one photograph."
        )
    if photographs and given.nodata is not None:
        raise ConfigError(
            f"--nodata is for rasters, and {photographs[0].path} is a single photograph: "
            "--invalid zero makes pixels without data the mean of training."
        )
    scenes = isinstance(student, SceneStudent)
    refuse_clashes(rasters, given.out, OF_SCENES if scenes else tuple(OF_SEGMENTATION.values()))
    refused = 0
    if photographs:
        assert isinstance(student, SceneStudent)
        refused += _photographs(student, photographs, given)
    refused += _rasters(student, rasters, given.out, asked)
    return 1 if refused else 0


def _loaded(given: argparse.Namespace) -> SceneStudent | SegmentationStudent:
    import torch

    from ackd.students import load_student

    student = load_student(given.student, trust=given.trust)
    for sentence in student.unknown:
        print(f"ackd: {student.path}: {sentence}", file=sys.stderr)
    device = given.device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return student.to(device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        said = str(error).strip().splitlines()[0]
        raise ConfigError(f"--device {device} cannot be used here: {said}") from error


def _asked(given: argparse.Namespace) -> dict[str, Any]:
    """The options of rasters that the command line names."""
    names = (
        "window", "overlap", "bands", "rgb_max", "unit", "nodata", "check", "any_resolution",
        "batch_size", "min_area", "simplify", "write",
    )  # fmt: skip
    return {name: getattr(given, name) for name in names if getattr(given, name) is not None}


def _refuse(given: argparse.Namespace, why: str, *names: str) -> None:
    if any(getattr(given, name) for name in names):
        raise ConfigError(f"{why}; this one maps the classes of pixels.")


def _told_apart(
    student: SceneStudent, images: Sequence[Found], given: argparse.Namespace
) -> tuple[list[Found], list[Found]]:
    """Rasters of many scenes, and photographs of one."""
    from ackd.predict.inputs import PHOTOGRAPHS
    from ackd.predict.rasters import is_large
    from ackd.predict.source import open_source

    rasters: list[Found] = []
    photographs: list[Found] = []
    for image in images:
        large = False
        if not given.whole and image.path.suffix.lower() not in PHOTOGRAPHS:
            try:
                with open_source(image.path) as source:
                    large = given.window is not None or is_large(student, source)
            except ImageError:
                pass  # the table says why
        (rasters if large else photographs).append(image)
    return rasters, photographs


def _photographs(student: SceneStudent, images: Sequence[Found], given: argparse.Namespace) -> int:
    """Write the table, and give the number of images that were refused."""
    from ackd.predict.images import predict_images, write_table
    from ackd.students.scenes import BATCH

    table: Path = given.out.expanduser() / TABLE
    answers = predict_images(
        student, (image.path for image in images), bands=given.bands, rgb_max=given.rgb_max,
        invalid=given.invalid, check=given.check, batch_size=given.batch_size or BATCH,
    )  # fmt: skip
    errors: list[ImageError] = []

    def told() -> Iterator[tuple[str, ImageAnswer]]:
        with bar("images") as progress:
            for done, (image, answer) in enumerate(zip(images, answers, strict=True), start=1):
                if answer.error is not None:
                    errors.append(answer.error)
                    _say(answer.error)
                    if len(errors) == len(images):
                        raise DataError(f"None of {counted(done, 'image')} has an answer.")
                yield image.name, answer
                progress(done, len(images))

    write_table(table, student, told(), worded=in_words_of_this_command)
    left_out = f", {counted(len(errors), 'image')} without an answer" if errors else ""
    print(f"{table}: {counted(len(images), 'image')}{left_out}")
    return len(errors)


def _rasters(
    student: SceneStudent | SegmentationStudent,
    images: Sequence[Found],
    out: Path,
    asked: Mapping[str, Any],
) -> int:
    """Write the results of each raster, and give the number of those that were refused."""
    from ackd.predict.rasters import predict_raster

    refused = 0
    for image in images:
        try:
            with bar(image.name) as progress:
                written = predict_raster(
                    student, image.path, out, stem=image.stem, progress=progress, **asked
                )
        except ImageError as error:
            _say(error)
            refused += 1
            continue
        for path in written:
            print(path)
    return refused


def _say(error: ImageError) -> None:
    print(f"ackd: {in_words_of_this_command(str(error))}", file=sys.stderr)
