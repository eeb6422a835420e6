"""Run folders: which run a folder belongs to, and which unfinished one to go on with."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ackd.config.identity import identity
from ackd.errors import ConfigError
from ackd.stages.context import Context
from ackd.utils import locks
from ackd.utils.io import read_json, write_json
from ackd.utils.values import differences, digest

__all__ = ["IDENTITY", "RESULT", "choose_folder", "claimed"]

log = logging.getLogger("ackd")

IDENTITY = "run.json"
LOCK = ".running"
RESULT = "result.json"


def choose_folder(context: Context, fresh: Path) -> tuple[Path, bool]:
    """Decide where to work.

    Args:
        context: Its ``ckpt_path`` is None, ``"auto"`` or a checkpoint file.
        fresh: The new run folder, used where there is nothing to go on with. One that was given
            by hand and holds this run unfinished is what ``"auto"`` goes on with.

    Returns:
        The folder, and whether to go on from what lies in it.

    Raises:
        ConfigError: The checkpoint is missing, or belongs to a run with other options or images.
    """
    config = context.config
    if config.ckpt_path is None:
        return fresh, False
    wanted = _stamp(context)
    if config.ckpt_path == "auto":
        if _unfinished(fresh / IDENTITY, wanted["fingerprint"]):
            log.info("ckpt_path=auto: going on in %s", fresh)
            return fresh, True
        found = _latest_unfinished(Path(config.outputs).expanduser(), wanted["fingerprint"])
        if found is None:
            log.info("ckpt_path=auto: no unfinished run with these options; starting anew")
            return fresh, False
        log.info("ckpt_path=auto: going on with %s", found)
        return found.absolute(), True
    checkpoint = Path(config.ckpt_path).expanduser()
    folder = checkpoint.parent.parent
    known = checkpoint.is_file() and (folder / IDENTITY).is_file()
    if not known or checkpoint.name != "last.ckpt":
        raise ConfigError(
            f"ckpt_path={config.ckpt_path} is nothing to go on from: expected an existing "
            "RUN/checkpoints/last.ckpt beside RUN/run.json; ckpt_path=auto finds the last one."
        )
    stored = read_json(folder / IDENTITY)
    differing = _differences(stored["options"], wanted["options"])
    differing += _differences(stored["images"], wanted["images"], "images")
    if differing:
        raise ConfigError(
            f"ckpt_path={config.ckpt_path} belongs to a run with other options: "
            + "; ".join(differing)
            + ". Give the same options to go on, or leave ckpt_path out to start anew."
        )
    if (folder / RESULT).is_file():
        raise ConfigError(
            f"ckpt_path={config.ckpt_path} belongs to a run that has finished "
            f"({folder / RESULT}); leave ckpt_path out to start anew."
        )
    return folder.absolute(), True


@contextmanager
def claimed(folder: Path, context: Context) -> Iterator[None]:
    """Mark a folder as that of this run, and hold it as long as the run goes on.

    Raises:
        ConfigError: Another process is running in it.
    """
    refusal = ConfigError(
        f"Another process is running in {folder}; wait for it, or leave ckpt_path out to start "
        "a run of its own."
    )
    with locks.held(folder / LOCK, refusal):
        write_json(folder / IDENTITY, _stamp(context))
        yield


def _stamp(context: Context) -> dict[str, Any]:
    """What a run is: its options and its images."""
    benchmark = context.benchmark
    content = {
        "options": identity(context.config),
        "classes": list(benchmark.classes),
        "images": {"ms": benchmark.ms.fingerprint, "rgb": benchmark.rgb.fingerprint},
    }
    return {"fingerprint": digest(content), **content}


def _latest_unfinished(outputs: Path, name: str) -> Path | None:
    found = [path.parent for path in outputs.rglob(IDENTITY) if _unfinished(path, name)]
    idle = [folder for folder in found if locks.is_free(folder / LOCK)]
    return max(idle, key=lambda folder: (folder / IDENTITY).stat().st_mtime, default=None)


def _unfinished(path: Path, name: str) -> bool:
    """Whether an identity file is that of an unfinished run of this name."""
    finished = (path.parent / RESULT).is_file()
    return path.is_file() and not finished and _fingerprint_in(path) == name


def _fingerprint_in(path: Path) -> str | None:
    try:
        return str(read_json(path).get("fingerprint"))
    except (OSError, ValueError):
        log.warning("ckpt_path=auto: passed over %s, which cannot be read", path)
        return None


def _differences(stored: Any, wanted: Any, option: str = "") -> list[str]:
    """Options with two values, e.g. ``loss.lambda1 was 0.4, now 0.2``."""
    found = differences(stored, wanted, option)
    return [f"{name} was {before}, now {after}" for name, (before, after) in found.items()]
