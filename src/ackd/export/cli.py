"""The command line: ``python -m ackd.export STUDENT``.

Exit codes: 0 the files were written; 1 something is not as it should be; 2 the command line is not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ackd.config.messages.cli_errors import friendly_errors
from ackd.errors import ConfigError
from ackd.export.options import RUN, add_reading, in_words_of_the_command
from ackd.utils.arguments import Parser, end

if TYPE_CHECKING:
    from ackd.export.build import Exported
    from ackd.students import SceneStudent, SegmentationStudent

__all__ = ["cli", "main"]

_EXAMPLES: Final = """examples:
  python -m ackd.export outputs/.../student.pt
  python -m ackd.export student.pt --quantize int8 --calibrate train_images --data test_images
  python -m ackd.export student.pt --format pt2 --out model.pt2

exit code: 0 written, 1 something is not as it should be, 2 the command line is not
"""


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
    return end(lambda: _export(given), in_words_of_the_command)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m ackd.export",
        description="Write a trained student as a file that needs nothing of ackd, with a model "
        "card beside it. The file is held against the student before it gets its name.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("student", type=Path, metavar="STUDENT", help="student.pt, or its folder")
    parser.add_argument(
        "--format", choices=("onnx", "pt2", "safetensors"), default="onnx",
        help="onnx and pt2 (a program of torch) take pixels as stored; safetensors has the weights "
        "(default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--quantize", choices=("int8", "fp16"),
        help="int8: calibrated on training images (onnx alone); fp16: weights of half precision",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FILE", help="(default: beside the student)")
    parser.add_argument(
        "--static", action="store_true", help="fixed shapes: one image of one size at a time"
    )
    parser.add_argument(
        "--size", type=int, nargs=2, metavar=("H", "W"), help="of --static, for segmentation"
    )
    parser.add_argument(
        "--calibrate", metavar="DIR", default="run",
        help="training images for int8; run: those of the run whose folder has STUDENT (default)",
    )  # fmt: skip
    parser.add_argument(
        "--data", metavar="DIR",
        help="images to compare file and student on, in folders called like their classes where "
        "they have labels; run: the test images of the run (default: those, where the run is read "
        "for int8 anyway; else noise)",
    )  # fmt: skip
    parser.add_argument("--masks", type=Path, metavar="DIR", help="of --data, for segmentation")
    parser.add_argument(
        "--images", type=int, default=200, metavar="N",
        help="at most so many of each (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--data-licence", metavar="TEXT", help="of the training data, for the card")
    add_reading(parser)
    return parser


def _export(given: argparse.Namespace) -> int:
    # Late: --help needs no torch.
    from ackd.export.build import check_words, export_student, out_path
    from ackd.export.extra import require_onnx
    from ackd.export.sources import ImageSource
    from ackd.students import load_student

    size = None if given.size is None else (given.size[0], given.size[1])
    check_words(given.format, given.quantize, static=given.static, size=size)
    if given.format == "onnx":
        require_onnx("--format onnx")
    if given.images < 1:
        raise ConfigError(f"--images {given.images} leaves no image; give 1 or more.")
    if given.masks is not None and given.data in (None, RUN):
        raise ConfigError("--masks DIR has the labels of --data DIR; name both.")
    student = load_student(given.student, trust=tuple(given.trust))
    out_path(student, given.out, given.format, given.quantize)
    source = ImageSource(student, given)
    calibrate = data = None
    if given.quantize == "int8":
        calibrate = source.samples(given.calibrate, "--calibrate", given.images, train=True)
    named = given.data or (RUN if source.opened_run else None)
    if named is not None:
        data = source.samples(named, "--data", given.images, masks=given.masks)
    written = export_student(
        student, given.out, format=given.format, quantize=given.quantize, static=given.static,
        size=size, calibrate=calibrate, data=data, licence=given.data_licence,
    )  # fmt: skip
    _tell(written, student)
    return 0


def _tell(written: Exported, student: SceneStudent | SegmentationStudent) -> None:
    from ackd.utils.io import say_bytes

    found, task = written.agreement, student.task.description()
    print(f"{written.path} ({say_bytes(written.size)}), {written.card.name} beside it")
    if "calibrated_on" in written.about["file"]:
        print(f"calibrated on {written.about['file']['calibrated_on']}")
    print(
        f"compared on {found.images} images {found.where}: the same class for "
        f"{100 * found.same:.2f} %, probabilities differ by at most "
        f"{found.probability_difference:.2g}"
    )
    for text, values in (("student", found.before), ("this file", found.after)):
        if values:
            print(f"  {text}: {', '.join(task.texts(values))}")
    for sentence in written.warnings:
        print(f"note: {sentence}")
