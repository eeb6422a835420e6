from __future__ import annotations

from typing import Self

from ackd.stages.stage import Done, Stage, StageResult, Workplace
from tests.stages.toy_program.base import Base
from tests.stages.toy_program.context import ToyContext


class Student(Stage[int]):
    name = "student"
    requires = ("base",)

    def __init__(self, value: int) -> None:
        self.value = value

    @classmethod
    def of(cls, context: ToyContext, done: Done) -> Self:
        return cls(context.config.seed + (done.product(Base) or 0))

    def run(self, work: Workplace) -> StageResult[int]:
        return StageResult(self.value, {"student": 0.5}, {"sum": self.value, "best_epoch": 0})
