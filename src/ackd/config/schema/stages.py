"""The stages of a run: which there are, when each is needed, and how each is trained.

What a stage does is in the file of its name in ``ackd.stages``. Its name and its options are here,
and whatever else lists stages (``until``, ``force``, the seconds of a result, the columns of a
report) is made from :data:`PLAN`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveInt,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic_core import InitErrorDetails

from ackd.config.schema.data import Mark, PathText, Seed

if TYPE_CHECKING:
    from ackd.config.schema.run import Config

__all__ = [
    "PLAN",
    "SWITCHES",
    "BackboneConfig",
    "CallbackConfig",
    "ClassifierConfig",
    "EMAConfig",
    "EarlyStoppingConfig",
    "MatcherConfig",
    "Name",
    "PlannedStage",
    "PositiveFloat",
    "SchedulerConfig",
    "Section",
    "StagesConfig",
    "StudentConfig",
    "TeacherConfig",
    "TrainingConfig",
    "kept_stages",
    "timed",
    "trained_stages",
]

PositiveFloat = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class PlannedStage:
    """A stage as options, results and reports know it.

    Attributes:
        name: Of its file in ``ackd.stages``, of its folder among the artifacts, in ``force``, and
            of the options of a stage that trains a network.
        needed: Whether a run that is not stopped earlier has it.
        side: The images that it is trained, validated and tested on.
        trains: Whether it trains a network, so that it has options and may be the last one.
        kept: Whether finished ones are stored among the artifacts and used by other runs.
        seconds: What it times, as result.json calls it, with a title; by default the stage itself.
    """

    name: str
    needed: Callable[[Config], bool]
    side: Literal["ms", "rgb"] = "ms"
    trains: bool = True
    kept: bool = True
    seconds: Mapping[str, str] = field(default_factory=dict)


#: Every stage, in the order in which a run goes through them.
PLAN = (
    PlannedStage("teacher", lambda config: config.distils),
    PlannedStage("matcher", lambda config: config.needs_matcher),
    PlannedStage(
        "store", lambda config: config.distils and config.student.teacher == "stored",
        trains=False, seconds={"store": "Teacher's outputs"},
    ),
    PlannedStage(
        "pairing", lambda config: config.distils,
        trains=False, kept=False, seconds={"galleries": "Galleries"},
    ),
    PlannedStage(
        "student", lambda config: True, side="rgb", kept=False,
        seconds={"distill": "Distillation", "dynm": "of it DynM", "planner": "of it Planner"},
    ),
)  # fmt: skip


def trained_stages() -> dict[str, PlannedStage]:
    """The stages that train a network, by name."""
    return {stage.name: stage for stage in PLAN if stage.trains}


def kept_stages() -> dict[str, PlannedStage]:
    """The stages that are stored among the artifacts, by name."""
    return {stage.name: stage for stage in PLAN if stage.kept}


def timed() -> dict[str, str]:
    """What result.json has seconds of, with titles."""
    return {
        key: title
        for stage in PLAN
        for key, title in (stage.seconds or {stage.name: stage.name.capitalize()}).items()
    }


if TYPE_CHECKING:
    TrainedStage: TypeAlias = str
    KeptStage: TypeAlias = str
else:
    TrainedStage = Literal[tuple(trained_stages())]
    KeptStage = Literal[tuple(kept_stages())]


class Section(BaseModel):
    """A closed group of options: no other key is allowed, and nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BackboneConfig(Section):
    """A network: ``name`` is a paper name or any timm name.

    ``_target_`` names a class of one's own instead; whatever stands beside it are its arguments,
    and ``name`` and ``head`` have no effect. ``pretrained`` is a switch or a file of weights.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    name: str = ""
    head: Literal["paper", "stock"] = "paper"
    pretrained: bool | Annotated[PathText, Field(min_length=1)] = False
    target: Annotated[str, Field(min_length=1)] | None = Field(default=None, alias="_target_")

    @field_validator("pretrained", mode="before")
    @classmethod
    def _switch(cls, value: Any) -> Any:
        """A command line takes the values of options that may be paths as text."""
        words = {"true": True, "false": False}
        return words.get(value.lower(), value) if isinstance(value, str) else value

    @model_validator(mode="wrap")
    @classmethod
    def _arguments_need_a_target(cls, value: Any, build: ModelWrapValidatorHandler[Self]) -> Self:
        given = value if isinstance(value, Mapping) else {}
        known = {"name", "head", "pretrained", "_target_"}
        if given.get("_target_") is not None:
            # What an own network is called wherever runs are told apart.
            return build({**given, "name": given["_target_"], "head": "paper"})
        errors = [
            InitErrorDetails(type="extra_forbidden", loc=(str(key),), input=given[key])
            for key in given if key not in known
        ]  # fmt: skip
        if given and not given.get("name"):
            errors.append(InitErrorDetails(type="missing", loc=("name",), input=given))
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return build(value)

    @model_serializer(mode="wrap")
    def _only_what_counts(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The arguments of :func:`ackd.backbones.build_backbone`."""
        content: dict[str, Any] = dump(self)
        content.pop("target", None)
        if self.target is None:
            return content
        return {"_target_": self.target, **{k: content[k] for k in content if k not in _NAMED}}


_NAMED = ("name", "head")


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


class CallbackConfig(Section):
    """A callback of the user's own: its class, its arguments, and the stages that it joins."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    target: Annotated[str, Field(min_length=1, alias="_target_")]
    stages: Annotated[
        list[TrainedStage] | None,
        Field(min_length=1, alias="_stages_"),
    ] = None

    def joins(self, stage: str) -> bool:
        """Whether it takes part in a stage; in each of them where none is named."""
        return self.stages is None or stage in self.stages

    @property
    def node(self) -> dict[str, Any]:
        """The class and its arguments."""
        return {"_target_": self.target, **(self.__pydantic_extra__ or {})}

    @model_serializer(mode="plain")
    def _as_written(self) -> dict[str, Any]:
        return self.node | ({} if self.stages is None else {"_stages_": self.stages})


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
    backbone: BackboneConfig
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


class ClassifierConfig(TrainingConfig):
    """What the loss against the labels makes of them, in training."""

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Literal["none", "balanced"] | list[PositiveFloat] = "none"


class TeacherConfig(ClassifierConfig):
    """The multispectral network; cross-entropy, or binary cross-entropy for several labels."""

    seed: Seed = 0


class MatcherConfig(TrainingConfig):
    """The two encoders and projection heads of SSM, eqs 5-7."""

    seed: Seed = 0
    dim: PositiveInt = 256
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    loss: Literal["info_nce", "soft_target"] = "info_nce"
    temperature: PositiveFloat = 1.0
    unit_length: bool = True
    logit_scale: PositiveFloat = 1 / 0.07


class StudentConfig(ClassifierConfig):
    """The RGB network; its seed is the run's.

    ``augment_ms`` says whether ``data.augment`` and ``data.augmentation.ms`` also change the MS
    images that the frozen teacher looks at. If not, what it says of an image never changes, and
    ``teacher="stored"`` computes it once.
    """

    augment_ms: bool = False
    teacher: Literal["stored", "live"] = "stored"


class StagesConfig(Section):
    """The part of a configuration that says which stages a run has, and how each is trained."""

    until: Annotated[TrainedStage, Mark.LABEL]
    force: Annotated[list[KeptStage], Mark.FREE]
    teacher: TeacherConfig
    matcher: MatcherConfig
    student: StudentConfig

    @property
    def trainings(self) -> dict[str, TrainingConfig]:
        """The options of each stage that trains a network; one may be null, and is not built."""
        found = {name: getattr(self, name) for name in trained_stages()}
        return {name: options for name, options in found.items() if options is not None}
