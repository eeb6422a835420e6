"""What a stage of scene classification trains with: one side of a benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from ackd.backbones import Backbone
from ackd.config.launch.targets import instantiate
from ackd.config.schema import Config
from ackd.config.schema.identity import shaping_augmentation, weights_digest
from ackd.config.schema.stages import BackboneTrainingConfig, ClassifierConfig
from ackd.data.augmentation import Augmentation
from ackd.data.benchmark import TEST, TRAIN, Benchmark, SceneSet
from ackd.data.normalise import Normaliser
from ackd.data.pseudo_rgb import PseudoRGB
from ackd.modules.datamodule import UnpairedDataModule
from ackd.modules.loading import Side
from ackd.stages.target_loss import supervised_task
from ackd.stages.training import Training
from ackd.stages.trial import try_augmentations
from ackd.tasks import Task

if TYPE_CHECKING:
    from ackd.stages.context import Networks

__all__ = ["SceneTraining"]


@dataclass(frozen=True)
class SceneTraining(Training):
    """What one stage trains with: its own options, its side of the images, and their makers.

    Attributes:
        name: Of the stage.
        config: Of the run; the Trainer's options and the loggers are shared by all stages.
        benchmark: The images.
        networks: Builds networks for them.
        pseudo_rgb: Whether MS batches also carry their pseudo-RGB.
    """

    config: Config
    benchmark: Benchmark
    networks: Networks
    pseudo_rgb: bool = False

    @property
    def options(self) -> BackboneTrainingConfig:
        """The stage's own."""
        options: BackboneTrainingConfig = getattr(self.config, self.name)
        return options

    @property
    def side(self) -> Side:
        """The side that it is trained, validated and tested on."""
        return cast(Side, super().side)

    @property
    def scenes(self) -> SceneSet:
        """The images of that side."""
        scenes: SceneSet = getattr(self.benchmark, self.side)
        return scenes

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of the labels."""
        return self.benchmark.classes

    @property
    def notes(self) -> Mapping[str, Any]:
        """Those of the benchmark."""
        return self.benchmark.notes

    def test_names(self) -> Mapping[int, str]:
        """The file of each test image by its row."""
        return self.data.names(TEST)

    @property
    def data(self) -> UnpairedDataModule:
        """Serves the side.

        Raises:
            ConfigError: The training images do not fill a batch.
        """
        return self._data

    @cached_property
    def _data(self) -> UnpairedDataModule:
        data, options = self.config.data, self.options
        return UnpairedDataModule(
            self.benchmark,
            self.side,
            options.batch_size,
            seed=self.seed,
            stage=self.name,
            augment=data.augment,
            augment_partners=getattr(options, "augment_ms", False),
            augmentations=self._augmentations(),
            normalise=data.normalise,
            pseudo_rgb=self._make_pseudo_rgb if self.pseudo_rgb else None,
            **self.config.loader.model_dump(),
        )

    def _augmentations(self) -> dict[Side, Augmentation]:
        """The user's own, by side."""
        sides: tuple[Side, ...] = ("ms", "rgb")
        given = self.config.data.augmentation
        found: dict[Side, Augmentation] = {}
        for side in sides:
            if side in given:
                option = f"data.augmentation.{side}"
                augment = instantiate(given[side], option)
                found[side] = Augmentation(augment, getattr(self.benchmark, side), option)
        return found

    def _make_pseudo_rgb(self, normaliser: Normaliser) -> PseudoRGB:
        """What turns raw MS images into pseudo-RGB; ``normaliser`` is that of real RGB."""
        data = self.config.data
        return PseudoRGB(
            self.benchmark.ms, data.pseudo_rgb_reflectance, normaliser,
            kind=data.pseudo_rgb, bands=data.pseudo_rgb_bands,
        )  # fmt: skip

    def network(self, *, fresh: bool = True) -> Backbone:
        """Build the stage's classifier; ``fresh`` for the weights that training starts from."""
        return self.networks.build(
            self.options.backbone, self.side, len(self.classes), f"{self.name}.backbone",
            fresh=fresh,
        )  # fmt: skip

    def task(self) -> Task:
        """What the labels are, with their loss, metrics and predictions.

        Raises:
            ConfigError: The options do not fit the labels.
            TypeError: The stage does not learn from labels.
        """
        if not isinstance(self.options, ClassifierConfig):
            raise TypeError(f"the {self.name} does not learn from labels")
        return supervised_task(self.options, self.scenes, self.classes, self.name)

    def shape(self) -> dict[str, Any]:
        """What shapes any network that is trained alone, for its fingerprint."""
        return {
            "normalise": self.config.data.normalise,
            "augment": self.config.data.augment,
            **super().shape(),
            **shaping_augmentation(self.config, self.side),
            **weights_digest(self.options.backbone),
        }

    def check(self) -> None:
        """See that the options fit the images, and that an epoch has a step.

        Raises:
            ConfigError: They do not, before hours are spent.
        """
        if isinstance(self.options, ClassifierConfig):
            self.task()
        data = self.data
        self.require_steps(len(data.rows(TRAIN)), data.batch_size)
        try_augmentations(data)
