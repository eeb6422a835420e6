"""Every option of scene classification; what is not here is refused as a misspelling.

Open nodes (losses, optimisers, Trainer arguments) are mappings here and are held against the
signature of what they configure in :mod:`ackd.config.launch.targets`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from ackd.config.schema.data import DATA_NAMES, DataConfig, Seed
from ackd.config.schema.stages import SceneStages
from ackd.config.schema.training import PositiveFloat, Section

__all__ = [
    "Config",
    "DynMConfig",
    "KDTermConfig",
    "LossConfig",
    "MatchingConfig",
    "PlannerConfig",
    "SKAConfig",
    "TransportConfig",
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


class Config(SceneStages):
    """The whole configuration of one run of scene classification."""

    DATA = DATA_NAMES

    data: DataConfig
    matching: MatchingConfig
    dynm: DynMConfig
    planner: PlannerConfig
    ska: SKAConfig
    transport: TransportConfig
    loss: LossConfig

    @model_serializer(mode="wrap")
    def _without_what_is_off(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Options of a later version that are off leave runs what they were."""
        content = super()._without_what_is_off(dump)
        if not self.data.augmentation:
            del content["data"]["augmentation"]
        return content

    def network_name(self, stage: str) -> str:
        """The name of the stage's backbone."""
        name: str = getattr(self, stage).backbone.name
        return name

    def smaller(self, stage: str) -> str:
        """A smaller network, or smaller images."""
        return f"a smaller {stage}.backbone.name, or smaller images (data.size)"

    @property
    def own_networks(self) -> tuple[str, ...]:
        """The student's backbone, where it is one's own."""
        target = self.student.backbone.target
        return () if target is None else (target,)

    @property
    def tags(self) -> list[str]:
        """Method, active distillation losses, recipe and data."""
        weighed = [name for name in self.active_losses if self.loss.kd[name].weight]
        return [self.method, *weighed, self.recipe, self.data.name]

    @property
    def active_losses(self) -> list[str]:
        """Names of the distillation losses that a run really has."""
        return sorted(self.loss.kd) if self.distils and self.loss.lambda1 > 0 else []

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
    def needs_matcher(self) -> bool:
        """Whether the first pairing asks for the matcher."""
        return self.distils and self.matching.initial == "ssm"
