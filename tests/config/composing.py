"""Compose configurations in tests, with files of the test's own where it has some."""

from __future__ import annotations

import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from ackd.config.location import config_dir
from ackd.config.programs import TRAIN, Program
from ackd.config.schema import Config
from ackd.train import check


def compose_config(
    *overrides: str, extra: Path | None = None, program: Program = TRAIN
) -> DictConfig:
    """Compose as the command line does; ``extra`` is searched like --config-dir."""
    if extra is None:
        return copy.deepcopy(_composed(overrides, program))
    return _compose([*overrides, f"hydra.searchpath=['{extra}']"], program)


@lru_cache(maxsize=100)
def _composed(overrides: tuple[str, ...], program: Program) -> DictConfig:
    """Of the files of ackd alone, which stay what they are."""
    return _compose(list(overrides), program)


def _compose(words: list[str], program: Program) -> DictConfig:
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(program.config_dir), version_base="1.3"):
        return compose(program.primary, overrides=words)


def value(option: str, *overrides: str, extra: Path | None = None) -> Any:
    """One resolved option of a composed configuration."""
    cfg = compose_config(*overrides, extra=extra)
    found = OmegaConf.select(cfg, option)
    return OmegaConf.to_container(found) if OmegaConf.is_config(found) else found


def checked(*overrides: str, extra: Path | None = None) -> Config:
    """Compose and check."""
    return check(compose_config(*overrides, extra=extra))


def write(folder: Path, name: str, *lines: str) -> Path:
    """Write a YAML file ``group/option`` that sets values of the whole configuration."""
    path = folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["# @package _global_", *lines]) + "\n", encoding="utf-8")
    return folder


def options_of(group: str) -> list[str]:
    """The names that a group offers."""
    return sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))
