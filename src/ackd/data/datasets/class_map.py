"""Class maps: which class of each source stands for which class of a benchmark, as YAML to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ackd.data.options import BENCHMARKS, CLASS_MAPS
from ackd.data.sources import Source, find_source
from ackd.errors import ConfigError, did_you_mean, unknown

__all__ = ["ClassMap", "check_source_map", "load_class_map", "parse_class_map"]

_KEYS = ("name", "classes", "ms", "rgb", "paper_counts")


@dataclass(frozen=True)
class ClassMap:
    """A benchmark as its sources make it up.

    Attributes:
        name: The benchmark's name.
        classes: Its classes; a label is a position in them.
        ms: MS source -> its class -> the benchmark's class.
        rgb: RGB source -> its class -> the benchmark's class.
        paper_counts: Class -> images (MS, RGB) in the paper; empty where there is no paper.
    """

    name: str
    classes: tuple[str, ...]
    ms: Mapping[str, Mapping[str, str]]
    rgb: Mapping[str, Mapping[str, str]]
    paper_counts: Mapping[str, tuple[int, int]]

    def side(self, modality: str) -> Mapping[str, Mapping[str, str]]:
        """Return the map of one modality, ``"ms"`` or ``"rgb"``."""
        return self.ms if modality == "ms" else self.rgb


def load_class_map(name: str) -> ClassMap:
    """Read the class map that the package has for a benchmark.

    Args:
        name: Such as ``"s2s_eu"``.

    Raises:
        ConfigError: If there is no such map, or it is wrong.
    """
    if name not in BENCHMARKS:
        raise unknown("class map", name, BENCHMARKS)
    text = CLASS_MAPS.joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return parse_class_map(text, f"classmaps/{name}.yaml")


def parse_class_map(text: str, where: str) -> ClassMap:
    """Read a class map from YAML and check every name in it.

    Args:
        text: The YAML; see ``classmaps/s2s_eu.yaml``.
        where: What to call the text in messages.

    Raises:
        ConfigError: If a key is missing or unknown, a source or one of its classes does not
            exist, or a class is none of the benchmark's; the nearest name is offered.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} is no valid YAML: {' '.join(str(error).split())}.") from error
    content = _mapping(content, where, "the file")
    for key in content:
        if key not in _KEYS:
            raise _stranger(where, "key", str(key), _KEYS)
    for key in _KEYS[:-1]:
        if key not in content:
            raise ConfigError(f"{where} has no '{key}'; expected {', '.join(_KEYS)}.")
    classes = content["classes"]
    if not isinstance(classes, list) or not classes or len(set(map(str, classes))) < len(classes):
        raise ConfigError(f"{where}: 'classes' is {classes!r}; expected a list of distinct names.")
    names = tuple(str(label) for label in classes)
    sides = {
        modality: {
            str(source): check_source_map(where, modality, str(source), mapping, names)
            for source, mapping in _mapping(content[modality], where, f"'{modality}'").items()
        }
        for modality in ("ms", "rgb")
    }
    counts = _mapping(content.get("paper_counts") or {}, where, "'paper_counts'")
    return ClassMap(
        name=str(content["name"]),
        classes=names,
        ms=sides["ms"],
        rgb=sides["rgb"],
        paper_counts={
            label: _counts(where, str(label), pair, names) for label, pair in counts.items()
        },
    )


def check_source_map(
    where: str, modality: str, name: str, mapping: Any, classes: tuple[str, ...]
) -> dict[str, str]:
    """Return one source's map once every name in it is known.

    Args:
        where: What to call the file in messages.
        modality: The side under which the source stands.
        name: The source.
        mapping: Its classes to the benchmark's.
        classes: The benchmark's classes.

    Raises:
        ConfigError: If there is no such source on this side or no such class; the nearest name is
            offered.
    """
    try:
        source: Source = find_source(name)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    if source.modality != modality:
        raise ConfigError(
            f"{where}: {name} stands under '{modality}', but its images are {source.modality}."
        )
    checked = {}
    for theirs, ours in _mapping(mapping, where, f"'{modality}.{name}'").items():
        if theirs not in source.classes:
            raise _stranger(where, f"class of {source.title}", str(theirs), source.classes)
        if ours not in classes:
            raise _stranger(
                where, f"class of the benchmark, for {name}'s '{theirs}',", str(ours), classes
            )
        checked[str(theirs)] = str(ours)
    return checked


def _counts(where: str, label: str, pair: Any, classes: tuple[str, ...]) -> tuple[int, int]:
    if label not in classes:
        raise _stranger(where, "class of the benchmark in paper_counts", label, classes)
    whole = isinstance(pair, list) and all(isinstance(count, int) for count in pair)
    if not whole or len(pair) != 2:
        raise ConfigError(
            f"{where}: paper_counts.{label} is {pair!r}; expected two whole numbers, [MS, RGB]."
        )
    return pair[0], pair[1]


def _mapping(value: Any, where: str, what: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: {what} is {value!r}; expected a mapping (name: value).")
    return value


def _stranger(where: str, what: str, name: str, known: tuple[str, ...]) -> ConfigError:
    hint = did_you_mean(name, known)
    return ConfigError(f"{where}: '{name}' is no {what}.{hint} Known: {', '.join(known)}.")
