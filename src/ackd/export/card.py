"""The model card: what a file is, what it was trained on, what it reaches, what it is not for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ackd import __version__
from ackd.data.datasets.benchmarks import licence_of
from ackd.errors import DamagedError
from ackd.export.compare import Agreement
from ackd.export.graph import AnyStudent
from ackd.runs.folder import RESULT
from ackd.runs.result import read_result
from ackd.students import SegmentationStudent
from ackd.utils.io import say_bytes

__all__ = ["model_card"]

#: What is known of the licences of other data, by the name that results give them.
_LICENCES: Final[Mapping[str, str]] = {
    "synthetic": "The images were drawn by ackd (MIT); nobody else has rights in them.",
    "bigearthnet_forest": "BigEarthNet is published under the Community Data License Agreement - "
    "Permissive, version 1.0, and contains modified Copernicus Sentinel data.",
}
_NOT_KNOWN: Final = (
    "Not known to ackd. Ask who published the images before you pass this file on; --data-licence "
    "TEXT writes it here."
)


def _licence(data: str) -> str:
    return licence_of(data) or _LICENCES.get(data, _NOT_KNOWN)


def model_card(
    student: AnyStudent,
    name: str,
    size: int,
    about: Mapping[str, Any],
    agreement: Agreement,
    licence: str | None,
    warnings: Sequence[str],
) -> str:
    """Write the card.

    Args:
        student: That was exported.
        name: Of the file.
        size: Of the file in bytes.
        about: What the file says of itself.
        agreement: With the student.
        licence: Of the data, as its user says; None for what ackd knows.
        warnings: What the user of the file should know.

    Returns:
        Markdown.
    """
    parts = [
        f"# {name}",
        _summary(student, size, about),
        "## Input and output\n\n" + _listed(_of_input(about)),
        "## Training\n\n" + _listed(_of_training(student, about)),
        "## Metrics\n\n" + _metrics(student),
        "## This file against the student\n\n" + _agreement(student, agreement, about, warnings),
        "## Licence of the data\n\n" + (licence or _licence(str(about["training"]["data"]))),
        "## Intended use\n\n" + _use(student),
        "## Limits\n\n" + _limits(student, about),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(student: AnyStudent, size: int, about: Mapping[str, Any]) -> str:
    file = about["file"]
    how = {
        None: "float32",
        "int8": "quantized to 8-bit integers",
        "fp16": "weights of half precision, computed in float32",
    }[file["quantize"]]
    network: Any = about["network"] or {}
    called = network.get("name") or network.get("_target_") or "network"
    kind = "a class for each pixel" if isinstance(student, SegmentationStudent) else "scenes"
    written = student.about.get("ackd", "of an earlier version")
    return (
        f"A student of {student.task.title} ({kind}): {called}, {about['parameters']:,} "
        f"parameters, {file['format']} ({how}), {say_bytes(size)}. Distilled with ackd {written}, "
        f"exported with ackd {__version__}.\n\n"
        f"Classes, in the order of the outputs: {', '.join(student.classes)}."
    )


def _of_input(about: Mapping[str, Any]) -> dict[str, Any]:
    given, scale = about["input"], about["normalization"]
    size = given["size"]
    numbers = ", ".join(
        f"{band} {mean:.6g} ± {std:.6g}"
        for band, mean, std in zip(given["bands"], scale["mean"], scale["std"], strict=True)
    )
    where = "inside the file" if scale["inside"] else "to be done before"
    found = {
        "Input": f"`{given['name']}`, {given['layout']}",
        "Bands": ", ".join(given["bands"]),
        "Size": size if isinstance(size, str) else " x ".join(map(str, size)) + " pixels",
        "Batch": given["batch"],
        "Unit": given["unit"],
        "Value range": given["value_range"] and "{} to {}".format(*given["value_range"]),
        "Stride": given.get("stride"),
        "Resizing": given.get("resize"),
        "Padding": given.get("padding"),
        "Pixels without data": given["invalid"],
        "Normalization": f"{scale['formula']}, {where}: {numbers}",
    }
    outputs = {f"Output `{key}`": value for key, value in about["output"].items()}
    if not scale["inside"]:  # weights alone
        outputs = {f"`{key}` of the network": value for key, value in about["output"].items()}
    return found | outputs


def _of_training(student: AnyStudent, about: Mapping[str, Any]) -> dict[str, Any]:
    training = about["training"]
    result = _result(student)
    data = result.get("data") or {}
    sensor = "rgb" if student.sensor == "rgb" else student.sensor
    sizes = (data.get("split_sizes") or {}).get(sensor) or {}
    split = data.get("split") or {}
    return {
        "Data": training["data"],
        "What they are": data.get("about"),
        "Splits": ", ".join(f"{count} {name}" for name, count in sizes.items()) or None,
        "How they were split": split.get("how") or training["protocol"],
        "Test ground that training has seen": split.get("test_ground_seen_in_training"),
        "Partial": "; ".join(data.get("partial_reasons", [])) or None,
        "Method": training["method"],
        "Distillation losses": ", ".join(map(str, training["kd"] or [])) or None,
        "Experiment": training["experiment"],
        "Seed": training["seed"],
        "Epoch": training["epoch"],
        "Code": training["commit"],
    }


def _result(student: AnyStudent) -> dict[str, Any]:
    """The ``result.json`` of the run, where it lies beside the student."""
    place = student.path.parent / RESULT
    try:
        return read_result(place) if place.is_file() else {}
    except (DamagedError, OSError):
        return {}


def _metrics(student: AnyStudent) -> str:
    told, task = student.about, student.task.description()
    test, intervals = told["test"] or {}, told["test_interval"] or {}
    if not test:
        return "The student's file does not say any."
    lines = ["| metric | test images | 95 % interval | validation images |", "|---|---|---|---|"]
    for metric in task.metrics:
        value = test.get(metric.name)
        if value is None:
            continue
        interval = intervals.get(metric.name)
        other = (told["validation"] or {}).get(metric.name)
        lines.append(
            f"| {metric.title} | {metric.bare(value)}{metric.unit} | "
            + (f"{metric.bare(interval[0])} to {metric.bare(interval[1])}" if interval else "")
            + f" | {'' if other is None else metric.bare(other) + metric.unit} |"
        )
    return "\n".join(lines) + (
        "\n\nOf the student before it was exported; the interval is over the choice of test images."
    )


def _agreement(
    student: AnyStudent, found: Agreement, about: Mapping[str, Any], warnings: Sequence[str]
) -> str:
    what = "pixels" if isinstance(student, SegmentationStudent) else "images"
    lines = [
        f"Compared on {found.images} images {found.where}: the same class for "
        f"{100 * found.same:.2f} % of {what}; probabilities differ by at most "
        f"{found.probability_difference:.2g}, logits by at most {found.logit_difference:.2g} (the "
        f"largest is {found.largest_logit:.3g})."
    ]
    if "calibrated_on" in about["file"]:
        lines.append(f"Calibrated on {about['file']['calibrated_on']}.")
    if found.before and found.after:
        rows = ["| metric | student | this file |", "|---|---|---|"]
        for metric in student.task.description().metrics:
            pair = [each.get(metric.name) for each in (found.before, found.after)]
            if None not in pair:
                cells = " | ".join(f"{metric.bare(v or 0.0, more=1)}{metric.unit}" for v in pair)
                rows.append(f"| {metric.title} | {cells} |")
        lines.append("\n".join(rows))
    return "\n\n".join([*lines, *warnings])


def _use(student: AnyStudent) -> str:
    bands = ", ".join(student.bands)
    if isinstance(student, SegmentationStudent):
        what = {"sar": "SAR images", "optical": "optical images"}[student.sensor]
        return (
            f"Maps of {' and '.join(student.classes)} from {what} with the bands {bands}, of the "
            "sensor, resolution and processing of the training images."
        )
    return (
        f"Telling {', '.join(student.classes)} apart in RGB images ({bands}) of the resolution and "
        "extent of the training images."
    )


def _limits(student: AnyStudent, about: Mapping[str, Any]) -> str:
    lines = [
        "The metrics hold for images like the test images. Another sensor, resolution, season or "
        "region is another question: measure there first.",
        "It answers every image, also one that shows none of its classes; a high probability is no "
        "proof. Probabilities were not calibrated.",
        "The file cannot see whether an image has the right unit, bands or size; "
        "`ackd.load_student` refuses what does not fit.",
    ]
    if about["training"]["data"] == "synthetic":
        lines.insert(0, "It was trained on drawn images. It says nothing about any real place.")
    return "\n".join(f"- {line}" for line in (*lines, *student.unknown))


def _listed(entries: Mapping[str, Any]) -> str:
    return "\n".join(
        f"- {key}: {value}" for key, value in entries.items() if value not in (None, "", [], {})
    )
