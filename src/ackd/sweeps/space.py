"""What a search varies, and how: the options of ``search.*``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from ackd.config.messages.values import refused_values
from ackd.config.programs import TRAIN, Program
from ackd.errors import ConfigError

__all__ = ["Range", "SearchOptions", "read_search"]

# Options of search.* that are the pool's.
POOL = ("devices", "slots", "threads")


class Range(BaseModel):
    """Numbers from ``low`` to ``high``, both included; whole ones where both ends are.

    Attributes:
        low: The least.
        high: The greatest.
        step: From one to the next; None: any (whole numbers: 1).
        log: Whether small ones are tried as often as large ones, by their logarithm.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    low: int | float
    high: int | float
    step: Annotated[int | float, Field(gt=0)] | None = None
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low >= self.high:
            raise ValueError(f"low={self.low} below high={self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log=true with low above 0 and without a step")
        return self


class SearchOptions(BaseModel):
    """How a search goes.

    Attributes:
        space: Option -> a list of values, or a :class:`Range`.
        trials: How many runs, all attempts at this search together; pruned ones count.
        metric: A column of ``metrics.csv``, of validation images; empty for the one that chooses
            the student's epoch.
        direction: Whether more of it is better; None for what the metric's task says, and
            ``minimize`` for a loss.
        seed: Of the sampler.
        startup: Runs that are drawn at random and never pruned, before the sampler has learnt.
        warmup_epochs: No run is pruned before this epoch.
        prune: Whether runs that fall behind the median of the earlier ones are ended.
        study: The journal that keeps it all; None: beside the runs, by what is searched.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    space: Annotated[dict[str, list[str | bool | int | float] | Range], Field(min_length=1)]
    trials: PositiveInt = 20
    metric: str = ""
    direction: Literal["maximize", "minimize"] | None = None
    seed: NonNegativeInt = 0
    startup: NonNegativeInt = 5
    warmup_epochs: NonNegativeInt = 5
    prune: bool = True
    study: Path | None = None

    def settled(self, program: Program = TRAIN) -> SearchOptions:
        """Fill in metric and direction where they were not given, with those of a program."""
        from ackd.tasks import mode_of  # late: it loads PyTorch, for which --help need not wait

        task = program.scores
        metric = self.metric or task.monitor
        if self.direction is not None:
            return self.model_copy(update={"metric": metric})
        direction = {"max": "maximize", "min": "minimize"}[mode_of(metric, task)]
        return self.model_copy(update={"metric": metric, "direction": direction})


def read_search(
    words: list[str], program: Program = TRAIN
) -> tuple[SearchOptions, dict[str, Any], list[str]]:
    """Part the words of ``python -m ackd.search``.

    Args:
        words: E.g. ``["search.trials=20", "search.space={planner.heads: [2, 4]}", "seed=1"]``.
        program: Whose runs are searched.

    Returns:
        The options of the search; those of the pool (``search.slots`` and so on) as they were
        given; and the overrides that all runs share.

    Raises:
        ConfigError: A name or a value cannot be.
    """
    given: dict[str, Any] = {}
    shared = []
    for word in words:
        key, found, text = word.partition("=")
        if not found or not key.startswith("search."):
            shared.append(word)
            continue
        try:
            given[key.removeprefix("search.")] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(
                f"{key}={text} cannot be read; write it as YAML, in quotes: "
                "'search.space={loss.lambda1: {low: 0.0, high: 1.0}, planner.heads: [2, 4, 8]}'"
            ) from error
    pool: dict[str, Any] = {name: given.pop(name) for name in POOL if name in given}
    if str(given.get("metric", "")).startswith("test/"):
        measured = ", ".join(f"val/{metric.name}" for metric in program.scores.metrics)
        raise ConfigError(
            f"search.metric={given['metric']} would choose by the test images, whose numbers mean "
            f"nothing afterwards; use a metric of the validation images: {measured} or val/loss."
        )
    if "space" not in given:
        raise ConfigError(
            "Say what to search, e.g. 'search.space={loss.lambda1: {low: 0.0, high: 1.0}, "
            "planner.heads: [2, 4, 8]}'."
        )
    try:
        return SearchOptions.model_validate(given), pool, shared
    except ValidationError as error:
        raise ConfigError("\n".join(_sentences(error, given))) from error


def _sentences(error: ValidationError, given: dict[str, Any]) -> list[str]:
    found, others = [], []
    for item in error.errors(include_url=False):
        place = [str(part) for part in item["loc"]]
        if place[:1] == ["space"] and len(place) > 1:
            expected = (
                "a list of values, or {low: 0.0, high: 1.0} with low below high and, if need be, "
                "step or log: true (low above 0)"
            )
            value = given["space"][place[1]]
            found.append(f"search.space.{place[1]}={value} is not valid: expected {expected}.")
        else:
            others.append(item | {"loc": ("search", *item["loc"])})
    known = [f"search.{name}" for name in (*SearchOptions.model_fields, *POOL)]
    return [*dict.fromkeys(found), *refused_values(others, {"search": given}, known)]
