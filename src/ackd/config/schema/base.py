"""What the configuration of every program has: its stages, and what does not depend on them.

A program is one command that trains, such as ``python -m ackd.train``; which there are is the table
in :mod:`ackd.config.programs`. Its configuration is a subclass of :class:`RunConfig` with a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
)
from pydantic_core import InitErrorDetails, PydanticKnownError

from ackd.config.schema.data import Mark, PathText, Seed
from ackd.config.schema.training import Name, Section, TrainingConfig

__all__ = [
    "CallbackConfig",
    "ExecutionConfig",
    "LoaderConfig",
    "LoggerConfig",
    "PlannedStage",
    "RunConfig",
    "WandbConfig",
]


@dataclass(frozen=True)
class PlannedStage:
    """A stage as options, results and reports know it.

    Attributes:
        name: Of its file in the program's package of stages, of its folder among the artifacts, in
            ``force``, and of the options of a stage that trains a network.
        needed: Whether a run with this configuration that is not stopped earlier has it.
        side: The images that it is trained, validated and tested on.
        trains: Whether it trains a network, so that it has options and may be the last one.
        kept: Whether finished ones are stored among the artifacts and used by other runs.
        seconds: What it times, as result.json calls it, with a title; by default the stage itself.
        options: The file with its options in the program's folder of configurations, without its
            ending; ``NAME/default`` by default.
    """

    name: str
    needed: Callable[[Any], bool]
    side: str
    trains: bool = True
    kept: bool = True
    seconds: Mapping[str, str] = field(default_factory=dict)
    options: str = ""


class CallbackConfig(Section):
    """A callback of the user's own: its class, its arguments, and the stages that it joins."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    target: Annotated[str, Field(min_length=1, alias="_target_")]
    stages: Annotated[list[str] | None, Field(min_length=1, alias="_stages_")] = None

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


class LoaderConfig(Section):
    """Worker processes of the DataLoaders; ``timeout`` is in seconds, 0 waits without end."""

    num_workers: NonNegativeInt = 0
    timeout: NonNegativeInt = 600
    pin_memory: bool = False
    prefetch_factor: PositiveInt | None = None


class ExecutionConfig(Section):
    """How networks are computed, which changes their numbers by rounding only.

    ``memory_format=auto`` is channels_last on the CPU and torch's own default elsewhere.
    """

    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"
    compile: bool = False


class WandbConfig(Section):
    """Weights & Biases; without a ``name`` a run is called after method and seed."""

    project: str = "ackd"
    entity: str | None = None
    mode: Literal["auto", "online", "offline", "disabled"] = "auto"
    group: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    name: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    tags: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(default_factory=list)
    pictures: bool = True


class TensorBoardConfig(Section):
    """TensorBoard writes into the run folder."""

    pictures: bool = True


class LoggerConfig(Section):
    """Loggers beside metrics.csv."""

    wandb: WandbConfig | None = None
    tensorboard: TensorBoardConfig | None = None


class RunConfig(Section):
    """What every run has; a program adds its data and the options of its stages.

    Attributes:
        PLAN: The stages, in the order in which a run goes through them. The last one that trains is
            ``student``, which is trained in the run folder.
        STAGES: The package with a file for each of them, and ``context``, which has
            ``open_context(config, chosen)``.
        TASK: The value of ``task`` in its configuration; None where there is no such key.
        DATA: The values of ``data.name``.
    """

    PLAN: ClassVar[tuple[PlannedStage, ...]]
    STAGES: ClassVar[str]
    TASK: ClassVar[str | None] = None
    DATA: ClassVar[tuple[str, ...]] = ()

    name: Annotated[Name, Mark.LABEL]
    method: Name
    recipe: Name
    seed: Seed
    until: Annotated[str, Mark.LABEL]
    force: Annotated[list[str], Mark.FREE]
    ckpt_path: Annotated[PathText | None, Mark.FREE]
    outputs: Annotated[PathText, Mark.FREE, Field(min_length=1)]
    artifacts: Annotated[PathText, Mark.FREE, Field(min_length=1)]
    student: TrainingConfig
    loader: Annotated[LoaderConfig, Mark.FREE]
    execution: ExecutionConfig = ExecutionConfig()
    trainer: dict[str, Any]
    callbacks: dict[str, CallbackConfig] = Field(default_factory=dict)
    logger: Annotated[LoggerConfig, Mark.FREE]

    @field_validator("until", mode="before")
    @classmethod
    def _last_of_the_plan(cls, value: Any) -> Any:
        if value not in list(cls.trained()):
            raise PydanticKnownError("literal_error", _one_of(cls.trained()))
        return value

    @field_validator("force", mode="before")
    @classmethod
    def _kept_in_the_plan(cls, value: Any) -> Any:
        _require_names(value, cls.kept(), cls.__name__)
        return value

    @field_validator("callbacks", mode="before")
    @classmethod
    def _switched_on(cls, value: Any) -> Any:
        """Leave out what is null: so a file that is built on another one switches one off."""
        if not isinstance(value, Mapping):
            return value
        given = {name: one for name, one in value.items() if one is not None}
        for name, one in given.items():
            if isinstance(one, Mapping):
                place = (str(name), "_stages_")
                _require_names(one.get("_stages_"), cls.trained(), cls.__name__, place)
        return given

    @model_serializer(mode="wrap")
    def _without_what_is_off(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Options of a later version that are off leave runs what they were."""
        content: dict[str, Any] = dump(self)
        if not self.callbacks:
            del content["callbacks"]
        return content

    @classmethod
    def trained(cls) -> dict[str, PlannedStage]:
        """The stages that train a network, by name."""
        return {stage.name: stage for stage in cls.PLAN if stage.trains}

    @classmethod
    def kept(cls) -> dict[str, PlannedStage]:
        """The stages that are stored among the artifacts, by name."""
        return {stage.name: stage for stage in cls.PLAN if stage.kept}

    @classmethod
    def timed(cls) -> dict[str, str]:
        """What result.json has seconds of, with titles."""
        return {
            key: title
            for stage in cls.PLAN
            for key, title in (stage.seconds or {stage.name: stage.name.capitalize()}).items()
        }

    @property
    def trainings(self) -> dict[str, TrainingConfig]:
        """The options of each stage that trains a network; one may be null, and is not built."""
        found = {name: getattr(self, name) for name in self.trained()}
        return {name: options for name, options in found.items() if options is not None}

    @property
    def plan(self) -> list[PlannedStage]:
        """The stages of this run in their order: what it needs, up to ``until`` and with it."""
        last = [stage.name for stage in self.PLAN].index(self.until)
        return [
            stage
            for number, stage in enumerate(self.PLAN)
            if number == last or (number < last and stage.needed(self))
        ]

    @property
    def stages(self) -> list[str]:
        """The names of those that train a network, and have options under their name."""
        return [stage.name for stage in self.plan if stage.trains]

    def callbacks_of(self, stage: str) -> dict[str, dict[str, Any]]:
        """The user's callbacks that join a stage: name -> class and arguments."""
        return {name: one.node for name, one in self.callbacks.items() if one.joins(stage)}

    def network_name(self, stage: str) -> str:
        """What the network of a stage is called in results and on dashboards."""
        raise NotImplementedError

    def smaller(self, stage: str) -> str:
        """The options that make a stage need less memory where its batch is as small as can be."""
        raise NotImplementedError

    @property
    def own_networks(self) -> tuple[str, ...]:
        """Import paths of the networks of one's own that a student is built from."""
        return ()

    @property
    def tags(self) -> list[str]:
        """What a run is filed under on dashboards."""
        return [self.method, self.recipe]


def _one_of(names: Mapping[str, Any]) -> dict[str, Any]:
    """What a value may be, in the form of pydantic's own literals."""
    quoted = [f"'{name}'" for name in names]
    several = f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]
    return {"expected": several}


def _require_names(
    given: Any, names: Mapping[str, Any], title: str, place: tuple[str, ...] = ()
) -> None:
    """Refuse members of a list that are not among some names; what is no list is for pydantic."""
    errors = [
        InitErrorDetails(
            type="literal_error", loc=(*place, number), input=one, ctx=_one_of(names)
        )
        for number, one in enumerate(given if isinstance(given, list | tuple) else ())
        if one not in list(names)
    ]  # fmt: skip
    if errors:
        raise ValidationError.from_exception_data(title, errors)
