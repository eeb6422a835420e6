"""Where the YAML files of the configuration are: in the wheel, else in the checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["config_dir"]


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
