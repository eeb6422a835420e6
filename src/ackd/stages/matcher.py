"""Stage two: the encoders that find similar scenes across modalities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from ackd.backbones import Backbone
from ackd.config.schema.identity import (
    shaping_augmentation,
    shaping_callbacks,
    shaping_trainer_options,
    weights_digest,
)
from ackd.data.normalise import rgb_normaliser
from ackd.data.pseudo_rgb import pseudo_rgb_bands
from ackd.matching.matcher import Matcher
from ackd.modules import MatcherModule
from ackd.modules.loading import Side
from ackd.runs.checkpoints import epoch_of, last_checkpoint
from ackd.stages.context import Context
from ackd.stages.fitting import finite_weights, fit
from ackd.tracking.loggers import run_loggers
from ackd.utils.io import read_json, save_tensors, write_json

__all__ = ["MatcherStage"]


class MatcherStage:
    """Trains the matcher on MS images alone; leaves ``weights.pt`` and ``metrics.json``."""

    name = "matcher"
    format_version = 1

    def __init__(self, context: Context) -> None:
        self.context = context

    def shaped_by(self) -> dict[str, Any]:
        """The MS images, what becomes of them, and the matcher's own options."""
        config, benchmark = self.context.config, self.context.benchmark
        return {
            "ms": benchmark.ms.fingerprint,
            "normalise": config.data.normalise,
            "pseudo_rgb": self._pseudo_rgb(),
            "augment": config.data.augment,
            **shaping_augmentation(config, "ms"),
            "options": config.matcher.model_dump(mode="json"),
            **weights_digest(config.matcher.backbone),
            "trainer": shaping_trainer_options(config.trainer),
            **shaping_callbacks(config, self.name),
        }

    def _pseudo_rgb(self) -> dict[str, Any]:
        """What shapes pseudo-RGB, and nothing that the chosen kind does not look at."""
        data, benchmark = self.context.config.data, self.context.benchmark
        shaped: dict[str, Any] = {
            "kind": data.pseudo_rgb,
            "bands": list(pseudo_rgb_bands(benchmark.ms, data.pseudo_rgb_bands)),
        }
        if data.pseudo_rgb == "stretch":
            rgb = rgb_normaliser(benchmark.rgb, data.normalise)
            shaped["reflectance"] = data.pseudo_rgb_reflectance
            shaped["rgb_statistics"] = [rgb.mean.flatten().tolist(), rgb.std.flatten().tolist()]
        return shaped

    def build(self, *, fresh: bool = True) -> Matcher:
        """The matcher; ``fresh`` for the weights that training starts from."""
        options = self.context.config.matcher

        def encoder(side: Side) -> Backbone:
            return self.context.backbone(options.backbone, side, 0, "matcher.backbone", fresh=fresh)

        return Matcher(
            encoder("ms"), encoder("rgb"), options.dim, options.dropout, options.logit_scale
        )

    def train(self, folder: Path, *, resume: bool) -> None:
        """Train; the epoch with the lowest validation loss is kept."""
        config = self.context.config
        pl.seed_everything(config.matcher.seed, workers=True, verbose=False)
        options = config.matcher
        module = MatcherModule(
            self.build(), self.context.optimizer("matcher"),
            loss=options.loss, temperature=options.temperature, unit_length=options.unit_length,
            schedule=self.context.schedule("matcher"),
        )  # fmt: skip
        data = self.context.data("matcher", "ms", pseudo_rgb=True)
        checkpoint = last_checkpoint(folder) if resume else None
        with run_loggers(
            config, "matcher", folder,
            keep_until_epoch=epoch_of(checkpoint), resumed=checkpoint is not None,
            notes=self.context.benchmark.notes,
        ) as loggers:  # fmt: skip
            fitted = fit(
                module, data, config, stage="matcher", folder=folder, seed=config.matcher.seed,
                max_epochs=config.matcher.max_epochs, monitor="val/loss", mode="min",
                loggers=loggers, checkpoint=checkpoint,
            )  # fmt: skip
        if fitted.trainer.is_global_zero:
            save_tensors(folder / "weights.pt", module.matcher.state_dict())
            write_json(
                folder / "metrics.json",
                {
                    "metrics": {options.loss: fitted.score},
                    "best_epoch": fitted.epoch,
                    "stopped_early": fitted.stopped_early,
                    "seconds": fitted.seconds,
                },
            )

    def load(self, folder: Path) -> tuple[Matcher, dict[str, Any]]:
        """Read a finished matcher: the networks and what was measured."""
        matcher = self.build(fresh=False)
        matcher.load_state_dict(finite_weights(folder / "weights.pt", self.name))
        return matcher, read_json(folder / "metrics.json")
