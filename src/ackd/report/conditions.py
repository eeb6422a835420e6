"""Conditions: runs that differ in nothing but the seed, and what tells one from another.

What varies is read off the resolved configurations. Options that had no effect in a run do not tell
it apart, and options that follow from another one that varies (the alignment losses from the
method) are not told twice.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from ackd.config.location import config_dir
from ackd.config.programs import Program, stages_of_all
from ackd.report.collect import FINISHED, Run
from ackd.report.settings import settings_of
from ackd.tasks import TaskDescription
from ackd.utils.values import dig

__all__ = [
    "SWITCHES", "USUAL", "Condition", "DataSet", "data_sets", "kd_titles", "say", "short",
]  # fmt: skip

DATA = ("name", "split_seed", "fold", "class_map", "classes", "split_sizes", "sources")

# The earlier one names the difference where several options vary together.
FIRST = (
    "student.backbone.name", "teacher.backbone.name", "method", "kd", "network.name",
    "labels.fraction", "recipe", "matching.initial", "dynm.enabled", "ska.ot1", "ska.ot2",
    "loss.lambda1", "planner.heads", "dynm.gamma",
)  # fmt: skip

# The paper's values. Switches are told only where they are off.
USUAL = {
    "matching.initial": "ssm", "dynm.enabled": True, "ska.ot1": True, "ska.ot2": True,
    "dynm.gamma": 3, "planner.heads": 8, "loss.lambda1": 0.4, "recipe": "paper",
    "planner.kind": "intra", "planner.shared": False, "ska.coral": "paper",
    "ska.patches": "flatten", "dynm.e0": 30, "dynm.delta": 30, "dynm.mu": 5, "dynm.count": 4,
}  # fmt: skip
SWITCHES = ("matching.initial", "dynm.enabled", "ska.ot1", "ska.ot2", "recipe")

SHORT = {
    "student.backbone.name": "student", "teacher.backbone.name": "teacher",
    "matching.initial": "matching", "dynm.enabled": "DynM", "ska.ot1": "L_ot1",
    "ska.ot2": "L_ot2", "loss.lambda1": "λ1", "loss.lambda2": "λ2", "planner.heads": "H",
    "dynm.gamma": "γ", "dynm.e0": "e0", "dynm.delta": "Δe", "dynm.mu": "μ",
    "labels.fraction": "share of labels",
}  # fmt: skip


@cache
def kd_titles() -> dict[str, str]:
    """Titles of ackd's own distillation losses, for runs whose configuration gives none."""
    found: dict[str, str] = {}
    for path in sorted((config_dir() / "kd").glob("*.yaml")):
        entries = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        found |= {name: entry["title"] for name, entry in entries.items() if "title" in entry}
    return found


@dataclass(frozen=True)
class Condition:
    """Runs of one configuration, one a seed.

    Attributes:
        settings: All options that had an effect, by their dotted names.
        runs: Sorted by seed.
        told: The options, with their values, that tell it from others of its method.
    """

    settings: Mapping[str, Any]
    runs: tuple[Run, ...]
    told: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The method's name, e.g. ``Vanilla KD + SemBridge``."""
        if self.method == "baseline":
            return "Baseline"
        chosen = dig(self.runs[0].config, "loss.kd") or {}
        names = [
            str(dig(chosen, f"{name}.title") or kd_titles().get(name, name))
            for name in self.kd.split("+") if name
        ]  # fmt: skip
        if self.method == "sembridge":
            names.append("SemBridge")
        return " + ".join(names) or self.method

    @property
    def label(self) -> str:
        """Title and told options: what a reader sees of it."""
        return " · ".join(part for part in (self.title, self.rest()) if part)

    def rest(self, *without: str) -> str:
        """The told options less some, e.g. ``λ1=0.4 · H=8``."""
        return " · ".join(
            f"{short(name)}={say(value)}"
            for name, value in self.told.items()
            if name not in without and not (name in SWITCHES and value == USUAL[name])
        )

    @property
    def unusual(self) -> int:
        """How many of the told options have another value than the paper's."""
        return sum(USUAL.get(name, value) != value for name, value in self.told.items())

    @property
    def method(self) -> str:
        """``baseline``, ``kd`` or ``sembridge``."""
        return str(self.settings.get("method"))

    @property
    def kd(self) -> str:
        """Names of the distillation losses, joined by +; empty without one."""
        return str(self.settings.get("kd", ""))

    @property
    def networks(self) -> tuple[str, str]:
        """Backbones of teacher and student; the teacher is empty without one."""
        teacher = self.settings.get("teacher.backbone.name") or ""
        return str(teacher), str(self.settings.get("student.backbone.name"))

    def values(self, path: str) -> list[float]:
        """A number of ``result.json`` of all seeds that have it."""
        found = [run.number(path) for run in self.runs]
        return [value for value in found if value is not None]


@dataclass(frozen=True)
class DataSet:
    """The conditions that ran on the same images with the same splits.

    Attributes:
        about: The ``data`` node of ``result.json``, with ``protocol``.
        program: What trained them.
        task: What the numbers of the students are called.
        conditions: Told apart by their labels.
        varied: The options that vary, in the order that they are shown.
        together: Options that vary as well, but follow from those.
        repeats: Runs left out, because a later one has the same configuration and seed.
    """

    about: Mapping[str, Any]
    program: Program
    task: TaskDescription
    conditions: tuple[Condition, ...]
    varied: tuple[str, ...]
    together: tuple[str, ...]
    repeats: tuple[Run, ...]


def data_sets(runs: Sequence[Run]) -> list[DataSet]:
    """Group the finished runs that measured what they are about, the largest data set first."""
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.state == FINISHED and dig(run.result, f"{run.side}.metrics"):
            data = dig(run.result, "data") or {}
            same = [dig(data, key) for key in DATA] + [run.result.get("protocol"), run.images]
            same += [run.task.name, run.program.module]
            groups[json.dumps(same, sort_keys=True, default=str)].append(run)
    found = [_data_set(group) for group in groups.values()]
    return sorted(found, key=lambda data: -sum(len(c.runs) for c in data.conditions))


def _data_set(runs: Sequence[Run]) -> DataSet:
    groups: dict[str, dict[int, Run]] = defaultdict(dict)
    settings: dict[str, dict[str, Any]] = {}
    repeats = []
    # Other stages may have a seed each; where it goes along with the run's it is not an option.
    seeds_follow = {
        key for key in (f"{stage}.seed" for stage in stages_of_all("trained"))
        if all(dig(run.config, key) == run.seed for run in runs)
    }  # fmt: skip
    for run in sorted(runs, key=lambda run: run.written):
        chosen = settings_of(run.config, run.result)
        chosen = {
            k: v for k, v in chosen.items() if k not in seeds_follow and not k.startswith("data.")
        } | {k: v for k, v in chosen.items() if k.startswith("data.") and not _told_by_images(k)}
        key = json.dumps(chosen, sort_keys=True, default=str)
        settings[key] = chosen
        if run.seed in groups[key]:
            repeats.append(groups[key][run.seed])
        groups[key][run.seed] = run
    varied, together = _varied(list(settings.values()))
    conditions = []
    for key, by_seed in groups.items():
        chosen = settings[key]
        ordered = tuple(by_seed[seed] for seed in sorted(by_seed))
        told = _told(chosen, varied, list(settings.values()))
        conditions.append(Condition(chosen, ordered, told))
    conditions.sort(key=lambda c: [_rank(name, c.settings.get(name)) for name in varied])
    about = dict(dig(runs[0].result, "data") or {}) | {"protocol": runs[0].result.get("protocol")}
    task = runs[0].task.joined(run.task for run in runs[1:])
    return DataSet(
        about, runs[0].program, task, tuple(conditions), varied, together, tuple(repeats)
    )


def _told_by_images(key: str) -> bool:
    return key in ("data.name", "data.split_seed", "data.fold", "data.protocol", "data.sources")


def _varied(settings: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Options with several values, less those that follow from earlier ones."""
    names = {name for chosen in settings for name in chosen}
    order = [name for name in FIRST if name in names] + sorted(names - set(FIRST))
    varied: list[str] = []
    together: list[str] = []
    for name in order:
        if len({_key(chosen[name]) for chosen in settings if name in chosen}) < 2:
            continue  # one value, and where it is absent it had no effect
        images: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for chosen in settings:
            if name in chosen:
                images[tuple(_key(chosen.get(key)) for key in varied)].add(_key(chosen[name]))
        follows = all(len(values) == 1 for values in images.values()) and bool(varied)
        (together if follows else varied).append(name)
    return tuple(varied), tuple(together)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _rank(name: str, value: Any) -> tuple[int, float, str]:
    """Baseline before kd before SemBridge, numbers by size, then words."""
    if name == "method":
        methods = ("baseline", "kd", "sembridge")
        return (0, methods.index(value) if value in methods else len(methods), str(value))
    if isinstance(value, bool):
        return (0, -float(value), "")
    if isinstance(value, int | float):
        return (1, float(value), "")
    return (2, 0.0, str(value or ""))


def _told(
    chosen: Mapping[str, Any], varied: Sequence[str], everyone: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The varied options that this configuration has and that vary within its method."""
    peers = [other for other in everyone if other.get("method") == chosen.get("method")]
    return {
        name: chosen[name]
        for name in varied
        if name not in ("method", "kd") and name in chosen
        and len({_key(other[name]) for other in peers if name in other}) > 1
    }  # fmt: skip


def short(name: str) -> str:
    """An option as it is written in a table's head: the paper's symbol where it has one."""
    return SHORT.get(name, name)


def say(value: Any) -> str:
    """An option's value as a reader expects it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ",".join(say(item) for item in value)
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
