from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from ackd.stages.stage import Done, KeptStage
from ackd.utils.io import read_json, write_json
from tests.stages.toy_program.context import ToyContext


class Base(KeptStage[int]):
    name = "base"

    def __init__(self, value: int) -> None:
        self.value = value

    @classmethod
    def of(cls, context: ToyContext, done: Done) -> Self:
        assert context.config.extra is not None
        return cls(context.config.extra)

    def shaped_by(self) -> dict[str, Any]:
        return {"value": self.value}

    def train(self, folder: Path, *, resume: bool) -> None:
        write_json(folder / "metrics.json", {"seconds": 1.0, "value": self.value})

    def load(self, folder: Path) -> int:
        return int(read_json(folder / "metrics.json")["value"])
