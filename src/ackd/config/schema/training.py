"""How a stage that trains a network does so: length, optimizer, schedule, early stop, average."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveInt,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic_core import InitErrorDetails

__all__ = [
    "SWITCHES",
    "EMAConfig",
    "EarlyStoppingConfig",
    "Name",
    "PositiveFloat",
    "SchedulerConfig",
    "Section",
    "TrainingConfig",
]

PositiveFloat = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """A closed group of options: no other key is allowed, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SchedulerConfig(Section):
    """How the learning rate changes; a name alone stands for ``{name: NAME}``.

    ``_target_`` names a class of schedules instead, and whatever stands beside it are its
    arguments. An option that is null has the value that the schedule says.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    name: Literal["none", "cosine", "step", "poly", "warmup_cosine"] = "none"
    warmup_epochs: NonNegativeFloat | None = None
    step_size: PositiveInt | None = None
    milestones: Annotated[list[PositiveInt], Field(min_length=1)] | None = None
    gamma: Annotated[float, Field(gt=0, le=1)] | None = None
    power: PositiveFloat | None = None
    min_lr: NonNegativeFloat | None = None
    target: Annotated[str, Field(min_length=1)] | None = Field(default=None, alias="_target_")

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, value: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        value = {"name": value} if isinstance(value, str) else value
        given = dict(value) if isinstance(value, Mapping) else {}
        if given.get("_target_") is not None:
            return build(given)  # a class that does not know an argument says so
        strangers = [
            InitErrorDetails(type="extra_forbidden", loc=(str(key),), input=given[key])
            for key in given if key not in {*cls.model_fields, "_target_"} or key == "target"
        ]  # fmt: skip
        if strangers:
            raise ValidationError.from_exception_data(cls.__name__, strangers)
        return build(value)

    @property
    def is_on(self) -> bool:
        """Whether the learning rate changes at all."""
        return self.target is not None or self.name != "none"

    @property
    def given(self) -> dict[str, Any]:
        """The parameters that have a value, under their own names."""
        own = {key: getattr(self, key) for key in PARAMETERS if getattr(self, key) is not None}
        return own | (self.__pydantic_extra__ or {})

    @model_serializer(mode="plain")
    def _only_what_counts(self) -> dict[str, Any]:
        """What identifies the schedule."""
        named = {"name": self.name} if self.target is None else {"_target_": self.target}
        return named | self.given


class EarlyStoppingConfig(Section):
    """When a stage ends before ``max_epochs``; it does not as long as ``patience`` is None.

    ``monitor`` is a logged value, None for the one that chooses the epoch. ``mode`` None is min for
    a loss and max for anything else.
    """

    patience: PositiveInt | None = None
    min_delta: NonNegativeFloat = 0.0
    monitor: Name | None = None
    mode: Literal["min", "max"] | None = None

    @property
    def is_on(self) -> bool:
        """Whether a stage may end early at all."""
        return self.patience is not None


class EMAConfig(Section):
    """The exponential moving average of a stage's weights; none as long as ``decay`` is None."""

    decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    warmup: bool = False

    @property
    def is_on(self) -> bool:
        """Whether there is one."""
        return self.decay is not None


# Sections of a stage that are off as long as one of their options is null.
SWITCHES = {"early_stopping": "patience", "ema": "decay"}

OFF = {"label_smoothing": 0.0, "class_weights": "none"}

# Which schedule reads which of its parameters.
READS = {
    "none": (),
    "cosine": ("warmup_epochs", "min_lr"),
    "warmup_cosine": ("warmup_epochs", "min_lr"),
    "poly": ("warmup_epochs", "power", "min_lr"),
    "step": ("warmup_epochs", "step_size", "milestones", "gamma", "min_lr"),
}
PARAMETERS = ("warmup_epochs", "step_size", "milestones", "gamma", "power", "min_lr")


class TrainingConfig(Section):
    """How long and with what a stage is trained."""

    max_epochs: PositiveInt
    batch_size: Annotated[int, Field(ge=2)]
    optimizer: dict[str, Any]
    scheduler: SchedulerConfig = SchedulerConfig()
    early_stopping: EarlyStoppingConfig = EarlyStoppingConfig()
    ema: EMAConfig = EMAConfig()

    @model_serializer(mode="wrap")
    def _without_what_is_off(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Options of a later version that are off leave runs and stages what they were."""
        content: dict[str, Any] = dump(self)
        for name in ("scheduler", *SWITCHES):
            if not getattr(self, name).is_on:
                del content[name]
        for name, off in OFF.items():
            if content.get(name, "") == off:
                del content[name]
        return content
