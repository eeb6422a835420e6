"""Every option, its type and its range; what is not here is refused as a misspelling.

Open nodes (losses, optimisers, Trainer arguments) are mappings here and are held against the
signature of what they configure in :mod:`ackd.config.targets`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import InitErrorDetails

from ackd.config.data import DataConfig, Mark, PathText, Seed

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
    "StudentConfig",
    "TeacherConfig",
    "TransportConfig",
    "WandbConfig",
]

PositiveFloat = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(min_length=1)]


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


class TrainingConfig(Section):
    """How long and with what a stage is trained."""

    max_epochs: PositiveInt
    batch_size: Annotated[int, Field(ge=2)]
    optimizer: dict[str, Any]
    backbone: BackboneConfig


class TeacherConfig(TrainingConfig):
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


class StudentConfig(TrainingConfig):
    """The RGB network; its seed is the run's.

    ``augment_ms`` says whether ``data.augment`` also turns the MS images that the frozen teacher
    looks at. If not, what it says of an image never changes, and ``teacher="stored"`` computes it
    once; ``store_dtype="bfloat16"`` keeps features in 8 bits of precision, an approximation.
    """

    augment_ms: bool = False
    teacher: Literal["stored", "live"] = "stored"
    store_dtype: Literal["float32", "bfloat16"] = "float32"


class MatchingConfig(Section):
    """The first pairing."""

    initial: Literal["ssm", "random", "twins", "nearest_feature"]
    redraw: bool = False


class DynMConfig(Section):
    """Dynamic matching, eqs 11-13; ``logits="past_epoch"`` is an approximation."""

    enabled: bool
    gamma: PositiveFloat
    direction: Literal["student_teacher", "teacher_student"]
    e0: NonNegativeInt
    delta: NonNegativeInt
    mu: NonNegativeInt
    count: NonNegativeInt
    reference_epochs: PositiveInt
    logits: Literal["fresh", "past_epoch"] = "fresh"


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

    ``memory_format=auto`` is channels_last on the CPU and torch's own default elsewhere;
    ``freed_memory=auto`` keeps freed memory on the CPU.
    """

    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"
    compile: bool = False
    freed_memory: Literal["auto", "keep", "return"] = "auto"


class WandbConfig(Section):
    """Weights & Biases; without a ``name`` a run is called after method and seed."""

    project: str = "ackd"
    entity: str | None = None
    mode: Literal["auto", "online", "offline", "disabled"] = "auto"
    group: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    name: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    tags: list[Annotated[str, Field(min_length=1, max_length=64)]] = []
    pictures: bool = True


class TensorBoardConfig(Section):
    """TensorBoard writes into the run folder."""

    pictures: bool = True


class LoggerConfig(Section):
    """Loggers beside metrics.csv."""

    wandb: WandbConfig | None = None
    tensorboard: TensorBoardConfig | None = None


class Config(Section):
    """The whole configuration of one run."""

    name: Annotated[Name, Mark.LABEL]
    method: Name
    recipe: Name
    seed: Seed
    until: Annotated[Literal["teacher", "matcher", "student"], Mark.LABEL]
    force: Annotated[list[Literal["teacher", "store", "matcher"]], Mark.FREE]
    ckpt_path: Annotated[PathText | None, Mark.FREE]
    outputs: Annotated[PathText, Mark.FREE, Field(min_length=1)]
    artifacts: Annotated[PathText, Mark.FREE, Field(min_length=1)]
    data: DataConfig
    teacher: TeacherConfig
    matcher: MatcherConfig
    student: StudentConfig
    matching: MatchingConfig
    dynm: DynMConfig
    planner: PlannerConfig
    ska: SKAConfig
    transport: TransportConfig
    loss: LossConfig
    loader: Annotated[LoaderConfig, Mark.FREE]
    execution: ExecutionConfig = ExecutionConfig()
    trainer: dict[str, Any]
    logger: Annotated[LoggerConfig, Mark.FREE]

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
    def stages(self) -> list[str]:
        """The stages of this run, in their order."""
        wanted = {
            "teacher": self.distils or self.until == "teacher",
            "matcher": self.until == "matcher" or (self.needs_matcher and self.until == "student"),
            "student": self.until == "student",
        }
        return [stage for stage, needed in wanted.items() if needed]

    @property
    def needs_matcher(self) -> bool:
        """Whether the first pairing asks for the matcher."""
        return self.distils and self.matching.initial == "ssm"
