"""How a stage that trains a network does so: the same for every stage of every program."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
from lightning.pytorch.loggers import Logger

from ackd.config.launch.schedules import schedule_of
from ackd.config.launch.targets import instantiate
from ackd.config.launch.trainer import processes
from ackd.config.schema import RunConfig, TrainingConfig
from ackd.config.schema.identity import shaping_callbacks, shaping_trainer_options
from ackd.errors import ConfigError
from ackd.modules.execution import fused_on_cpu
from ackd.modules.schedules import OptimizerFactory, Schedule
from ackd.modules.supervised import SupervisedModule
from ackd.runs.checkpoints import epoch_of, last_checkpoint
from ackd.runs.predictions import Measured, measure, write_pictures, write_predictions
from ackd.runs.resources import shortages_of_test_told
from ackd.stages.fitting import Fitted, as_it_is, fit
from ackd.tracking.loggers import run_loggers

__all__ = ["Session", "Training"]


@dataclass(frozen=True)
class Training(ABC):
    """What one stage trains with: its own options, its images, and their makers.

    Attributes:
        name: Of the stage.
        config: Of the run; the Trainer's options and the loggers are shared by all stages.
    """

    name: str
    config: RunConfig

    @property
    @abstractmethod
    def data(self) -> pl.LightningDataModule:
        """Serves the images; the same object each time."""

    @abstractmethod
    def test_names(self) -> Mapping[int, str]:
        """The name of each test image by its row."""

    @property
    @abstractmethod
    def notes(self) -> Mapping[str, Any]:
        """What is special about the images, see ``Context.notes``."""

    @property
    def options(self) -> TrainingConfig:
        """The stage's own."""
        options: TrainingConfig = getattr(self.config, self.name)
        return options

    @property
    def side(self) -> str:
        """The images that it is trained, validated and tested on."""
        return self.config.trained()[self.name].side

    @property
    def seed(self) -> int:
        """The stage's own; the run's where it has none."""
        return int(getattr(self.options, "seed", self.config.seed))

    def optimizer(self) -> OptimizerFactory:
        """Build the factory of the optimizer."""
        node = {**self.options.optimizer, "_partial_": True}
        factory: OptimizerFactory = instantiate(node, f"{self.name}.optimizer")
        return fused_on_cpu(factory)

    def schedule(self) -> Schedule | None:
        """How the learning rate changes; None if it stays."""
        return schedule_of(self.options, f"{self.name}.scheduler")

    def shape(self) -> dict[str, Any]:
        """What shapes any network that is trained alone, for its fingerprint."""
        return {
            "options": self.options.model_dump(mode="json"),
            "trainer": shaping_trainer_options(self.config.trainer),
            **shaping_callbacks(self.config, self.name),
        }

    def require_steps(self, images: int, batch_size: int) -> None:
        """See that an epoch has a step.

        Args:
            images: How many there are for training.
            batch_size: Of the stage.

        Raises:
            ConfigError: It has none, before hours are spent.
        """
        trainer = self.config.trainer
        count = processes(trainer)
        batches = images // (batch_size * count)
        if not batches:
            raise ConfigError(
                f"{self.name}.batch_size={batch_size} on {count} processes needs "
                f"{batch_size * count} training images, but the {self.side.upper()} side has "
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
            resumed=checkpoint is not None, notes=self.notes,
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

    def as_it_is(self) -> Fitted:
        """What measures a module that is not trained at all."""
        return as_it_is(self.training.config, self.folder, self.loggers)

    def measure(self, module: SupervisedModule, fitted: Fitted) -> Measured:
        """Measure the chosen weights on the validation and the test images.

        The first rank writes what they say of each test image into the folder.

        Raises:
            DivergedError: A prediction is not finite.
        """
        training = self.training
        names = training.test_names()
        with shortages_of_test_told(training.config, training.name):
            measured = measure(fitted.trainer, module, training.data, names, training.name)
        if fitted.trainer.is_global_zero:
            write_predictions(self.folder, module, names)
            write_pictures(self.folder, module, training.data)
        return measured
