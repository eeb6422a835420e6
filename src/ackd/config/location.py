"""Where things are: the YAML files of the configuration, and the folders that a user names."""

from __future__ import annotations

import os
import re
from itertools import takewhile
from pathlib import Path

__all__ = [
    "about",
    "config_dir",
    "folder",
    "from_environment",
    "note_new_folders",
    "remove_new_folders",
]

_new: list[Path] = []  # folders that Hydra is about to make, the innermost first


def config_dir() -> Path:
    """Return the absolute path of ``conf/``.

    A wheel carries it as ``ackd/conf``; a checkout (also an editable install) has it at its top.

    Raises:
        FileNotFoundError: Neither is there, so the installation is broken.
    """
    package = Path(__file__).resolve().parents[1]
    for candidate in (package / "conf", package.parents[1] / "conf"):
        if (candidate / "train.yaml").is_file():
            return candidate
    raise FileNotFoundError(
        f"ackd's configuration (conf/train.yaml) is neither in {package} nor beside its source; "
        "install ackd again"
    )


def about(text: str) -> str:
    """What a YAML file of the configuration says of itself: the comment at its head.

    Indented lines of it are commands, and ``@package`` is Hydra's.
    """
    head = takewhile(lambda line: line.startswith("#"), text.splitlines())
    told = (line for line in head if not re.match(r"#\s*@package|#  ", line))
    return " ".join(line.lstrip("# ").rstrip() for line in told)


def from_environment(name: str, default: str) -> str:
    """The value of an environment variable; one that is empty counts as not set.

    ``oc.env`` takes ``ACKD_OUTPUTS=`` for a folder without a name, and runs for ``/embedded/...``.
    """
    return os.environ.get(name, "").strip() or default


def folder(text: str) -> str:
    """What paths can be put behind: ``.`` where the text is empty, which alone would mean ``/``."""
    return text or "."


def note_new_folders(run: Path) -> None:
    """Remember which of a run's folder and the folders above it do not exist yet."""
    whole = run.absolute()
    _new[:] = takewhile(lambda path: not path.exists(), (whole, *whole.parents))


def remove_new_folders(run: Path) -> None:
    """Remove the folder of a run that was refused, and those made for it, where they are empty."""
    for path in dict.fromkeys((run.absolute(), *_new)):
        try:
            path.rmdir()
        except OSError:  # not empty, or not there
            return
