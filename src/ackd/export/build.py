"""From a student to a file that has been held against it, and the card beside it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, get_args

import torch
from safetensors.torch import load

from ackd.errors import ConfigError, unknown
from ackd.export.about import about_file
from ackd.export.card import model_card
from ackd.export.compare import Agreement, Run, Tolerance, compare, run_graph
from ackd.export.extra import require_onnx
from ackd.export.graph import AnyStudent, StudentGraph, static_size
from ackd.export.onnx_file import onnx_session, run_session, serialized, to_onnx
from ackd.export.quantise import half_weights, to_int8
from ackd.export.samples import Samples, drawn
from ackd.export.torch_files import pt2_bytes, run_pt2, safetensors_bytes, whole
from ackd.utils.io import say_bytes, write_bytes, write_text

__all__ = ["FORMATS", "QUANTIZED", "TOLERANCES", "Exported", "export_student", "out_path"]

log = logging.getLogger("ackd")

Format = Literal["onnx", "pt2", "safetensors"]
Quantize = Literal["int8", "fp16"]
FORMATS: Final[tuple[str, ...]] = get_args(Format)
QUANTIZED: Final[tuple[str, ...]] = get_args(Quantize)

#: How far a file may be from its student. Integers have no bound that holds for every network:
#: what they cost is measured and said.
TOLERANCES: Final = {
    None: Tolerance(1e-3, "another order of sums"),
    "fp16": Tolerance(5e-2, "weights of half precision"),
}
#: Images that are drawn where there are none.
_DRAWN: Final = 8
#: A file of integers that says less of the same is warned of.
_ALIKE: Final = 0.95


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes:
        path: Of the file.
        card: Of the model card beside it.
        about: What the file says of itself.
        agreement: How far it agrees with the student.
        size: In bytes.
        warnings: Sentences about what its user should know.
    """

    path: Path
    card: Path
    about: dict[str, Any]
    agreement: Agreement
    size: int
    warnings: tuple[str, ...]


def export_student(
    student: AnyStudent,
    path: str | PathLike[str] | None = None,
    *,
    format: Format = "onnx",
    quantize: Quantize | None = None,
    static: bool = False,
    size: tuple[int, int] | None = None,
    calibrate: Samples | None = None,
    data: Samples | None = None,
    licence: str | None = None,
) -> Exported:
    """Write a student as a file that needs nothing of ackd, and a model card beside it.

    The file is held against the student before it gets its name.

    Args:
        student: Of :func:`ackd.load_student`.
        path: Of the file; beside the student where None.
        format: ``"onnx"`` or ``"pt2"`` (a program of torch) take pixels as stored, normalization is
            inside; ``"safetensors"`` has the weights of the bare network.
        quantize: ``"int8"`` (onnx alone) calibrates on images; ``"fp16"`` stores weights in half
            precision.
        static: For devices that know fixed shapes alone: one image of one size at a time.
        size: (H, W) of ``static``; that of training where None.
        calibrate: Training images, for ``"int8"``.
        data: Images to compare on; drawn where None.
        licence: Of the data, for the card.

    Returns:
        What was written.

    Raises:
        ConfigError: Options do not fit each other, or the extra ``export`` is not installed.
        DataError: The network cannot be exported, or the file says other things than the student.
    """
    check_words(format, quantize, static=static, size=size)
    if format == "onnx":
        require_onnx("--format onnx")
    if quantize == "int8" and calibrate is None:
        raise ConfigError(
            "--quantize int8 needs training images, whose range of values it calibrates on: "
            "--calibrate DIR."
        )
    place = out_path(student, path, format, quantize)
    shape = static_size(student, size) if static else None
    samples = data or drawn(student, _DRAWN)
    about = about_file(student, format=format, quantize=quantize, static=shape)
    if calibrate is not None and quantize == "int8":
        about["file"]["calibrated_on"] = calibrate.told()
    model: Any = None
    if format == "onnx":
        model = to_onnx(student, shape)
        if quantize == "int8":
            assert calibrate is not None
            model = to_int8(model, student, calibrate, shape)
        elif quantize == "fp16":
            model = half_weights(model)

    def content() -> bytes:
        if format == "onnx":
            return serialized(model, about)
        if format == "pt2":
            return pt2_bytes(student, about, quantize=quantize, static=shape)
        return safetensors_bytes(student, about, quantize=quantize)

    ours = run_graph(StudentGraph(student).eval())
    found = compare(student, ours, _reader(student, format, content()), samples, static=shape)
    tolerance = TOLERANCES.get(quantize)
    if tolerance is not None:
        tolerance.require(found, f"{format} file")
    about["checked"] = found.to_json()
    final = content()
    warnings = _warnings(found, quantize)
    card = place.with_name(f"{place.name}.md")
    # The card first: a file without one would look finished.
    write_text(card, model_card(student, place.name, len(final), about, found, licence, warnings))
    write_bytes(place, final)
    log.info("%s: %s", place, say_bytes(len(final)))
    return Exported(place, card, about, found, len(final), warnings)


def check_words(
    format: str, quantize: str | None, *, static: bool, size: tuple[int, int] | None
) -> None:
    """See that options exist and fit each other.

    Raises:
        ConfigError: They do not.
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS, "--format")
    if quantize is not None and quantize not in QUANTIZED:
        raise unknown("quantization", quantize, QUANTIZED, "--quantize")
    if quantize == "int8" and format != "onnx":
        raise ConfigError(
            f"--quantize int8 is for --format onnx; {format} files know --quantize fp16."
        )
    if static and format == "safetensors":
        raise ConfigError("--static is for onnx and pt2; safetensors has weights, and no shapes.")
    if size is not None and not static:
        raise ConfigError("--size is that of --static; without it, files take any size they can.")


def out_path(
    student: AnyStudent, path: str | PathLike[str] | None, format: str, quantize: str | None
) -> Path:
    """Where an exported file goes.

    Raises:
        ConfigError: It would end like a file of another kind, or is a folder.
    """
    if path is None:
        addition = f"-{quantize}" if quantize else ""
        return student.path.with_name(f"{student.path.stem}{addition}.{format}")
    place = Path(path).expanduser()
    if place.is_dir():
        raise ConfigError(f"--out {place} is a folder; name a file in it that ends with .{format}.")
    if place.suffix != f".{format}":
        raise ConfigError(
            f"--out {place} does not end with .{format}; what reads such files goes by the ending."
        )
    return place


def _reader(student: AnyStudent, format: str, content: bytes) -> Run:
    """Read the file again that is to be written."""
    if format == "onnx":
        return run_session(onnx_session(content))
    if format == "pt2":
        return run_pt2(content)
    graph = StudentGraph(student).eval()
    weights = {f"network.{name}": whole(value) for name, value in load(content).items()}

    class _Loaded(torch.nn.Module):
        network = graph.network

        def forward(self, image: torch.Tensor) -> Any:
            return torch.func.functional_call(graph, weights, (image,))

    return run_graph(_Loaded())  # type: ignore[arg-type]


def _warnings(found: Agreement, quantize: str | None) -> tuple[str, ...]:
    said = []
    if not found.real:
        said.append(
            "It was compared with the student on noise; on real images (--data DIR, or --data run) "
            "it may differ more."
        )
    if quantize and found.same < _ALIKE:
        said.append(
            f"It gives the same class as the student to {100 * found.same:.1f} % only. More or "
            "other training images to calibrate with may help (--calibrate, --images), or "
            "--quantize fp16."
        )
    return tuple(said)
