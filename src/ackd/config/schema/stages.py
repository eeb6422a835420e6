"""The stages of scene classification: which there are, when each is needed, how each is trained.

What a stage does is in the file of its name in ``ackd.stages``. Its name and its options are here,
and whatever else lists stages (``until``, ``force``, the seconds of a result, the columns of a
report) is made from :data:`PLAN`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    PositiveInt,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic_core import InitErrorDetails

from ackd.config.schema.base import PlannedStage, RunConfig
from ackd.config.schema.data import PathText, Seed
from ackd.config.schema.training import PositiveFloat, Section, TrainingConfig

__all__ = [
    "PLAN",
    "BackboneConfig",
    "BackboneTrainingConfig",
    "ClassifierConfig",
    "MatcherConfig",
    "SceneStages",
    "StudentConfig",
    "TeacherConfig",
]

#: Every stage, in the order in which a run goes through them.
PLAN = (
    PlannedStage("teacher", lambda config: config.distils, side="ms"),
    PlannedStage("matcher", lambda config: config.needs_matcher, side="ms"),
    PlannedStage(
        "store", lambda config: config.distils and config.student.teacher == "stored",
        side="ms", trains=False, seconds={"store": "Teacher's outputs"},
    ),
    PlannedStage(
        "pairing", lambda config: config.distils,
        side="ms", trains=False, kept=False, seconds={"galleries": "Galleries"},
    ),
    PlannedStage(
        "student", lambda config: True, side="rgb", kept=False,
        seconds={"distill": "Distillation", "dynm": "of it DynM", "planner": "of it Planner"},
    ),
)  # fmt: skip


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


class BackboneTrainingConfig(TrainingConfig):
    """A stage with a network of its own."""

    backbone: BackboneConfig


class ClassifierConfig(BackboneTrainingConfig):
    """What the loss against the labels makes of them, in training."""

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Literal["none", "balanced"] | list[PositiveFloat] = "none"


class TeacherConfig(ClassifierConfig):
    """The multispectral network; cross-entropy, or binary cross-entropy for several labels."""

    seed: Seed = 0


class MatcherConfig(BackboneTrainingConfig):
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


class SceneStages(RunConfig):
    """The options of every stage."""

    PLAN = PLAN
    STAGES = "ackd.stages"

    teacher: TeacherConfig
    matcher: MatcherConfig
    student: StudentConfig
