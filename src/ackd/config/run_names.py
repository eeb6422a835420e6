"""What a run is called: after its data, its sweep, and what was chosen on the command line.

Resolvers, so that the resolved configuration shows all of it: ``${ackd.named_after:DATA}``,
``${ackd.sweep:DEFAULT}`` and ``${ackd.varied:}``. A fourth one, ``${ackd.recipe:}``, lets a file
give a value for each recipe.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from ackd.config.location import folder, from_environment

__all__ = [
    "chosen_options",
    "register_resolvers",
    "sweep_folder",
    "swept_options",
    "swept_words",
    "varied",
]

# Hydra's sweepers leave the sweep's own configuration in its folder under this name.
SWEEP_RECORD = "multirun.yaml"

LONGEST_VALUE = 40
LONGEST = 120  # of a run's name; W&B takes 128 characters

# Data sets that a run is not named after in their own words.
NAMES = {"synthetic": "embedded"}


def register_resolvers() -> None:
    """Let configurations use the resolvers of this module, and two of where things are.

    ``${ackd.recipe:VALUE,{official:OTHER}}`` is VALUE, but OTHER where ``recipe`` is ``official``;
    ``${ackd.row:}`` names the row of the table that the options of a segmentation make up.
    """
    OmegaConf.register_new_resolver("ackd.env", from_environment, replace=True)
    OmegaConf.register_new_resolver("ackd.folder", folder, replace=True)
    OmegaConf.register_new_resolver("ackd.named_after", _named_after, replace=True)
    OmegaConf.register_new_resolver("ackd.sweep", _sweep_name, replace=True)
    OmegaConf.register_new_resolver("ackd.varied", _varied, replace=True)
    OmegaConf.register_new_resolver("ackd.recipe", _of_recipe, replace=True)
    OmegaConf.register_new_resolver("ackd.row", _row, replace=True)
    OmegaConf.register_new_resolver("ackd.sum", lambda *numbers: sum(numbers), replace=True)


def chosen_options() -> list[str]:
    """The options and groups that the running job was given on its command line, by name."""
    if not HydraConfig.initialized():
        return []
    return [_name(override) for override in _parsed(list(HydraConfig.get().overrides.task))]


def sweep_folder() -> Path | None:
    """The folder of the sweep that the running job belongs to, None outside of one.

    A launcher may start its jobs as single runs: these are in a sweep if the folder above their
    own is one.
    """
    if not HydraConfig.initialized():
        return None
    hydra = HydraConfig.get()
    if hydra.mode == RunMode.MULTIRUN:
        return Path(hydra.sweep.dir)
    above = Path(hydra.runtime.output_dir).absolute().parent
    return above if (above / SWEEP_RECORD).is_file() else None


def swept_options(folder: Path) -> list[str]:
    """Names of the options that a sweep varies, as on its command line; none if that is unknown."""
    record = folder / SWEEP_RECORD
    if not record.is_file():
        return []
    # Not resolved: the file has interpolations of a Hydra that is not running.
    tree = OmegaConf.load(record)
    words = list(OmegaConf.select(tree, "hydra.overrides.task") or [])
    params = OmegaConf.select(tree, "hydra.sweeper.params") or {}
    words += [f"{key}={value}" for key, value in params.items()]
    found = [_name(override) for override in _parsed(words) if override.is_sweep_override()]
    return list(dict.fromkeys(found))


def swept_words(words: Sequence[str], swept: Iterable[str]) -> list[str]:
    """The overrides of a job that set what its sweep varies, e.g. ``["loss.lambda1=0.2"]``."""
    wanted = set(swept)
    return [override.input_line or "" for override in _parsed(words) if _name(override) in wanted]


def varied(words: Sequence[str], swept: Iterable[str], options: Iterable[str]) -> str:
    """Say in a few words what was chosen: ``"lambda1=0.2 heads=4 seed=1"``.

    Args:
        words: Overrides of the run, as on the command line.
        swept: What the sweep varies; where there is any, nothing else is said.
        options: All options of the configuration; a name is shortened as far as it stays the only
            one.

    Returns:
        The empty string where nothing was chosen.
    """
    from ackd.config.schema.identity import is_silent  # late: --cfg and --help need no schema

    wanted, known = set(swept), list(options)
    said = []
    for override in _parsed(words):
        name = _name(override)
        if wanted:
            if name not in wanted:
                continue
        elif is_silent(name):
            continue
        # A group that goes elsewhere is no option, so nothing tells how short it may be.
        short = name if override.package else _short(name, known)
        if override.is_delete():
            said.append(f"~{short}")
            continue
        # As it was written: parsed, false would become False.
        value = (override.input_line or "").partition("=")[2].strip("'\"")
        if len(value) > LONGEST_VALUE:
            value = "…" + value[1 - LONGEST_VALUE :]
        said.append(value if name == "experiment" else f"{short}={value}")
    text = " ".join(said)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _of_recipe(value: Any, others: Mapping[str, Any], *, _root_: DictConfig) -> Any:
    return others.get(_root_.recipe, value)


def _row(*, _root_: DictConfig) -> str:
    """Name a row after what it does, so that its name is right whatever else was chosen.

    ``optical``, ``sar``, ``control30`` (its epochs), or the layers that were reconstructed, step
    by step, with ``_d`` or ``_a`` where labels train the decoder or all: ``mid_fin_d``. Layers that
    one step compares at once are joined by a hyphen, so that ``mid-fin`` is not M&F.
    """
    if _root_.until == "teacher":
        return "optical"
    student = _root_.student
    suffix = {"decoder": "_d", "all": "_a"}.get(student.finetune, "")
    if student.start == "reconstruction":
        steps = (_root_.reconstruction.layers, _root_.reconstruction2.layers)
        named = [[step] if isinstance(step, str) else step for step in steps if step]
        return "_".join("-".join(layers) for layers in named) + suffix
    if student.start == "optical":
        return f"control{student.max_epochs if suffix else 0}" + suffix.replace("_a", "")
    start = "" if student.start == "random" else f"_{student.start}"
    return "sar" + start + suffix.replace("_a", "")


def _named_after(data: object) -> str:
    """The name of a run that nobody named: that of its data."""
    return NAMES.get(str(data), str(data))


def _sweep_name(default: str) -> str:
    folder = sweep_folder()
    return default if folder is None else folder.absolute().name


def _varied(*, _root_: DictConfig) -> str | None:
    if not HydraConfig.initialized():
        return None
    folder = sweep_folder()
    tree = OmegaConf.to_container(_root_, resolve=False)
    words = list(HydraConfig.get().overrides.task)
    return varied(words, swept_options(folder) if folder else (), _leaves(tree)) or None


def _parsed(words: Sequence[str]) -> list[Override]:
    return OverridesParser.create().parse_overrides(overrides=list(words))


def _name(override: Override) -> str:
    """The option that an override sets; a group that goes elsewhere is named after its place."""
    return override.package or override.key_or_group


def _short(name: str, known: Sequence[str]) -> str:
    parts = name.split(".")
    for shorter in (parts[-1:], [parts[0], parts[-1]]):
        alike = [o for o in known if _is_tail(shorter, o.split("."))]
        if len(alike) <= 1 and len(shorter) < len(parts):
            return ".".join(shorter)
    return name


def _is_tail(short: Sequence[str], option: Sequence[str]) -> bool:
    return option[-1] == short[-1] and (len(short) == 1 or option[0] == short[0])


def _leaves(tree: Any, path: str = "") -> Iterator[str]:
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    else:
        yield path
