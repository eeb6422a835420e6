"""Which condition is held against which."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ackd.report.conditions import SWITCHES, USUAL, Condition, DataSet

__all__ = ["Slice", "agree", "baseline_of", "main_variants", "plain_of", "slices", "switched"]

# What makes a method a method, and so differs between two of them.
OF_THE_METHOD = ("method", "kd", "matching", "dynm", "planner", "ska", "loss.lambda2", "matcher")


@dataclass(frozen=True)
class Slice:
    """Conditions that differ in one option alone, sorted by its value."""

    option: str
    rest: str
    conditions: tuple[Condition, ...]

    @property
    def values(self) -> list[Any]:
        """The option's values."""
        return [condition.settings[self.option] for condition in self.conditions]


def baseline_of(data: DataSet, condition: Condition) -> Condition | None:
    """The student alone, with the same network and training."""
    return _partner(data, condition, "baseline", without=(*OF_THE_METHOD, "loss", "teacher"))


def plain_of(data: DataSet, condition: Condition) -> Condition | None:
    """The same distillation losses without SemBridge."""
    return _partner(data, condition, "kd", without=OF_THE_METHOD)


def _partner(
    data: DataSet, condition: Condition, method: str, without: tuple[str, ...]
) -> Condition | None:
    if condition.method == method:
        return None
    for other in data.conditions:
        same_kd = method == "baseline" or other.kd == condition.kd
        if other.method == method and same_kd and agree(condition, other, without):
            return other
    return None


def agree(one: Condition, other: Condition, without: tuple[str, ...]) -> bool:
    """Whether two conditions share the values of all options that both have.

    Args:
        one: Of them.
        other: Of them.
        without: Options and sections that may differ.
    """
    common = one.settings.keys() & other.settings.keys()
    return all(
        one.settings[name] == other.settings[name]
        for name in common
        if not any(name == group or name.startswith(f"{group}.") for group in without)
    )


def main_variants(data: DataSet) -> list[Condition]:
    """Leave out what other tables show: of variants in the paper's options the most usual stays."""
    best: dict[tuple[str, ...], int] = {}
    keys = {}
    for condition in data.conditions:
        others = condition.rest(*USUAL)
        key = (condition.method, condition.kd, *condition.networks, others)
        keys[id(condition)] = key
        best[key] = min(best.get(key, condition.unusual), condition.unusual)
    return [c for c in data.conditions if c.unusual == best[keys[id(c)]]]


def slices(data: DataSet, option: str) -> list[Slice]:
    """Find all conditions that differ in ``option`` alone, for at least two of its values."""
    if option in SWITCHES:
        return switched(data, (option,), option)
    groups: dict[str, list[Condition]] = defaultdict(list)
    for condition in data.conditions:
        if option in condition.settings:
            groups[_without(condition.settings, option)].append(condition)
    found = []
    for group in groups.values():
        if len({str(condition.settings[option]) for condition in group}) > 1:
            ordered = sorted(group, key=lambda condition: _order(condition.settings[option]))
            first = ordered[0]
            rest = first.rest(option)
            title = first.title + (f" · {rest}" if rest else "")
            found.append(Slice(option, title, tuple(ordered)))
    return found


def switched(data: DataSet, switches: tuple[str, ...], option: str) -> list[Slice]:
    """Find conditions that agree with a usual one in all but some switches.

    What has no effect with a part switched off (the Planner's heads without L_ot1) is told of one
    side alone, and so only options that both sides have are held against each other.

    Args:
        data: Where to look.
        switches: Options that may differ; the first condition of a slice has their usual values.
        option: The one that the slice is named after.
    """
    found = []
    for full in data.conditions:
        if any(full.settings.get(name) != USUAL[name] for name in switches):
            continue
        others = [
            other
            for other in data.conditions
            if other is not full and other.method == full.method
            and all(name in other.settings for name in switches)
            and agree(full, other, switches)
        ]  # fmt: skip
        if others:
            found.append(Slice(option, full.label, (full, *others)))
    return found


def _without(settings: Mapping[str, Any], option: str) -> str:
    kept = {name: value for name, value in settings.items() if name != option}
    if option == "loss.lambda1":
        kept.pop("loss.lambda2", None)  # 1 - lambda1 unless it is given
    return json.dumps(kept, sort_keys=True, default=str)


def _order(value: Any) -> tuple[float, str]:
    number = isinstance(value, int | float)
    return (float(value) if number else 0.0, str(value))
