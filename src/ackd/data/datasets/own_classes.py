"""The classes that a user wants: a map of their own, or a subset of those at hand.

A class map of a user's own is a YAML file that says, for each side, which class of the data stands
for which class of the run::

    classes: [forest, water]            # optional: their order; else as they first appear
    ms:  {Forest: forest, River: water, SeaLake: water}
    rgb: {woods: forest, lake: water}

Classes that a side does not name are left out. For publishers' archives a side may also name the
sources one by one (``ms: {eurosat_ms: {Forest: forest}}``), as ``classmaps/s2s_eu.yaml`` does.

Images that are read already (embedded scenes, prepared folders) are regrouped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from ackd.data.benchmark import Benchmark, Modality, SceneSet
from ackd.data.datasets.class_map import ClassMap, check_source_map
from ackd.data.stored import ChosenRows, Images
from ackd.errors import ConfigError, DataError, did_you_mean, nearest, nearest_path

__all__ = [
    "OwnClassMap",
    "choose_classes",
    "class_map_of",
    "partial_by_choice",
    "read_own_class_map",
    "regroup",
]

Names = Mapping[str, str]
Rows = Mapping[Modality, NDArray[np.int64]]


@dataclass(frozen=True)
class OwnClassMap:
    """What a class map file says.

    Attributes:
        where: The file, for messages.
        classes: The classes of the run.
        ms: Source -> its class -> the run's class; the source is "" where none is named.
        rgb: The same of the RGB side.
    """

    where: str
    classes: tuple[str, ...]
    ms: Mapping[str, Names]
    rgb: Mapping[str, Names]

    def side(self, modality: str) -> Mapping[str, Names]:
        """Return the map of one modality, ``"ms"`` or ``"rgb"``."""
        return self.ms if modality == "ms" else self.rgb


def read_own_class_map(path: Path) -> OwnClassMap:
    """Read ``data.class_map=FILE``.

    Raises:
        ConfigError: If the file is missing or not a class map, or the sides do not lead to the same
            classes; all classes that one side misses are named.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"data.class_map={path} does not exist.{nearest_path(path)} Expected a YAML file "
            "with a mapping of classes under 'ms' and under 'rgb'."
        ) from error
    except OSError as error:
        raise ConfigError(f"data.class_map={path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"data.class_map={path} is not valid YAML: {said}.") from error
    if not isinstance(content, dict) or not {"ms", "rgb"} <= set(content):
        raise ConfigError(
            f"data.class_map={path} does not have 'ms' and 'rgb'; expected under each a mapping "
            "from the data's class to the run's, such as ms: {River: water, SeaLake: water}."
        )
    for key in content:
        if key not in ("name", "classes", "ms", "rgb", "paper_counts"):
            hint = did_you_mean(str(key), ("classes", "ms", "rgb"))
            raise ConfigError(
                f"data.class_map={path}: there is no key '{key}'.{hint} Known: classes, ms, rgb."
            )
    sides = {side: _side(path, side, content[side]) for side in ("ms", "rgb")}
    reached = {
        side: list(dict.fromkeys(ours for names in sources.values() for ours in names.values()))
        for side, sources in sides.items()
    }
    classes = _listed(path, content.get("classes"), reached["ms"])
    _check_both(path, classes, reached)
    return OwnClassMap(str(path), classes, sides["ms"], sides["rgb"])


def choose_classes(
    class_map: ClassMap, own: OwnClassMap | None = None, classes: Sequence[str] | None = None
) -> ClassMap:
    """Apply a user's class map, then a choice of classes, to a data set's own class map.

    Args:
        class_map: Of the data set.
        own: ``data.class_map``; None where there is none.
        classes: ``data.classes``; all where None. Their order does not matter.

    Returns:
        The class map; without the paper's counts where the classes are not the paper's.

    Raises:
        ConfigError: If a class is not there; the nearest name is offered.
    """
    if own is not None:
        class_map = _regrouped(class_map, own)
    if classes is None:
        return class_map
    kept = check_chosen(classes, class_map.classes)
    return replace(
        class_map,
        classes=kept,
        ms=_only(class_map.ms, kept),
        rgb=_only(class_map.rgb, kept),
        paper_counts={k: pair for k, pair in class_map.paper_counts.items() if k in kept},
    )


def check_chosen(classes: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return the chosen classes in the order of ``known``.

    Raises:
        ConfigError: If one is not known, stands twice, or there are fewer than two.
    """
    for label in classes:
        if label not in known:
            raise _stranger("data.classes names", label, known)
    if len(set(classes)) < len(classes) or len(classes) < 2:
        raise ConfigError(
            f"data.classes=[{','.join(classes)}] should name at least two classes, and each once; "
            f"known: {', '.join(known)}."
        )
    return tuple(label for label in known if label in classes)


def _side(path: Path, side: str, content: Any) -> dict[str, dict[str, str]]:
    if not isinstance(content, dict) or not content:
        raise ConfigError(
            f"data.class_map={path}: '{side}' is {content!r}; expected a mapping from the data's "
            "class to the run's, such as {River: water, SeaLake: water}."
        )
    nested = [isinstance(value, dict) for value in content.values()]
    if any(nested) and not all(nested):
        raise ConfigError(
            f"data.class_map={path}: under '{side}' some entries are classes and some are sources; "
            "expected either."
        )
    sources = content if all(nested) else {"": content}
    return {
        str(source): {str(theirs): str(ours) for theirs, ours in names.items()}
        for source, names in sources.items()
    }


def _listed(path: Path, listed: Any, reached: Sequence[str]) -> tuple[str, ...]:
    if listed is None:
        return tuple(reached)
    names = [str(label) for label in listed] if isinstance(listed, list) else []
    if len(names) < 2 or len(set(names)) < len(names):
        raise ConfigError(
            f"data.class_map={path}: 'classes' is {listed!r}; expected a list of at least two "
            "distinct names."
        )
    return tuple(names)


def _check_both(path: Path, classes: Sequence[str], reached: Mapping[str, Sequence[str]]) -> None:
    said = []
    for side, labels in reached.items():
        for label in labels:
            if label not in classes:
                near = nearest(label, classes)
                hint = f" (did you mean '{near}'?)" if near else ""
                said.append(f"{side.upper()} leads to '{label}'{hint}, which the other does not")
        lacking = [label for label in classes if label not in labels]
        if lacking:
            said.append(f"no {side.upper()} class leads to {', '.join(lacking)}")
    if said:
        raise ConfigError(
            f"data.class_map={path}: both sides must lead to the same classes "
            f"({', '.join(classes)}), but {'; '.join(said)}."
        )
    if len(classes) < 2:
        raise ConfigError(f"data.class_map={path} leads to fewer than two classes.")


def _regrouped(class_map: ClassMap, own: OwnClassMap) -> ClassMap:
    sides = {}
    for side in ("ms", "rgb"):
        given = own.side(side)
        if "" in given:
            sides[side] = _composed(class_map, side, given[""], own.where)
        else:
            sides[side] = {
                source: check_source_map(own.where, side, source, names, own.classes)
                for source, names in given.items()
            }
    return ClassMap(class_map.name, own.classes, sides["ms"], sides["rgb"], {})


def _composed(
    class_map: ClassMap, side: str, names: Names, where: str
) -> dict[str, dict[str, str]]:
    """Source classes to the data set's classes to the user's."""
    known = {ours for mapping in class_map.side(side).values() for ours in mapping.values()}
    for label in names:
        if label not in known:
            at_hand = [own for own in class_map.classes if own in known]
            raise _stranger(f"data.class_map={where} names under '{side}'", label, at_hand)
    found = {
        source: {theirs: names[ours] for theirs, ours in mapping.items() if ours in names}
        for source, mapping in class_map.side(side).items()
    }
    return {source: mapping for source, mapping in found.items() if mapping}


def _only(side: Mapping[str, Names], kept: Sequence[str]) -> dict[str, dict[str, str]]:
    found = {
        source: {theirs: ours for theirs, ours in names.items() if ours in kept}
        for source, names in side.items()
    }
    return {source: names for source, names in found.items() if names}


def _stranger(start: str, label: str, known: Sequence[str]) -> ConfigError:
    hint = did_you_mean(label, known)
    return ConfigError(
        f"{start} '{label}', which is not a class of these data.{hint} Known: {', '.join(known)}."
    )


def regroup(
    benchmark: Benchmark, own: OwnClassMap | None = None, classes: Sequence[str] | None = None
) -> tuple[Benchmark, Rows]:
    """Apply a user's class map and choice of classes; images of no class are left out.

    Args:
        benchmark: Not split yet.
        own: ``data.class_map``, which must name the benchmark's own classes.
        classes: ``data.classes``.

    Returns:
        The benchmark of these classes, and the rows of each side that it kept.

    Raises:
        ConfigError: If a class is not there, or the map names publishers' sources.
        DataError: If a class is left without an image on one side.
    """
    sides: dict[Modality, SceneSet] = {"ms": benchmark.ms, "rgb": benchmark.rgb}
    if own is None and classes is None:
        return benchmark, {side: np.arange(len(scenes)) for side, scenes in sides.items()}
    for side in sides:
        named = [source for source in (own.side(side) if own else ()) if source]
        if named and own is not None:
            raise ConfigError(
                f"data.class_map={own.where} names the sources {', '.join(named)}, but "
                f"{benchmark.name} is put together already; map its own classes "
                f"({', '.join(benchmark.classes)}) under '{side}'."
            )
    chosen = choose_classes(class_map_of(benchmark.name, benchmark.classes), own, classes)
    rows: dict[Modality, NDArray[np.int64]] = {}
    for side, scenes in sides.items():
        labels, rows[side] = _relabelled(
            scenes, benchmark.classes, chosen.side(side)[""], chosen.classes
        )
        sides[side] = _taken(scenes, rows[side], labels)
        counts = sides[side].class_counts(classes=len(chosen.classes))
        empty = [label for label, count in zip(chosen.classes, counts, strict=True) if not count]
        if empty:
            raise DataError(
                f"{benchmark.name} has no {side.upper()} image of {', '.join(empty)}; both sides "
                "must have every class. Leave it out of data.classes or data.class_map."
            )
    regrouped = replace(benchmark, classes=chosen.classes, ms=sides["ms"], rgb=sides["rgb"])
    return regrouped, rows


def class_map_of(name: str, classes: Sequence[str]) -> ClassMap:
    """The class map of images that are of these classes already, from one source without a name."""
    same = {label: label for label in classes}
    return ClassMap(name, tuple(classes), {"": same}, {"": same}, {})


def partial_by_choice(
    benchmark: Benchmark, own: OwnClassMap | None, classes: Sequence[str] | None
) -> Benchmark:
    """Mark a published benchmark as partial where the user chose other classes than its own."""
    if own is None and classes is None:
        return benchmark
    reasons = [f"with the classes of {own.where}"] if own is not None else []
    if classes is not None:
        reasons.append(f"with the classes {', '.join(benchmark.classes)} alone")
    before = benchmark.notes.get("partial_reasons", [])
    notes = {**benchmark.notes, "partial": True, "partial_reasons": [*before, *reasons]}
    return replace(benchmark, notes=notes)


def _relabelled(
    scenes: SceneSet, old: Sequence[str], names: Mapping[str, str], new: Sequence[str]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The labels in other classes, of the rows that keep one."""
    table = np.zeros((len(old), len(new)), dtype=np.bool_)
    for theirs, ours in names.items():
        table[list(old).index(theirs), list(new).index(ours)] = True
    marks = scenes.labels @ table if scenes.multilabel else table[scenes.labels]
    rows = np.flatnonzero(marks.any(axis=1)).astype(np.int64)
    labels = marks[rows] if scenes.multilabel else marks[rows].argmax(axis=1).astype(np.int64)
    return labels, rows


def _taken(scenes: SceneSet, rows: NDArray[np.int64], labels: NDArray[Any]) -> SceneSet:
    images: Images = scenes.images
    if len(rows) < len(scenes):
        if isinstance(images, np.ndarray):
            images = np.ascontiguousarray(images[rows])
        else:
            images = ChosenRows(images, rows)
    return replace(
        scenes,
        images=images,
        labels=labels,
        files=scenes.files[rows],
        scene_ids=scenes.scene_ids[rows],
        split=scenes.split[rows],
    )
