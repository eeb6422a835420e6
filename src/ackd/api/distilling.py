"""The whole pipeline on plain folders: ``ackd.distill`` and ``ackd.distill_segmentation``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final, Literal

from ackd.api.messages import Call, keyword
from ackd.api.result import RunResult
from ackd.api.running import run
from ackd.config.groups import Groups
from ackd.config.programs import SEGMENT, TRAIN, Program
from ackd.data.own_folders.questions import Answer
from ackd.errors import ConfigError, did_you_mean

__all__ = ["distill", "distill_segmentation"]

#: A folder.
Folder = str | PathLike[str]
#: A network by name, or by its options.
Network = str | Mapping[str, Any]

#: Option -> the argument of :func:`distill`.
SCENES: Final = {
    "data.ms": "ms", "data.rgb": "rgb", "data.sensor": "sensor", "data.file_bands": "bands",
    "teacher.backbone": "teacher", "student.backbone": "student",
    "teacher.backbone.name": "teacher", "student.backbone.name": "student",
    "teacher.max_epochs": "epochs", "matcher.max_epochs": "epochs", "student.max_epochs": "epochs",
    "outputs": "out",
}  # fmt: skip
#: Option -> the argument of :func:`distill_segmentation`.
TILES: Final = {
    "data.optical": "optical", "data.sar": "sar", "data.masks": "masks", "network.name": "network",
    "epochs.teacher": "epochs", "epochs.reconstruction": "epochs", "epochs.finetune": "epochs",
    "labels.fraction": "labels_fraction", "outputs": "out",
}  # fmt: skip

#: What can have a length in :func:`distill_segmentation`.
SEGMENT_EPOCHS: Final = ("teacher", "reconstruction", "finetune")

_PLAIN = Answer(
    {"method": "kd", "data.sensor": None},
    "plain distillation on random pairs of a class, which need not know what the bands are",
)


def distill(
    *,
    ms: Folder,
    rgb: Folder,
    out: Folder,
    teacher: Network = "resnet34",
    student: Network = "mobilenetv2",
    epochs: int | Mapping[str, int] | None = None,
    sensor: str | None = None,
    bands: Sequence[str] | None = None,
    method: Literal["sembridge", "kd", "baseline"] = "sembridge",
    reuse: bool = True,
    **overrides: Any,
) -> RunResult:
    """Train a multispectral teacher, and with it a student that sees RGB alone.

    Both sides are folders with one folder per class; the images need not show the same places.
    Everything is written below ``out``: the run, the stages that later runs use again, and decoded
    images. The same call again returns the finished run, and goes on with one that was interrupted.

    Args:
        ms: Multispectral tifs, ``<class>/*.tif``.
        rgb: Photographs, ``<class>/*.jpg`` (or png, tif).
        out: Where everything goes.
        teacher: Network of the MS side: a name of :func:`ackd.list_backbones` or of timm, or its
            options, ``{"name": "resnet50", "pretrained": True}``.
        student: Network of the RGB side.
        epochs: Of every stage, or of each: ``{"teacher": 20, "matcher": 20, "student": 40}``, which
            are also the defaults.
        sensor: ``"sentinel2"``, or another camera that is known; ``"generic"`` for one that is not,
            whose bands have numbers.
        bands: Names of the bands in the order of the tifs, e.g. ``["B02", "B03", "B04", "B08"]``;
            None where the files say so themselves.
        method: ``"sembridge"``; ``"kd"`` for plain distillation on random pairs of a class, which
            need not know what the bands are; ``"baseline"`` for the student alone.
        reuse: Whether the same call again returns the finished run.
        **overrides: Any other option, with two underscores for a dot: ``seed=1``, ``kd="dkd"``,
            ``student__batch_size=32``, ``trainer__accelerator="cpu"``; or a section as a
            dictionary, ``loss={"lambda1": 0.3}``.

    Raises:
        ConfigError: An argument is wrong, or something must be said before the images can train,
            such as the bands; the text has the complete call.
        DataError: A folder or an image is not what it should be.
        DivergedError: The training has ended in numbers that are not finite.
    """
    given = {
        "ms": ms, "rgb": rgb, "out": out, "teacher": teacher, "student": student,
        "epochs": epochs, "sensor": sensor, "bands": bands,
        **({} if method == "sembridge" else {"method": method}), **overrides,
    }  # fmt: skip
    call = Call("ackd.distill", TRAIN, SCENES, given)
    if sensor is None and bands is None and method in ("kd", "baseline"):
        # Only the first pairs of SemBridge look at the bands as colours.
        sensor = "generic"
    options = {
        "data": "folders",
        "data.ms": _folder("ms", ms),
        "data.rgb": _folder("rgb", rgb),
        **({} if sensor is None else {"data.sensor": sensor}),
        **({} if bands is None else {"data.file_bands": _names("bands", bands)}),
        "method": method,
        **_backbone("teacher", teacher),
        **_backbone("student", student),
        **_epochs(epochs, {name: f"{name}.max_epochs" for name in TRAIN.config.trained()}),
        **_places(out),
    }
    with call.told(more=[("camera not known", _PLAIN), ("order of bands", _PLAIN)]):
        return run(options | _others(overrides, options, call), reuse=reuse)


def distill_segmentation(
    *,
    optical: Folder,
    sar: Folder,
    masks: Folder,
    out: Folder,
    network: Network = "unet_mobilenetv2",
    epochs: int | Mapping[str, int] | None = None,
    labels_fraction: float = 1.0,
    reuse: bool = True,
    **overrides: Any,
) -> RunResult:
    """Train an optical teacher, and with it a student that sees SAR alone, pixel by pixel.

    The three folders are matched by the names of their files; optical and SAR images of a pair show
    the same ground on the same grid. Everything is written below ``out``. The same call again
    returns the finished run, and goes on with one that was interrupted.

    Args:
        optical: An image per tile: GeoTIFF, png, npy or npz, any bands.
        sar: The same of the radar, in decibels; ``data__sar_unit="linear"`` converts intensities.
        masks: A mask or footprints per tile, or one file with all footprints.
        out: Where everything goes.
        network: Of teacher and student, a name of :func:`ackd.list_networks`; or its options,
            ``{"name": "smp", "arch": "fpn", "encoder": "resnet18"}``.
        epochs: Of every stage, or of each: ``{"teacher": 60, "reconstruction": 60,
            "finetune": 20}``, which are also the defaults.
        labels_fraction: The share of the training tiles whose masks the student may see, above 0;
            the pairs without masks teach it as well.
        reuse: Whether the same call again returns the finished run.
        **overrides: Any other option, with two underscores for a dot: ``seed=1``,
            ``row="mid_fin_a"``, ``data__crop=256``, ``student__batch_size=8``.

    Raises:
        ConfigError: An argument is wrong.
        DataError: A folder or an image is not what it should be.
        DivergedError: The training has ended in numbers that are not finite.
    """
    given = {
        "optical": optical, "sar": sar, "masks": masks, "out": out, "network": network,
        "epochs": epochs, "labels_fraction": labels_fraction, **overrides,
    }  # fmt: skip
    call = Call("ackd.distill_segmentation", SEGMENT, TILES, given)
    options = {
        "data": "pairs",
        "data.optical": _folder("optical", optical),
        "data.sar": _folder("sar", sar),
        "data.masks": _folder("masks", masks),
        "labels.fraction": labels_fraction,
        **_network(network),
        **_epochs(epochs, {name: f"epochs.{name}" for name in SEGMENT_EPOCHS}),
        **_places(out),
    }
    with call.told():
        return run(options | _others(overrides, options, call), program="segment", reuse=reuse)


def _folder(argument: str, given: Folder) -> Path:
    try:
        return Path(fspath(given))
    except TypeError as error:
        raise ConfigError(
            f"{argument}={given!r} is a {type(given).__name__}; expected the path of a folder."
        ) from error


def _places(out: Folder) -> dict[str, Any]:
    """Everything below one folder; packs are among the artifacts."""
    place = _folder("out", out)
    return {"outputs": place, "artifacts": place / "artifacts"}


def _names(argument: str, given: Sequence[str]) -> list[str]:
    if isinstance(given, str):
        raise ConfigError(
            f"{argument}={given!r} is one text; expected a list of names, such as "
            f'{argument}=["B02", "B03", "B04"].'
        )
    return [str(name) for name in given]


def _backbone(stage: str, given: Network) -> dict[str, Any]:
    place = f"{stage}.backbone"
    options = {"name": given} if isinstance(given, str) else dict(given)
    name = options.get("name")
    if name in Groups(TRAIN).of("backbone"):
        chosen = {f"backbone@{place}": name}
        del options["name"]
    else:
        # A network of timm, with its own head.
        chosen, options = {}, {"head": "stock", **options}
    known = ("name", "head", "pretrained", "_target_")
    plus = {key: "" if key in known else "+" for key in options}
    return chosen | {f"{plus[key]}{place}.{key}": value for key, value in options.items()}


def _network(given: Network) -> dict[str, Any]:
    options = {"name": given} if isinstance(given, str) else dict(given)
    if options.get("name") in Groups(SEGMENT).of("network"):
        name = options.pop("name")
        return {"network": name, **{f"++network.{key}": value for key, value in options.items()}}
    return {f"++network.{key}": value for key, value in options.items()}


def _epochs(given: int | Mapping[str, int] | None, places: Mapping[str, str]) -> dict[str, int]:
    if given is None:
        return {}
    of_each = given if isinstance(given, Mapping) else dict.fromkeys(places, given)
    for name, count in of_each.items():
        if name not in places:
            raise ConfigError(
                f"epochs has no stage '{name}'.{did_you_mean(str(name), places)} Known: "
                f"{', '.join(places)}."
            )
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ConfigError(f"epochs={given!r} is not valid: expected whole numbers from 1 on.")
    return {places[name]: count for name, count in of_each.items()}


def _others(overrides: Mapping[str, Any], options: Mapping[str, Any], call: Call) -> dict[str, Any]:
    """The further keywords as options.

    Raises:
        ConfigError: One is neither an argument nor an option, or an option that an argument sets.
    """
    found: dict[str, Any] = {}
    for name, value in overrides.items():
        option = name.replace("__", ".") if "." not in name else name
        head = option.lstrip("+~").partition(".")[0].partition("@")[0]
        if head not in _heads(call.program):
            known = [*call.given, *_heads(call.program)]
            known = [other for other in known if other not in overrides]
            raise ConfigError(
                f"{call.name} has no argument '{name}'.{did_you_mean(name, known)} Options of a "
                "section are written with two underscores, student__batch_size=32."
            )
        if isinstance(value, Mapping) and option in options:
            found |= {f"{option}.{key}": inner for key, inner in value.items()}
            continue
        if option in options:
            raise ConfigError(
                f"{name} is set by the argument {keyword(option, call.arguments)} of {call.name}."
            )
        found[option] = value
    return found


def _heads(program: Program) -> list[str]:
    return sorted({*program.config.model_fields, *Groups(program).names()})
