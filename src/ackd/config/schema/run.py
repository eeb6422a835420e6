"""Every option, its type and its range; what is not here is refused as a misspelling.

Open nodes (losses, optimisers, Trainer arguments) are mappings here and are held against the
signature of what they configure in :mod:`ackd.config.launch.targets`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from ackd.config.schema.data import DataConfig, Mark, PathText, Seed
from ackd.config.schema.stages import (
    PLAN,
    BackboneConfig,
    CallbackConfig,
    MatcherConfig,
    Name,
    PlannedStage,
    PositiveFloat,
    SchedulerConfig,
    Section,
    StagesConfig,
    StudentConfig,
    TeacherConfig,
)

__all__ = [
    "BackboneConfig",
    "Config",
    "DynMConfig",
    "ExecutionConfig",
    "KDTermConfig",
    "LoaderConfig",
    "LossConfig",
    "MatcherConfig",
    "MatchingConfig",
    "PlannerConfig",
    "SKAConfig",
    "SchedulerConfig",
    "Section",
    "StudentConfig",
    "TeacherConfig",
    "TransportConfig",
    "WandbConfig",
]


class MatchingConfig(Section):
    """The first pairing."""

    initial: Literal["ssm", "random", "twins", "nearest_feature"]
    redraw: bool = False


class DynMConfig(Section):
    """Dynamic matching, eqs 11-13."""

    enabled: bool
    gamma: PositiveFloat
    direction: Literal["student_teacher", "teacher_student"]
    e0: NonNegativeInt
    delta: NonNegativeInt
    mu: NonNegativeInt
    count: NonNegativeInt
    reference_epochs: PositiveInt


class PlannerConfig(Section):
    """The Planner, eqs 15-19.

    ``dim`` is the width of queries and keys; None for that of z, as in the paper. A narrower
    Planner is a cheaper approximation.
    """

    kind: Literal["intra", "cross"]
    heads: PositiveInt
    dim: PositiveInt | None = None
    shared: bool
    normaliser: Literal["plan", "patch"]
    rescale: Literal["none", "energy"]

    @property
    def arguments(self) -> dict[str, Any]:
        """The options under their names in :class:`ackd.alignment.SKA`."""
        options = self.model_dump(exclude={"dim"})
        return options | {"inner_dim": self.dim}


class SKAConfig(Section):
    """The alignment losses, eqs 20 and 29-31."""

    ot1: bool
    ot2: bool
    coral: Literal["paper", "official", "deep_coral"]
    patches: Literal["flatten", "tokens", "pooled"]


class TransportConfig(Section):
    """The transport cost between teacher and student during training, figures 2 and 7."""

    enabled: bool
    sample: Annotated[int, Field(ge=2)]
    every: PositiveInt
    seed: Seed


class KDTermConfig(Section):
    """One distillation loss and its weight inside the sum of distillation losses.

    ``title`` is what reports call it; it shapes no result, so that it is in no fingerprint.
    """

    title: Annotated[str | None, Field(min_length=1, exclude=True)] = None
    loss: dict[str, Any]
    weight: NonNegativeFloat = 1.0


class LossConfig(Section):
    """The weights of eq 21."""

    task: NonNegativeFloat
    lambda1: NonNegativeFloat
    lambda2: NonNegativeFloat | None = None
    kd: dict[str, KDTermConfig]
    teacher_logits: Literal["raw", "drawn_label"] = "raw"
    gather: bool = True

    @property
    def alignment(self) -> float:
        """lambda2, which is 1 - lambda1 unless it is given."""
        return 1.0 - self.lambda1 if self.lambda2 is None else self.lambda2


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


def _switched_on(value: Any) -> Any:
    """Leave out what is null: so a file that is built on another one switches a callback off."""
    if not isinstance(value, dict):
        return value
    return {name: one for name, one in value.items() if one is not None}


class Config(StagesConfig):
    """The whole configuration of one run."""

    name: Annotated[Name, Mark.LABEL]
    method: Name
    recipe: Name
    seed: Seed
    ckpt_path: Annotated[PathText | None, Mark.FREE]
    outputs: Annotated[PathText, Mark.FREE, Field(min_length=1)]
    artifacts: Annotated[PathText, Mark.FREE, Field(min_length=1)]
    data: DataConfig
    matching: MatchingConfig
    dynm: DynMConfig
    planner: PlannerConfig
    ska: SKAConfig
    transport: TransportConfig
    loss: LossConfig
    loader: Annotated[LoaderConfig, Mark.FREE]
    execution: ExecutionConfig = ExecutionConfig()
    trainer: dict[str, Any]
    callbacks: Annotated[dict[str, CallbackConfig], BeforeValidator(_switched_on)] = Field(
        default_factory=dict
    )
    logger: Annotated[LoggerConfig, Mark.FREE]

    @model_serializer(mode="wrap")
    def _without_what_is_off(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Options of a later version that are off leave runs what they were."""
        content: dict[str, Any] = dump(self)
        if not self.callbacks:
            del content["callbacks"]
        if not self.data.augmentation:
            del content["data"]["augmentation"]
        return content

    def callbacks_of(self, stage: str) -> dict[str, dict[str, Any]]:
        """The user's callbacks that join a stage: name -> class and arguments."""
        return {name: one.node for name, one in self.callbacks.items() if one.joins(stage)}

    @property
    def distils(self) -> bool:
        """Whether any term of the loss needs a teacher."""
        has_kd = self.loss.lambda1 > 0 and any(term.weight for term in self.loss.kd.values())
        return has_kd or self.aligns

    @property
    def aligns(self) -> bool:
        """Whether an alignment loss is on and weighs anything."""
        return (self.ska.ot1 or self.ska.ot2) and self.loss.alignment > 0

    @property
    def plan(self) -> list[PlannedStage]:
        """The stages of this run in their order: what it needs, up to ``until`` and with it."""
        last = [stage.name for stage in PLAN].index(self.until)
        return [
            stage
            for number, stage in enumerate(PLAN)
            if number == last or (number < last and stage.needed(self))
        ]

    @property
    def stages(self) -> list[str]:
        """The names of those that train a network, and have options under their name."""
        return [stage.name for stage in self.plan if stage.trains]

    @property
    def needs_matcher(self) -> bool:
        """Whether the first pairing asks for the matcher."""
        return self.distils and self.matching.initial == "ssm"
