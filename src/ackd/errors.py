"""What ackd says when something is wrong: one sentence that names the thing and the way out."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

__all__ = [
    "AckdError",
    "ConfigError",
    "DamagedError",
    "DataError",
    "DiskFullError",
    "DivergedError",
    "ImageError",
    "MissingClassError",
    "SizesError",
    "counted",
    "did_you_mean",
    "nearest",
    "nearest_path",
    "unknown",
]


LIKENESS = 0.7
"""Of names of options and paths: half of "class_map" and "classes" is the same, and yet neither
means the other. A guess that is farther away is worse than none."""


class AckdError(Exception):
    """A mistake that the user can fix; its text is printed without a stack trace."""

    exit_code = 1
    """What the command ends with."""


class DivergedError(AckdError):
    """A training has ended in numbers that are not finite.

    Its exit code is another one, so that a search knows the options to be bad, and not the machine.
    """

    exit_code = 3


class ConfigError(AckdError, ValueError):
    """An option is wrong: misspelt, out of range, or at odds with another one."""


class DataError(AckdError):
    """A folder, a file or an image is not what it should be."""


class DamagedError(DataError, ValueError):
    """A file that ackd wrote itself is cut off or damaged; what it held can be made again."""


class DiskFullError(DataError, OSError):
    """A disk or a user's share of it has no room for what is to be written."""


class ImageError(DataError):
    """An image file is not what its publisher promises.

    Attributes:
        kind: What is wrong in a few words, for lists: ``missing``, ``no permission``,
            ``empty file``, ``web page``, ``unreadable``, ``wrong bands``, ``wrong type``,
            ``NaN``, ``nodata`` or ``unstated nodata``.
        text: What is wrong, in a sentence or two.
        advice: What to do about it; "" where the text says so.
        marker: The number that marks invalid pixels although the file does not say so.
    """

    def __init__(self, text: str, kind: str, advice: str = "", marker: float | None = None) -> None:
        super().__init__(f"{text} {advice}" if advice else text)
        self.text = text
        self.kind = kind
        self.advice = advice
        self.marker = marker


class SizesError(DataError):
    """Images that go into one array have different sizes.

    Attributes:
        size: The pixels per side that resize all of them to the most common size.
    """

    def __init__(self, text: str, size: int) -> None:
        super().__init__(text)
        self.size = size


class MissingClassError(DataError):
    """A source has no image of one of its classes.

    Attributes:
        label: The source's own name of the class.
    """

    def __init__(self, text: str, label: str) -> None:
        super().__init__(text)
        self.label = label


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 error``, ``2 errors``, ``1,024 classes``."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"


def nearest(name: str, choices: Iterable[str], likeness: float = 0.6) -> str | None:
    """Return the choice that looks most like ``name``, or None when nothing comes close.

    Args:
        name: What was written.
        choices: What there is.
        likeness: The share of characters in common, from 0 to 1, below which nothing is close.
    """
    lowered = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=likeness)
    return lowered[found[0]] if found else None


def did_you_mean(name: str, choices: Iterable[str], form: str = "'{}'") -> str:
    """Ask for the choice that looks most like ``name``, in a sentence that begins with a space.

    Args:
        name: What was written.
        choices: What there is.
        form: How a choice is written, e.g. ``"data={}"``.

    Returns:
        ``" Did you mean data=s2s_eu?"``, or "" where nothing comes close.
    """
    close = nearest(name, choices)
    return f" Did you mean {form.replace('{}', close)}?" if close else ""


def nearest_path(path: Path) -> str:
    """Say where a path that does not exist breaks off, and what was probably meant there.

    Only the name that is missing is compared, with its neighbours: folders above it are right, and
    would make anything look alike.

    Returns:
        ``" /data has no 'eurosta'. Did you mean '/data/eurosat'?"``, a sentence that begins with a
        space; "" where the path exists.
    """
    whole = path.expanduser().absolute()
    if whole.exists():
        return ""
    known = next(parent for parent in whole.parents if parent.is_dir())
    name = whole.relative_to(known).parts[0]
    try:
        around = [child.name for child in known.iterdir()]
    except OSError:  # a folder that may be entered, but not listed
        around = []
    close = nearest(name, around, LIKENESS)
    meant = f" Did you mean '{known / close}'?" if close else ""
    return f" {known} has no '{name}'.{meant}"


def unknown(
    kind: str, value: str, choices: Iterable[str], option: str | None = None
) -> ConfigError:
    """Build the error for a name that is none of ``choices``.

    Args:
        kind: What the name stands for, e.g. ``"backbone"``.
        value: The name that was given.
        choices: The names that exist.
        option: The option that leads there, e.g. ``"student.backbone.name"``.
    """
    names = list(choices)
    hint = did_you_mean(value, names)
    place = f" ({option}={value})" if option else ""
    return ConfigError(f"There is no {kind} '{value}'{place}.{hint} Known: {', '.join(names)}.")
