"""How a stage that trains a network does so: the same for the teacher, the matcher, the student."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import lightning.pytorch as pl
from lightning.pytorch.loggers import Logger

from ackd.backbones import Backbone
from ackd.config.launch.schedules import schedule_of
from ackd.config.launch.targets import instantiate
from ackd.config.launch.trainer import processes
from ackd.config.schema import Config
from ackd.config.schema.identity import (
    shaping_augmentation,
    shaping_callbacks,
    shaping_trainer_options,
    weights_digest,
)
from ackd.config.schema.stages import ClassifierConfig, TrainingConfig, trained_stages
from ackd.data.augmentation import Augmentation
from ackd.data.benchmark import TEST, TRAIN, Benchmark, SceneSet
from ackd.data.normalise import Normaliser
from ackd.data.pseudo_rgb import PseudoRGB
from ackd.errors import ConfigError
from ackd.modules.datamodule import UnpairedDataModule
from ackd.modules.execution import fused_on_cpu
from ackd.modules.loading import Side
from ackd.modules.schedules import OptimizerFactory, Schedule
from ackd.modules.supervised import SupervisedModule
from ackd.runs.checkpoints import epoch_of, last_checkpoint
from ackd.runs.predictions import Measured, measure, write_pictures, write_predictions
from ackd.runs.resources import shortages_of_test_told
from ackd.stages.fitting import Fitted, fit
from ackd.stages.target_loss import supervised_task
from ackd.stages.trial import try_augmentations
from ackd.tasks import Task
from ackd.tracking.loggers import run_loggers

if TYPE_CHECKING:
    from ackd.stages.context import Networks

__all__ = ["Session", "Training"]


@dataclass(frozen=True)
class Training:
    """What one stage trains with: its own options, its side of the images, and their makers.

    Attributes:
        name: Of the stage.
        config: Of the run; the Trainer's options and the loggers are shared by all stages.
        benchmark: The images.
        networks: Builds networks for them.
        pseudo_rgb: Whether MS batches also carry their pseudo-RGB.
    """

    name: str
    config: Config
    benchmark: Benchmark
    networks: Networks
    pseudo_rgb: bool = False

    @property
    def options(self) -> TrainingConfig:
        """The stage's own."""
        options: TrainingConfig = getattr(self.config, self.name)
        return options

    @property
    def side(self) -> Side:
        """The side that it is trained, validated and tested on."""
        return trained_stages()[self.name].side

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
    def seed(self) -> int:
        """The stage's own; the run's where it has none."""
        return int(getattr(self.options, "seed", self.config.seed))

    @cached_property
    def data(self) -> UnpairedDataModule:
        """Serves the side.

        Raises:
            ConfigError: The training images do not fill a batch.
        """
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

    def optimizer(self) -> OptimizerFactory:
        """Build the factory of the optimizer."""
        node = {**self.options.optimizer, "_partial_": True}
        factory: OptimizerFactory = instantiate(node, f"{self.name}.optimizer")
        return fused_on_cpu(factory)

    def schedule(self) -> Schedule | None:
        """How the learning rate changes; None if it stays."""
        return schedule_of(self.options, f"{self.name}.scheduler")

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
            "options": self.options.model_dump(mode="json"),
            **shaping_augmentation(self.config, self.side),
            **weights_digest(self.options.backbone),
            "trainer": shaping_trainer_options(self.config.trainer),
            **shaping_callbacks(self.config, self.name),
        }

    def check(self) -> None:
        """See that the options fit the images, and that an epoch has a step.

        Raises:
            ConfigError: They do not, before hours are spent.
        """
        if isinstance(self.options, ClassifierConfig):
            self.task()
        trainer, data = self.config.trainer, self.data
        count, images = processes(trainer), len(data.rows(TRAIN))
        batches = images // (data.batch_size * count)
        if not batches:
            raise ConfigError(
                f"{self.name}.batch_size={data.batch_size} on {count} processes needs "
                f"{data.batch_size * count} training images, but the {self.side.upper()} side has "
                f"{images}; choose {self.name}.batch_size={max(2, images // count)} or less, or "
                "fewer trainer.devices."
            )
        share = trainer.get("limit_train_batches")
        if isinstance(share, float) and int(share * batches) < 1:
            raise ConfigError(
                f"trainer.limit_train_batches={share} of the {batches} batches of the {self.name} "
                f"is less than one; give at least {math.ceil(100 / batches) / 100}, or a number "
                "of batches: trainer.limit_train_batches=1"
            )
        try_augmentations(data)

    def seed_everything(self) -> None:
        """Seed all random generators with the stage's seed."""
        pl.seed_everything(self.seed, workers=True, verbose=False)

    @contextmanager
    def session(self, folder: Path, *, resume: bool) -> Iterator[Session]:
        """Open the loggers of a training, and find the checkpoint that it goes on from.

        Args:
            folder: Of the stage or of the run.
            resume: Whether to go on from the last checkpoint in it, if there is one.
        """
        checkpoint = last_checkpoint(folder) if resume else None
        with run_loggers(
            self.config, self.name, folder, keep_until_epoch=epoch_of(checkpoint),
            resumed=checkpoint is not None, notes=self.benchmark.notes,
        ) as loggers:  # fmt: skip
            yield Session(self, folder, loggers, checkpoint)


@dataclass(frozen=True)
class Session:
    """A training with its loggers open.

    Attributes:
        training: What is trained with.
        folder: Gets checkpoints and metrics.csv.
        loggers: Where numbers go.
        checkpoint: It goes on from here.
    """

    training: Training
    folder: Path
    loggers: Sequence[Logger]
    checkpoint: Path | None

    def fit(
        self,
        module: pl.LightningModule,
        *,
        monitor: str,
        mode: Literal["min", "max"],
        callbacks: Sequence[pl.Callback] = (),
    ) -> Fitted:
        """Train ``module`` and give it the weights of its best epoch, see :func:`fit`."""
        training = self.training
        return fit(
            module, training.data, training.config, stage=training.name, folder=self.folder,
            seed=training.seed, max_epochs=training.options.max_epochs, monitor=monitor,
            mode=mode, loggers=self.loggers, callbacks=callbacks, checkpoint=self.checkpoint,
        )  # fmt: skip

    def measure(self, module: SupervisedModule, fitted: Fitted) -> Measured:
        """Measure the chosen weights on the validation and the test images.

        The first rank writes what they say of each test image into the folder.

        Raises:
            DivergedError: A prediction is not finite.
        """
        training = self.training
        names = training.data.names(TEST)
        with shortages_of_test_told(training.config, training.name):
            measured = measure(fitted.trainer, module, training.data, names, training.name)
        if fitted.trainer.is_global_zero:
            write_predictions(self.folder, module, names)
            write_pictures(self.folder, module, training.data)
        return measured
