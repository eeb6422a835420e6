"""What an exported file says of itself: classes, bands, size, unit, normalization, metrics."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from ackd import __version__
from ackd.export.graph import INPUT, OUTPUTS, AnyStudent
from ackd.students import SegmentationStudent

__all__ = ["KEY", "about_file", "as_text", "plain"]

#: Under which the files have it, as JSON: metadata of ONNX and safetensors; in a pt2 file it is
#: the extra file ``ackd.json``.
KEY: Final = "ackd"
#: Raised by one whenever keys change their meaning.
FORMAT: Final = 1

_OF_TRAINING: Final = (
    "method", "kd", "experiment", "data", "protocol", "seed", "epoch", "commit", "validation",
    "test", "test_interval",
)  # fmt: skip


def about_file(
    student: AnyStudent,
    *,
    format: str,
    quantize: str | None,
    static: tuple[int, int] | None,
) -> dict[str, Any]:
    """Describe an exported student.

    Args:
        student: Whose file it is.
        format: ``"onnx"``, ``"pt2"`` or ``"safetensors"``.
        quantize: ``"int8"``, ``"fp16"`` or None.
        static: (H, W) where the file takes one image of this size at a time.

    Returns:
        Plain values that JSON knows.
    """
    told = student.about
    found = {
        "format": FORMAT,
        "ackd": __version__,
        "task": student.task.title,
        "classes": list(student.classes),
        "input": _input(student, static),
        "normalization": {
            "mean": [float(value) for value in student.mean.flatten()],
            "std": [float(value) for value in student.std.flatten()],
            "formula": "(pixel - mean) / std, for each band",
            "inside": format != "safetensors",
        },
        "output": _output(student),
        "file": {"format": format, "quantize": quantize, "static": static},
        "parameters": told["parameters"],
        "network": told.get("network") or told.get("backbone"),
        "training": {key: told.get(key) for key in _OF_TRAINING},
    }
    clean: dict[str, Any] = plain(found)
    return clean


def _input(student: AnyStudent, static: tuple[int, int] | None) -> dict[str, Any]:
    common = {
        "name": INPUT,
        "layout": "(batch, bands, height, width) float32",
        "bands": list(student.bands),
        "sensor": student.sensor,
        "batch": 1 if static else "any",
    }
    if isinstance(student, SegmentationStudent):
        reader = student.reader
        missing = ["NaN or infinite in any band"]
        if reader.unit == "linear":
            unit = "decibels, 10 log10 of the intensities in the files of training"
        else:
            unit = {"db": "decibels", "other": "numbers as in the files of training"}.get(
                reader.trained_unit, "digital numbers as in the files of training"
            )
            if reader.nodata is not None:
                missing.append(f"{reader.nodata:g} in any band")
            if reader.zero_is_nodata:
                missing.append("0 in all bands")
        return common | {
            "size": static or "any multiple of the stride",
            "trained_on": student.size,
            "stride": student.stride,
            "unit": unit,
            "value_range": None,
            "invalid": f"A pixel has no data where it is {', or '.join(missing)}: it counts as the "
            "mean, and its answer means nothing.",
            "padding": "Mirror the image at its edges up to a multiple of the stride, half on "
            "either side, and crop the answer back.",
        }
    height, width = student.reader.size
    refused = student.reader.invalid == "error"
    return common | {
        "size": [height, width],
        "unit": "8-bit levels",
        "value_range": [0, 255],
        "invalid": "NaN counts as the mean of its band. "
        + (
            "Images with invalid pixels were left out of training: do not trust their answers."
            if refused
            else "Training had images with invalid pixels, treated so."
        ),
        "resize": f"the whole image to {height} x {width} pixels, bilinear with antialiasing "
        "(Image.resize of Pillow), whatever its proportions",
    }


def _output(student: AnyStudent) -> dict[str, str]:
    logits, probabilities = OUTPUTS
    count = len(student.classes)
    if isinstance(student, SegmentationStudent):
        if count == 2:
            return {
                logits: f"(batch, 1, height, width), of {student.classes[1]}; above 0 is a yes",
                probabilities: "(batch, 2, height, width)",
            }
        return {
            logits: f"(batch, {count}, height, width)",
            probabilities: f"(batch, {count}, height, width), of classes that exclude each other",
        }
    how = (
        "of each class by itself; above 0.5 is a yes"
        if student.task.sigmoid
        else "of classes that exclude each other"
    )
    return {logits: f"(batch, {count})", probabilities: f"(batch, {count}), {how}"}


def plain(value: Any) -> Any:
    """Bring a value to what JSON knows; NaN and the like become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def as_text(about: Mapping[str, Any]) -> str:
    """As JSON."""
    return json.dumps(plain(about), ensure_ascii=False, allow_nan=False)
