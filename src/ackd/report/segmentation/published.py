"""The numbers of the paper's Table 2, and why ours are not to be compared with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from ackd.report.conditions import DataSet
from ackd.report.model import Cell, blank
from ackd.report.published import MARK
from ackd.report.segmentation.rows import TableRow
from ackd.report.segmentation.words import seen_of, share

__all__ = ["SUSPECT", "Table2", "table2"]

SUSPECT = "‡"


@cache
def _content() -> dict[str, Any]:
    text = files("ackd.report.segmentation").joinpath("published.yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


@dataclass(frozen=True)
class Table2:
    """The published IoU of buildings.

    Attributes:
        obstacles: Why ours cannot be compared with them; empty where they can.
    """

    obstacles: tuple[str, ...]

    @property
    def mark(self) -> str:
        """What marks numbers that are for reference only."""
        return f" {MARK}" if self.obstacles else ""

    def has(self, network: str) -> bool:
        """Whether a network is one of the paper's."""
        return network in _content()["networks"]

    def value(self, row: TableRow, network: str) -> float | None:
        """The IoU in percent; None where the paper has none."""
        values = _content()["table2"].get(row.name)
        return values[_content()["networks"].index(network)] if values else None

    def cell(self, row: TableRow, network: str) -> Cell:
        """The same as a cell, with a mark where it contradicts something else in the paper."""
        value = self.value(row, network)
        if value is None:
            return blank()
        doubt = f" {SUSPECT}" if self._doubts(row, network) else ""
        return Cell(f"{value:.2f}{doubt}", value)

    def notes(self, rows: Iterable[TableRow], networks: Iterable[str]) -> list[str]:
        """The sentences that belong below a table that shows some of its cells."""
        content, networks = _content(), list(networks)
        source = f"Published: {content['source']}, one training each, without spread."
        if self.obstacles:
            source = (
                f"{MARK} {source} For reference only, not comparable with ours: "
                + "; ".join(self.obstacles) + "."
            )  # fmt: skip
        doubts = [
            f"{row.title}, {network}: {why}"
            for row in rows for network in networks for why in self._doubts(row, network)
        ]  # fmt: skip
        if not doubts:
            return [source]
        return [source, f"{SUSPECT} Contradicts something else in the paper. {'; '.join(doubts)}."]

    @staticmethod
    def _doubts(row: TableRow, network: str) -> list[str]:
        return [
            str(entry["why"]) for entry in _content()["suspect"]
            if row.name == entry["row"] and network in entry["networks"]
        ]  # fmt: skip


def table2(data: DataSet) -> Table2 | None:
    """Find the published numbers for a data set; None where they are of another class."""
    content = _content()
    classes = [str(name) for name in data.about.get("classes") or ()]
    if len(classes) != 2 or classes[1] != content["class"]:
        return None
    obstacles = []
    if data.about.get("name") != content["data"]:
        obstacles.append(f"another data set ({content['data']})")
    seen, ours = content["test_ground_seen_in_training"], seen_of(data)
    if ours is None or abs(ours - seen) > 0.01:
        here = "an unknown share" if ours is None else share(ours)
        obstacles.append(
            f"a {content['split']} split, in which {share(seen)} of the test ground lies in "
            f"training tiles (of ours: {here})"
        )
    return Table2(tuple(obstacles))
