"""See that the files and folders that options name are there, before anything heavy is imported."""

from __future__ import annotations

from pathlib import Path

from ackd.config.schema import RunConfig
from ackd.errors import ConfigError, nearest_path

__all__ = ["check_places", "require_path"]


def check_places(config: RunConfig) -> None:
    """Look for the run that ``ckpt_path`` names.

    Raises:
        ConfigError: There is no such file or folder.
    """
    if config.ckpt_path not in (None, "auto"):
        require_path(
            "ckpt_path", str(config.ckpt_path), "a run folder or its checkpoints/last.ckpt"
        )


def require_path(option: str, given: str, expected: str) -> None:
    """See that a file or folder that an option names exists.

    Raises:
        ConfigError: It does not.
    """
    path = Path(given).expanduser()
    if path.exists():
        return
    raise ConfigError(
        f"{option}={given}: there is no {path}; expected {expected}.{nearest_path(path)}"
    )
