"""See that the files and folders that options name are there, before anything heavy is imported."""

from __future__ import annotations

from pathlib import Path

from ackd.config.schema import Config
from ackd.config.schema.data import ArchivesConfig
from ackd.errors import ConfigError, nearest_path

__all__ = ["check_places"]


def check_places(config: Config) -> None:
    """Look for the checkpoint, the weights and the archives of a run on this machine.

    What is in them is read later; this takes well under a second and no torch.

    Raises:
        ConfigError: A checkpoint or a file of weights does not exist.
        DataError: The folder of the archives, or in it that of the MS images, does not exist.
    """
    if config.ckpt_path not in (None, "auto"):
        _require("ckpt_path", str(config.ckpt_path), "a run folder or its checkpoints/last.ckpt")
    for stage in config.stages:
        pretrained = getattr(config, stage).backbone.pretrained
        if isinstance(pretrained, str):
            _require(f"{stage}.backbone.pretrained", pretrained, "true, false or a file of weights")
    if isinstance(config.data, ArchivesConfig):
        _find_archives(config.data)


def _require(option: str, given: str, expected: str) -> None:
    path = Path(given).expanduser()
    if path.exists():
        return
    raise ConfigError(
        f"{option}={given}: there is no {path}; expected {expected}.{nearest_path(path)}"
    )


def _find_archives(data: ArchivesConfig) -> None:
    # Late: a run on scenes of its own needs none of the readers.
    from ackd.data.cache import is_pack
    from ackd.data.datasets.benchmarks import find_benchmark

    root = Path(data.root).expanduser()
    if is_pack(root):
        return
    class_map, known = find_benchmark(data.name, data.layout)
    for name in class_map.ms:
        if not (root / known[name].folder).is_dir():
            known[name].scan(root, ())  # says what is missing and where it is published
