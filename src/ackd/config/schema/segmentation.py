"""Every option of ``python -m ackd.segment``: an optical teacher, its SAR student, their stages.

A run is one row of the table: a student that was or was not shown how it is done, and that is or is
not fine-tuned with labels.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from ackd.config.schema.base import PlannedStage, RunConfig
from ackd.config.schema.data import Mark, PathText, Seed
from ackd.config.schema.tiles import TILE_DATA, TilesConfig
from ackd.config.schema.training import Name, PositiveFloat, Section, TrainingConfig

__all__ = [
    "EpochsConfig",
    "LabelsConfig",
    "NetworkConfig",
    "OpticalTeacherConfig",
    "ReconstructionConfig",
    "SarStudentConfig",
    "SegmentConfig",
]

#: Values of ``start`` that are no file of weights.
STARTS = ("random", "imagenet")

Start = Annotated[PathText, Field(min_length=1)]
"""``random``, ``imagenet`` (a library's weights of the encoder) or a file of weights."""

FirstConvolution = Literal["mean", "cyclic", "baseline", "random"]


class NetworkConfig(Section):
    """The architecture of teacher and student; what stands beside its name are its own options.

    ``_target_`` names a class of one's own instead, and ``name`` has no effect.
    """

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    name: str = ""
    target: Annotated[str, Field(min_length=1)] | None = Field(default=None, alias="_target_")

    @property
    def called(self) -> str:
        """What it is called in results; of a library's, with the architecture that was chosen."""
        chosen = self.__pydantic_extra__ or {}
        named = [str(chosen[key]) for key in ("arch", "encoder") if key in chosen]
        return self.target or "_".join([self.name, *named])

    @model_serializer(mode="wrap")
    def _only_what_counts(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The arguments of :func:`ackd.segmentation.build_network`, but for bands and classes."""
        content: dict[str, Any] = dump(self)
        content.pop("target", None)
        if self.target is None:
            return content
        content.pop("name", None)
        return {"_target_": self.target, **content}


class LabelsConfig(Section):
    """How many labelled tiles there are: for fine-tuning, the SAR baseline and the controls."""

    fraction: Annotated[float, Field(gt=0, le=1)] = 1.0


class EpochsConfig(Section):
    """The lengths that the stages and the rows are made of; ``max_epochs`` of a stage wins."""

    teacher: PositiveInt
    reconstruction: PositiveInt
    finetune: PositiveInt


class SegmenterConfig(TrainingConfig):
    """A stage that learns from masks."""

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Literal["none", "balanced"] | list[PositiveFloat] = "none"


class OpticalTeacherConfig(SegmenterConfig):
    """The network that sees optical images, trained with all labels."""

    seed: Seed = 0
    start: Start = "random"


def _layers(value: Any) -> Any:
    """One name stands for a list; ``int`` is a set of layers."""
    return [value] if isinstance(value, str) else value


class ReconstructionConfig(TrainingConfig):
    """A SAR student that listens to the frozen optical teacher, without labels.

    ``layers`` are names of layers of the network, or one set of them (``[mid]``, ``[fin]``,
    ``[int]``); without any, a run does not have this step. ``trained`` None trains every layer up
    to the deepest of ``layers``.
    """

    seed: Seed = 0
    layers: Annotated[list[Name], BeforeValidator(_layers)]
    over: Literal["layer", "position"] = "layer"
    final: Literal["logits", "probability"] = "logits"
    trained: Literal["decoder"] | None = None
    frozen_norm: Literal["keep", "adapt"] = "keep"
    start: Literal["optical", "imagenet", "random"] = "optical"
    first: FirstConvolution = "mean"

    @property
    def wanted(self) -> str | list[str]:
        """As :func:`ackd.segmentation.layer_set` takes it: one name may be that of a set."""
        return self.layers[0] if len(self.layers) == 1 else self.layers


class SarStudentConfig(SegmenterConfig):
    """The network that sees SAR images alone; its seed is that of the run."""

    start: Literal["reconstruction", "optical", "imagenet", "random"] = "reconstruction"
    first: FirstConvolution = "mean"
    finetune: Literal["none", "decoder", "all"] = "all"


def _listens(config: SegmentConfig) -> bool:
    return config.student.start == "reconstruction"


PLAN = (
    PlannedStage(
        "teacher", lambda config: config.needs_teacher, side="optical",
        seconds={"teacher": "Optical teacher"},
    ),
    PlannedStage("reconstruction", _listens, side="both", options="reconstruction/base/training"),
    PlannedStage(
        "reconstruction2", lambda config: _listens(config) and bool(config.reconstruction2.layers),
        side="both", seconds={"reconstruction2": "Second step"},
        options="reconstruction/base/training",
    ),
    PlannedStage(
        "student", lambda config: True, side="sar", kept=False,
        seconds={"finetune": "Fine-tuning"},
    ),
)  # fmt: skip


class SegmentConfig(RunConfig):
    """The whole configuration of one run of segmentation."""

    PLAN = PLAN
    STAGES = "ackd.stages.segmentation"
    TASK = "segmentation"
    DATA = TILE_DATA

    task: Literal["segmentation"]
    network: NetworkConfig
    data: TilesConfig
    labels: LabelsConfig
    epochs: Annotated[EpochsConfig, Mark.FREE]
    teacher: OpticalTeacherConfig
    reconstruction: ReconstructionConfig
    reconstruction2: ReconstructionConfig
    student: SarStudentConfig

    @property
    def needs_teacher(self) -> bool:
        """Whether the student, or what it starts from, has anything of the teacher."""
        return self.student.start in ("reconstruction", "optical")

    def network_name(self, stage: str) -> str:
        """The one network."""
        return self.network.called

    def smaller(self, stage: str) -> str:
        """A smaller network, or smaller windows."""
        return "a smaller network.name, or smaller windows of the tiles (data.crop)"

    @property
    def own_networks(self) -> tuple[str, ...]:
        """The one network, where it is one's own."""
        return () if self.network.target is None else (self.network.target,)

    @property
    def tags(self) -> list[str]:
        """Row, network, share of labels, recipe and data."""
        share = f"labels {self.labels.fraction:g}"
        return [self.method, self.network.called, share, self.recipe, self.data.name]
