"""The command line: ``python -m ackd.profile STUDENT``.

Exit codes: 0 measured; 1 something is not as it should be; 2 the command line is not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from ackd.config.messages.cli_errors import friendly_errors
from ackd.errors import ConfigError, DataError, counted
from ackd.export.options import RUN, add_reading, in_words_of_the_command
from ackd.utils.arguments import Parser, end

if TYPE_CHECKING:
    from ackd.export.samples import Samples
    from ackd.export.sources import ImageSource
    from ackd.profile.measure import Profile
    from ackd.students import SceneStudent, SegmentationStudent

__all__ = ["cli", "main"]

WIDTH = 140  # characters, where the output is not a terminal


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
    given = _parser().parse_args(arguments)
    return end(lambda: _profile(given), in_words_of_the_command)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m ackd.profile",
        description="Say what a student costs on this machine's processor at batch 1: parameters, "
        "multiply-adds, file size, latency, peak memory; for torch and ONNX, in float32 and "
        "quantized, with accuracy where images with labels are given.",
        epilog="exit code: 0 measured, 1 something is not as it should be, 2 the command line is "
        "not",
    )
    parser.add_argument("student", type=Path, metavar="STUDENT", help="student.pt, or its folder")
    parser.add_argument(
        "--size", type=int, nargs=2, metavar=("H", "W"),
        help="of the image, for segmentation (default: that of training)",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, metavar="N", help="(default: as torch takes)")
    parser.add_argument(
        "--warmup", type=int, default=10, metavar="N", help="runs that do not count (%(default)s)"
    )
    parser.add_argument(
        "--runs", type=int, default=100, metavar="N", help="runs that count (%(default)s)"
    )
    parser.add_argument(
        "--calibrate", metavar="DIR",
        help="training images for int8; run: those of the run whose folder has STUDENT (default: "
        "run, where there is one; without, int8 is left out)",
    )  # fmt: skip
    parser.add_argument(
        "--data", metavar="DIR",
        help="images to compare on, in folders called like their classes where they have labels; "
        "run: the test images of the run (default: those, where the run is read anyway; else "
        "noise)",
    )  # fmt: skip
    parser.add_argument("--masks", type=Path, metavar="DIR", help="of --data, for segmentation")
    parser.add_argument(
        "--images", type=int, default=200, metavar="N",
        help="at most so many of each (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there as well")
    add_reading(parser)
    return parser


def _profile(given: argparse.Namespace) -> int:
    # Late: --help needs no torch.
    from ackd.export.sources import ImageSource
    from ackd.profile.measure import profile_size, profile_student
    from ackd.students import load_student
    from ackd.utils.io import write_json
    from ackd.utils.progress import bar

    if given.images < 1:
        raise ConfigError(f"--images {given.images} leaves no image; give 1 or more.")
    if given.masks is not None and given.data in (None, RUN):
        raise ConfigError("--masks DIR has the labels of --data DIR; name both.")
    size = None if given.size is None else (given.size[0], given.size[1])
    student = load_student(given.student, trust=tuple(given.trust))
    profile_size(student, size)
    source = ImageSource(student, given)
    calibrate, why = _calibration(source, given)
    data = None
    named = given.data or (RUN if source.opened_run else None)
    if named is not None:
        data = source.samples(named, "--data", given.images, masks=given.masks)
    with bar("profiling") as progress:
        found = profile_student(
            student, size=size, threads=given.threads, warmup=given.warmup, runs=given.runs,
            calibrate=calibrate, data=data, trust=given.trust, progress=progress,
        )  # fmt: skip
    if given.json is not None:
        write_json(given.json, found.to_json())
    _show(found, student, why)
    return 0


def _calibration(source: ImageSource, given: argparse.Namespace) -> tuple[Samples | None, str]:
    """Training images, or why there are none."""
    from ackd.export.extra import has_onnx

    if not has_onnx():
        return None, ""
    try:
        named = given.calibrate or RUN
        return source.samples(named, "--calibrate", given.images, train=True), ""
    except DataError as error:
        if given.calibrate is not None:
            raise
        return None, str(error)


def _show(found: Profile, student: SceneStudent | SegmentationStudent, why: str) -> None:
    from ackd.utils.io import say_bytes

    shown = Console()
    console = Console(width=shown.width if shown.is_terminal else WIDTH, highlight=False)
    height, width = found.size
    console.print(
        f"{found.student}\n{found.parameters:,} parameters; {found.multiply_adds / 1e6:,.1f} "
        f"million multiply-adds for an image of {height}x{width} pixels (convolutions and matrix "
        "products)",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    task = student.task.description()
    labelled = found.metrics is not None
    table = Table()
    heads = ["runtime", "weights", "file", "p50", "p95", "read", "peak memory", "above imports"]
    heads += ["same class", "off by"]
    heads += [metric.head + metric.unit for metric in task.in_brief] if labelled else []
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number < 2 else "right")
    for one in found.variants:
        agreement = one.agreement
        memory = ["-" if m is None else say_bytes(m) for m in (one.peak_memory, one.own_memory)]
        cells = [
            one.runtime, one.weights, say_bytes(one.file_bytes), _time(one.p50), _time(one.p95),
            _time(one.load), *memory,
            "" if agreement is None else f"{100 * agreement.same:.2f} %",
            "" if agreement is None else f"{agreement.probability_difference:.1e}",
        ]  # fmt: skip
        if found.metrics is not None:
            values = found.metrics if agreement is None else agreement.after or {}
            for metric in task.in_brief:
                value = values.get(metric.name)
                cells.append("-" if value is None else metric.bare(value, more=1))
        table.add_row(*cells)
    console.print(table)
    notes = [
        f"Batch 1, {counted(found.threads, 'thread')}, {found.runs} runs after {found.warmup} that "
        f"do not count, each variant in a process of its own; {found.machine}.",
        f"Peak memory is that of the process ({found.memory_how}); above imports: without what it "
        "had before it read the file. fp16 stores weights in half precision and computes in "
        "float32; the file of torch fp16 is a safetensors file.",
        f"Compared with torch float32 on {found.compared_on}: the share that gets the same class, "
        "and by how much a probability is off at most.",
        *found.missing, *([why] if why else []),
    ]  # fmt: skip
    for note in notes:
        console.print(note, markup=False, soft_wrap=True)


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
