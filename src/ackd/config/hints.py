"""What was probably meant, when Hydra could not compose the configuration."""

from __future__ import annotations

from collections.abc import Sequence

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from ackd.config.location import config_dir
from ackd.errors import nearest

__all__ = ["hint"]


def hint(arguments: Sequence[str]) -> str | None:
    """Look for the first override that cannot be, and name the nearest one that can.

    Args:
        arguments: Of the command line, without the program.

    Returns:
        A sentence, or None where every override is fine.
    """
    words = [word for word in arguments if not word.startswith("-")]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        try:
            overrides = OverridesParser.create().parse_overrides(words)
        except HydraException:
            return None
        groups = [o for o in overrides if _is_group(o.key_or_group)]
        selected = [o.input_line for o in groups if o.input_line and not o.is_sweep_override()]
        for override in groups:
            advice = _group_advice(override.key_or_group, override.value())
            if advice:
                return advice
        try:
            known = _paths(compose("train", overrides=selected))
        except HydraException:
            return None
    for override in overrides:
        key = override.key_or_group
        if key in known or override in groups or key.startswith("hydra") or override.is_add():
            continue
        close = nearest(key, [*known, *_groups()])
        if close:
            return f"There is no option '{key}'. Did you mean '{close}'?"
        return f"There is no option '{key}'. See --cfg job for all of them."
    return None


def _groups() -> list[str]:
    return sorted(path.name for path in config_dir().iterdir() if path.is_dir())


def _is_group(key: str) -> bool:
    return key.partition("@")[0] in _groups()


def _group_advice(group: str, value: object) -> str | None:
    folder = config_dir() / group.partition("@")[0]
    options = sorted(path.stem for path in folder.glob("*.yaml"))
    if not isinstance(value, str) or value in options:
        return None
    close = nearest(value, options)
    meant = f" Did you mean {group}={close}?" if close else ""
    return f"There is no '{value}' in {group}.{meant} Known: {', '.join(options)}."


def _paths(cfg: DictConfig, prefix: str = "") -> list[str]:
    found: list[str] = []
    for key in map(str, cfg):
        path = f"{prefix}{key}"
        found.append(path)
        node = OmegaConf.select(cfg, key, throw_on_resolution_failure=False)
        if isinstance(node, DictConfig):
            found += _paths(node, f"{path}.")
    return found
