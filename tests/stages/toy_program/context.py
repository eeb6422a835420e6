"""A program of two stages that add numbers: the least that the machinery takes for one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from ackd.config.schema import PlannedStage, RunConfig, Section, TrainingConfig
from ackd.config.schema.data import Mark, PathText
from ackd.stages.stage import Context

__all__ = ["ToyConfig", "ToyContext", "open_context"]


class NumbersConfig(Section):
    name: str = "numbers"
    file: Annotated[PathText | None, Mark.IMAGES] = None


class BaseConfig(TrainingConfig):
    seed: int = 0


class ToyConfig(RunConfig):
    PLAN = (
        PlannedStage("base", lambda config: config.extra is not None, side="all"),
        PlannedStage("student", lambda config: True, side="all", kept=False),
    )
    STAGES = "tests.stages.toy_program"
    TASK = "toy"
    DATA = ("numbers",)

    task: str
    base: BaseConfig
    student: TrainingConfig
    data: NumbersConfig
    extra: Annotated[int, Field(ge=0)] | None = None

    def network_name(self, stage: str) -> str:
        return f"adder of the {stage}"


@dataclass(frozen=True)
class ToyContext(Context):
    config: ToyConfig

    @property
    def fingerprints(self) -> Mapping[str, str]:
        return {"all": "1"}

    @property
    def notes(self) -> Mapping[str, Any]:
        return {}

    def describe(self) -> dict[str, Any]:
        return {"kd": [], "data": {"name": "numbers", "classes": []}, "protocol": "none"}

    def introduce(self) -> None:
        pass


def open_context(config: ToyConfig, chosen: Collection[str] = ()) -> ToyContext:
    del chosen
    return ToyContext(config)
