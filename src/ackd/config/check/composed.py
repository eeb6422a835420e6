"""The door of a run: what Hydra composed becomes a checked configuration, or one error.

The checks run from the least to the most expensive: the schema, options that contradict each other
(:mod:`ackd.config.check.consistency`), files and folders (:mod:`ackd.config.check.places`), and
last what has to be built once to see that it can be (:mod:`ackd.config.check.buildable`). Each of
them has a second half that only the program of the configuration knows, in the module that
:mod:`ackd.config.programs` names, such as :mod:`ackd.config.check.scenes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import ValidationError

from ackd.config.check.consistency import check_consistency
from ackd.config.check.places import check_places
from ackd.config.command_line import escaped
from ackd.config.messages.overrides import one_sentence
from ackd.config.messages.removed import without_removed
from ackd.config.messages.values import refused_config
from ackd.config.programs import program_for
from ackd.config.schema import RunConfig
from ackd.errors import ConfigError
from ackd.utils.io import write_text

__all__ = [
    "check_architecture",
    "check_composed",
    "check_config",
    "look_around",
    "parse",
    "resolved",
    "save_resolved",
]


def check_composed(cfg: DictConfig, *, look: bool = False) -> RunConfig:
    """Resolve a composed configuration and find every mistake in it.

    Args:
        cfg: As Hydra composed it.
        look: Whether to look at the files and folders that options name as well.

    Raises:
        ConfigError: An interpolation leads nowhere, or an option is wrong.
        DataError: A folder that was looked at is not what it should be.
    """
    return check_config(resolved(cfg), look=look)


def resolved(cfg: DictConfig) -> dict[str, Any]:
    """A composed configuration as plain values, without Hydra's own part and removed options.

    Raises:
        ConfigError: An interpolation leads nowhere, or a removed option means something else now.
    """
    ours = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key != "hydra"])
    try:
        tree = OmegaConf.to_container(ours, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"The configuration cannot be resolved: {one_sentence(error)}") from error
    return without_removed(tree)  # type: ignore[arg-type]


def check_config(tree: Mapping[str, Any], *, look: bool = False) -> RunConfig:
    """Turn a resolved mapping into the configuration of its program.

    What takes least is checked first: names and values, files and folders, and then what has to be
    built, which needs torch and Lightning.

    Args:
        tree: The composed configuration as plain dicts, lists and scalars.
        look: Whether to look at the files and folders that options name as well, on a machine that
            has them; see :mod:`ackd.config.check.places`.

    Raises:
        ConfigError: A key is misspelt, a value has the wrong type or range, or two options
            contradict each other; every such place is named, one per line.
        DataError: A folder that was looked at is not what it should be.
    """
    config = parse(tree)
    own = import_module(program_for(tree.get("task")).checks)
    check_consistency(config)
    own.check_options(config)
    if look:
        look_around(config)
    # Late: this imports torch and Lightning, which a misspelt key should not have to wait for.
    from ackd.config.check.buildable import check_buildable

    check_buildable(config)
    own.check_buildable(config)
    return config


def look_around(config: RunConfig) -> None:
    """Look at the files and folders that options name, as far as that takes no more than seconds.

    Raises:
        ConfigError: A file does not exist, or something must be said before it can be read.
        DataError: A folder is not what it should be.
    """
    check_places(config)
    import_module(program_for(config.TASK).checks).look(config)


def check_architecture(
    choices: Mapping[str, Any], words: Sequence[str], folders: Iterable[Path]
) -> None:
    """Refuse an ``architecture=`` of the command line that changes nothing.

    In Hydra an experiment that chooses the networks itself wins over every other group, silently.

    Args:
        choices: Group -> what was chosen, as Hydra composed it.
        words: The overrides of the command line.
        folders: Where the YAML files of groups are looked for.

    Raises:
        ConfigError: A network is neither the architecture's nor one of the command line's.
    """
    if not any(word.startswith("architecture=") for word in words):
        return
    chosen = choices["architecture"]
    files = [folder / "architecture" / f"{chosen}.yaml" for folder in folders]
    file = next((path for path in files if path.is_file()), None)
    entries = yaml.safe_load(file.read_text(encoding="utf-8")).get("defaults", ()) if file else ()
    for entry in entries:
        for key, network in entry.items() if isinstance(entry, dict) else ():
            group = key.removeprefix("override /")
            here = any(word.startswith(f"{group}=") for word in words)
            if choices.get(group) != network and not here:
                raise ConfigError(
                    f"architecture={chosen} has {group}={network}, but the experiment chooses "
                    f"{choices.get(group)} and would win. In its defaults, write override "
                    f"/architecture: NAME instead of its networks; or add {group}={network}."
                )


def parse(tree: Mapping[str, Any]) -> RunConfig:
    """Hold a resolved mapping against the schema alone.

    Raises:
        ConfigError: There is no such task, or a name, a type or a range is wrong; every such place
            is named, one per line.
    """
    model = program_for(tree.get("task")).config
    try:
        return model.model_validate(dict(tree))
    except ValidationError as error:
        raise ConfigError("\n".join(refused_config(error.errors(), tree))) from error


def save_resolved(cfg: DictConfig, path: Path) -> None:
    """Write a configuration without interpolations; read again, it has the same values."""
    tree = _to_the_letter(OmegaConf.to_container(cfg, resolve=True))
    write_text(path, OmegaConf.to_yaml(OmegaConf.create(tree)))


def _to_the_letter(value: Any) -> Any:
    """Keep a ``${`` that is part of a text, a folder's name for example, from being one again."""
    if isinstance(value, dict):
        return {key: _to_the_letter(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_to_the_letter(one) for one in value]
    return escaped(value) if isinstance(value, str) else value
