"""``student.pt``: what is in it, read without running anything that a stranger wrote."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from ackd.errors import AckdError, DamagedError, DataError, nearest_path
from ackd.utils.io import load_tensors

__all__ = ["FORMAT", "STUDENT", "build", "read_student", "standardisation"]

#: Raised by one whenever keys change their meaning; new keys are not a new format. Files of format
#: 1, which does not name itself, have backbone, bands, classes, size, mean, std and state_dict
#: alone.
FORMAT: Final = 2

#: What it is called in the folder of a run.
STUDENT: Final = "student.pt"

_NEEDED: Final = ("classes", "bands", "mean", "std", "state_dict")
_NETWORKS: Final = ("backbone", "network")


def read_student(path: Path) -> dict[str, Any]:
    """Read the content of ``student.pt`` and see that it is one.

    Only tensors and plain values are read: a file that asks for more is refused before anything of
    it runs.

    Args:
        path: Of the file, or of the folder of a run that has one.

    Raises:
        DataError: There is no such file, or it is damaged, hostile, of a later version of ackd, or
            something else than a student.
    """
    path = path.expanduser()
    place = path / STUDENT if path.is_dir() else path
    if not place.is_file():
        raise DataError(
            f"There is no student {place}.{nearest_path(place)} A run leaves one in its folder, "
            f"called {STUDENT}."
        )
    try:
        content = load_tensors(place)
    except DamagedError as error:
        if isinstance(error.__cause__, pickle.UnpicklingError):
            raise DataError(_hostile(place, error.__cause__)) from error
        raise
    _check(place, content)
    return content


def _hostile(place: Path, error: Exception) -> str:
    named = re.search(r"GLOBAL (\S+)", str(error))
    asked = f"; it asks for {named[1]}" if named else ""
    return (
        f"{place} holds something else than tensors and plain values{asked}. Such files can run "
        f"code when they are opened, so it was not; no {STUDENT} of ackd needs that."
    )


def _check(place: Path, content: object) -> None:
    if not isinstance(content, dict):
        raise DataError(f"{place} holds a {type(content).__name__} and no student.")
    if "pytorch-lightning_version" in content:
        raise DataError(
            f"{place} is a checkpoint of a training, with the state of its optimizer. The student "
            f"alone, with all that is needed to use it, is {STUDENT} in the folder of the run."
        )
    version = content.get("format", 1)
    if not isinstance(version, int) or version > FORMAT:
        raise DataError(
            f"{place} has the format {version}, and this version of ackd reads formats up to "
            f"{FORMAT}; update ackd (the file was written by {content.get('ackd', 'a later one')})."
        )
    missing = [key for key in _NEEDED if key not in content]
    if not any(key in content for key in _NETWORKS):
        missing.append("backbone or network")
    if missing:
        raise DataError(
            f"{place} is not a student: it has no {', '.join(missing)}. A run writes its student "
            f"as {STUDENT}."
        )
    for key in ("classes", "bands"):
        names = content[key]
        if not (isinstance(names, list | tuple) and names and all(type(n) is str for n in names)):
            raise DataError(f"{place} is damaged: its {key} are {names!r}; expected names.")
    options = [content.get(key) for key in _NETWORKS if key in content]
    if not all(isinstance(each, dict) for each in (*options, content["state_dict"])):
        raise DataError(f"{place} is damaged: its network or its weights are not what they were.")
    for key in ("mean", "std"):
        value = content[key]
        if not isinstance(value, Tensor) or value.numel() != len(content["bands"]):
            raise DataError(f"{place} is damaged: its {key} has not one number for each band.")


def build(
    make: Callable[..., nn.Module],
    content: Mapping[str, Any],
    key: str,
    trust: Iterable[str],
    path: Path,
) -> nn.Module:
    """Build the network of a student and fill it.

    Args:
        make: Of ackd, called with what the file has under ``key``, ``bands`` and ``classes``.
        content: Of the file.
        key: ``"backbone"`` or ``"network"``.
        trust: Import paths of the user's own classes, or of modules with them.
        path: Of the file, for messages.

    Raises:
        DataError: The network is a class that is not trusted, or the weights do not fit it.
        ConfigError: It cannot be built.
    """
    options = dict(content[key])
    target = options.get("_target_")
    if target is not None and not any(
        target == each or str(target).startswith(f"{each}.") for each in trust
    ):
        raise DataError(
            f"{path} was trained with a network of its author's own, {target}. Building it runs "
            "code that the file names; if you know it, say so: "
            f"ackd.load_student(path, trust={str(target)!r})."
        )
    # Weights come from the file itself: nothing is downloaded or read from elsewhere.
    options.pop("weights", None)
    if key == "backbone":
        options["pretrained"] = False
    bands, classes = len(content["bands"]), len(content["classes"])
    try:
        # Who seeds a program does not expect that loading a student draws from it.
        with torch.random.fork_rng(devices=[]):
            network = make(**options, bands=bands, classes=classes)
        network.load_state_dict(content["state_dict"])
    except AckdError:
        raise
    except Exception as error:
        # Options and tensors of a file that was changed fail in every way.
        said = " ".join(str(error).split())[:200]
        raise DataError(
            f"The network of {path} cannot be built again ({type(error).__name__}: {said}). Its "
            f"{key} is {options}; the file was changed, or written by another version "
            f"(ackd {content.get('ackd', 'unknown')})."
        ) from error
    return network.requires_grad_(False).eval()


def standardisation(content: Mapping[str, Any]) -> tuple[Any, Any]:
    """Mean and standard deviation of each band, (C,) float32 arrays: x = (pixel - mean) / std."""
    mean, std = (content[key].reshape(-1).float().numpy() for key in ("mean", "std"))
    return mean, std
