"""Stage two: a SAR network reconstructs features of the optical teacher, without labels."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ackd.config.schema.segmentation import ReconstructionConfig
from ackd.errors import ConfigError
from ackd.modules import ReconstructionModule
from ackd.segmentation import MID, SegmentationNetwork, layer_set
from ackd.stages.fitting import finite_weights
from ackd.stages.segmentation.starts import check_start, started
from ackd.stages.segmentation.teacher import TeacherStage
from ackd.stages.segmentation.training import SegmentTraining
from ackd.stages.stage import Done, KeptStage
from ackd.utils.io import save_tensors, write_json

if TYPE_CHECKING:
    from ackd.stages.segmentation.context import SegmentContext

__all__ = ["ListeningStage", "ReconstructionStage"]


class ListeningStage(KeptStage[SegmentationNetwork]):
    """A step of the reconstruction; leaves ``weights.pt`` and ``metrics.json``.

    Its batches are pairs without masks, and the epoch with the lowest validation loss is kept: a
    choice by the IoU would need labels.
    """

    loss: ClassVar[str] = "cosine_loss"

    def __init__(
        self,
        training: SegmentTraining,
        teacher: SegmentationNetwork,
        before: SegmentationNetwork | None,
        made_of: dict[str, str],
    ) -> None:
        """Say what is trained.

        Args:
            training: Serves pairs.
            teacher: Trained; it stays as it is.
            before: What an earlier step has left, to start from; None for ``start``.
            made_of: Fingerprints of teacher and earlier step.
        """
        self.training = training
        self.teacher = teacher
        self.before = before
        self.made_of = made_of

    @property
    def options(self) -> ReconstructionConfig:
        """Of the step."""
        options = self.training.options
        assert isinstance(options, ReconstructionConfig)
        return options

    @classmethod
    def check(cls, context: SegmentContext) -> None:
        """See that the layers exist and can be compared, and that the pairs fill a batch."""
        training = context.training(cls.name)
        training.check()
        stage = cls(training, training.network("optical"), training.network(), {})
        try:
            stage.module(training.network())
        except ConfigError as error:
            raise ConfigError(f"{cls.name}: {error}") from error

    def module(self, student: SegmentationNetwork) -> ReconstructionModule:
        """What trains a student.

        Raises:
            ConfigError: A layer does not exist, or cannot be compared.
        """
        options, training = self.options, self.training
        return ReconstructionModule(
            student, self.teacher, layer_set(student, options.wanted), training.optimizer(),
            over=options.over, final=options.final, trained=self._trained(student),
            frozen_norm=options.frozen_norm, schedule=training.schedule(),
        )  # fmt: skip

    def _trained(self, network: SegmentationNetwork) -> Sequence[str] | None:
        """The layers that are trained; None for all up to the deepest that is compared."""
        if self.options.trained is None:
            return None
        deepest = layer_set(network, self.options.wanted)[-1]
        if deepest not in network.decoder_layers:
            raise ConfigError(
                f"trained=decoder trains nothing where no layer behind {MID} is compared, and the "
                f"deepest one is {deepest}; leave trained out, or add one of "
                f"{', '.join(network.decoder_layers)} to the layers."
            )
        up_to = network.layers[: network.layers.index(deepest) + 1]
        return [name for name in network.decoder_layers if name in up_to]

    def shaped_by(self) -> dict[str, Any]:
        """The pairs, the teacher, and the step's own options; no label."""
        tiles = self.training.tiles
        return {
            **self.made_of,
            "optical": tiles.fingerprint("optical"),
            "sar": tiles.fingerprint("sar"),
            **self.training.shape(),
        }

    def train(self, folder: Path, *, resume: bool) -> None:
        """Train; the epoch with the lowest validation loss is kept."""
        training, options = self.training, self.options
        training.seed_everything()
        if self.before is None:
            student = started(training, options.start, options.first, self.teacher)
        else:
            student = deepcopy(self.before)
        module = self.module(student)
        with training.session(folder, resume=resume) as session:
            fitted = session.fit(module, monitor="val/loss", mode="min")
        if fitted.trainer.is_global_zero:
            save_tensors(folder / "weights.pt", student.state_dict())
            write_json(
                folder / "metrics.json",
                {"metrics": {self.loss: fitted.score}}
                | fitted.entries()
                | {"seconds": fitted.seconds},
            )

    def load(self, folder: Path) -> SegmentationNetwork:
        """Read a finished student."""
        network = self.training.network()
        network.load_state_dict(finite_weights(folder / "weights.pt", self.name))
        return network


class ReconstructionStage(ListeningStage):
    """The first step, or the only one."""

    name = "reconstruction"
    requires = (TeacherStage.name,)

    @classmethod
    def check(cls, context: SegmentContext) -> None:
        """See that it can begin, too."""
        super().check(context)
        training, options = context.training(cls.name), context.config.reconstruction
        check_start(training, options.start, options.first, f"{cls.name}.first")

    @classmethod
    def of(cls, context: SegmentContext, done: Done) -> Self:
        """It needs the teacher."""
        teacher = done.result(TeacherStage)
        if teacher is None:
            raise ValueError("a reconstruction needs a teacher")
        made_of = {"teacher": teacher.fingerprint}
        return cls(context.training(cls.name), teacher.product, None, made_of)
