"""The numbers of the paper, and whether ours may stand beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from ackd.report.conditions import Condition, DataSet
from ackd.report.model import Cell, Row

__all__ = ["MARK", "Reference", "is_published", "published_row", "reference"]

MARK = "†"
R_R = "R/R"


@cache
def _content() -> dict[str, Any]:
    text = files("ackd.report").joinpath("published.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


@dataclass(frozen=True)
class Reference:
    """The published numbers of one benchmark.

    Attributes:
        benchmark: Its name in the paper's tables.
        obstacles: Why ours cannot be compared with them; empty where they can.
    """

    benchmark: str
    obstacles: tuple[str, ...]

    @property
    def mark(self) -> str:
        """What marks numbers that are for reference only."""
        return f" {MARK}" if self.obstacles else ""

    @property
    def note(self) -> str:
        """The sentence that belongs below a table with published rows."""
        source = "Published: arXiv:2511.08901, as printed there, without spread."
        if not self.obstacles:
            return source
        return (
            f"{MARK} {source} For reference only, not comparable with ours: "
            + "; ".join(self.obstacles) + "."
        )  # fmt: skip

    def table(self, number: int) -> Any:
        """A table's numbers for this benchmark; empty where the paper has none."""
        return _content()[f"table{number}"].get(self.benchmark, {})

    @staticmethod
    def by_metric(values: Sequence[float]) -> list[dict[str, float]]:
        """Part a row that has all metrics for one condition after another."""
        names = _content()["metrics"]
        return [
            dict(zip(names, values[i : i + len(names)], strict=True))
            for i in range(0, len(values), len(names))
        ]

    def methods(self, networks: str) -> dict[str, float]:
        """Table 4: OA by method for one pair of networks."""
        column = _content()["table4_networks"].index(networks)
        return {method: values[column] for method, values in self.table(4).items()}


def is_published(name: object) -> bool:
    """Whether the paper has a benchmark of this name."""
    return name in _content()["table3"]


def reference(data: DataSet) -> Reference | None:
    """Find the published numbers for a data set; None where the paper has none for it."""
    name = data.about.get("name")
    if not is_published(name) or data.about.get("class_map", name) != name:
        return None
    if data.task.selected_by != _content()["metrics"][0]:
        return None  # other labels of the same images
    obstacles = []
    if data.about.get("partial"):
        obstacles.append("our copy of the data set is partial" + _how_partial(data))
    if data.about.get("protocol") != "paper":
        obstacles.append(
            f"protocol={data.about.get('protocol')} reports images that chose no epoch, the "
            "published ones chose it"
        )
    others = sorted(
        {
            name
            for condition in data.conditions
            for name in condition.networks
            if name and name not in _content()["networks"]
        }
    )
    if others:
        obstacles.append(f"other networks ({', '.join(others)}); published: ResNet34 to ResNet34")
    return Reference(str(name), tuple(obstacles))


def _how_partial(data: DataSet) -> str:
    counts = data.about.get("counts", {})
    parts = []
    for side in ("ms", "rgb"):
        found, paper = (counts.get(key, {}).get(side, {}) for key in ("used", "paper"))
        if found and paper:
            parts.append(f"{sum(found.values())} of {sum(paper.values())} {side.upper()} images")
    return f" ({', '.join(parts)})" if parts else ""


def pair_of(condition: Condition, student_alone: bool = False) -> str:
    """Networks as the paper writes them, e.g. ``R/S``; ``R/R`` stands in for any other pair."""
    names = _content()["networks"]
    teacher, student = condition.networks
    if student_alone:
        teacher = student
    pair = f"{names.get(teacher)}/{names.get(student)}"
    return pair if pair in _content()["table4_networks"] else R_R


def published_row(found: Reference, label: str, values: list[float | None], *, words: int) -> Row:
    """A row of published numbers.

    Args:
        found: Says how they are marked.
        label: Of the row.
        values: None where the paper has no number.
        words: How many cells, the first one included, come before the numbers.
    """
    head = [Cell(f"published, {label}{found.mark}"), *([Cell("")] * (words - 1))]
    cells = [Cell("–") if value is None else Cell(f"{value:.1f}", value) for value in values]
    return Row((*head, *cells), published=True)
