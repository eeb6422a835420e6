"""Compose configurations in tests, with files of the test's own where it has some."""

from __future__ import annotations

import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ackd.config.groups import Groups
from ackd.config.location import config_dir
from ackd.config.programs import TRAIN, Program
from ackd.config.schema import Config
from ackd.train import check


def compose_config(
    *overrides: str, extra: Path | None = None, program: Program = TRAIN, whole: bool = False
) -> DictConfig:
    """Compose as the command line does.

    Hydra takes a third of a second, nearly all of it for the files. What it does with options that
    choose no file comes last, so the files that were chosen are composed once, and Hydra's own
    function sets the options in a copy.

    Args:
        *overrides: As on the command line.
        extra: Searched like --config-dir.
        program: Whose configuration.
        whole: Let Hydra do it all.
    """
    if extra is not None:
        return _compose([*overrides, f"hydra.searchpath=['{extra}']"], program)
    if not whole:
        try:
            return _quickly(overrides, program)
        except HydraException:
            pass  # as Hydra itself says it
    return _compose(list(overrides), program)


def _quickly(overrides: tuple[str, ...], program: Program) -> DictConfig:
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    choices = [one.input_line for one in parsed if _chooses(one, program)]
    cfg = copy.deepcopy(_composed(tuple(choices), program))
    ConfigLoaderImpl._apply_overrides_to_config(
        [one for one in parsed if not _chooses(one, program)], cfg
    )
    return cfg


def _chooses(override: Override, program: Program) -> bool:
    """Whether a word chooses a file of a group, or is for Hydra itself."""
    key = override.key_or_group
    if key.partition(".")[0].partition("/")[0] == "hydra" or override.is_sweep_override():
        return True
    return key in _groups(program) and not isinstance(override.value(), dict)


@lru_cache
def _groups(program: Program) -> frozenset[str]:
    return frozenset(Groups(program).names())


@lru_cache(maxsize=200)
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
