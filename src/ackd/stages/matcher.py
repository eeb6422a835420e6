"""Stage two: the encoders that find similar scenes across modalities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from ackd.data.normalise import Normaliser
from ackd.matching.matcher import Matcher
from ackd.modules import MatcherModule
from ackd.stages.context import Context
from ackd.stages.files import read_json, save_tensors, write_json
from ackd.stages.fingerprint import shaping_trainer_options
from ackd.stages.fitting import epoch_of, fit, last_checkpoint
from ackd.stages.loggers import run_loggers

__all__ = ["MatcherStage"]


class MatcherStage:
    """Trains the matcher on MS images alone; leaves ``weights.pt`` and ``metrics.json``."""

    name = "matcher"
    format_version = 1

    def __init__(self, context: Context) -> None:
        self.context = context

    def shaped_by(self) -> dict[str, Any]:
        """The MS images, how RGB is normalised, and the matcher's own options."""
        config, benchmark = self.context.config, self.context.benchmark
        rgb = Normaliser.of(benchmark.rgb)
        return {
            "ms": benchmark.ms.fingerprint,
            "rgb_statistics": [rgb.mean.flatten().tolist(), rgb.std.flatten().tolist()],
            "normalise": config.data.normalise,
            "pseudo_rgb_reflectance": config.data.pseudo_rgb_reflectance,
            "augment": config.data.augment,
            "options": config.matcher.model_dump(mode="json"),
            "trainer": shaping_trainer_options(config.trainer),
        }

    def build(self) -> Matcher:
        """The matcher, with fresh weights."""
        options = self.context.config.matcher
        bands = len(self.context.benchmark.ms.bands)

        def encoder(channels: int) -> Any:
            return self.context.backbone(options.backbone, channels, 0, "matcher.backbone")

        return Matcher(
            encoder(bands), encoder(3), options.dim, options.dropout, options.logit_scale
        )

    def train(self, folder: Path, *, resume: bool) -> None:
        """Train; the epoch with the lowest validation InfoNCE is kept."""
        config = self.context.config
        pl.seed_everything(config.matcher.seed, workers=True, verbose=False)
        module = MatcherModule(self.build(), self.context.optimizer("matcher"))
        data = self.context.data("matcher", "ms", pseudo_rgb=True)
        checkpoint = last_checkpoint(folder) if resume else None
        with run_loggers(
            config, "matcher", folder,
            keep_until_epoch=epoch_of(checkpoint), resumed=checkpoint is not None,
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
                    "metrics": {"info_nce": fitted.score},
                    "best_epoch": fitted.epoch,
                    "seconds": fitted.seconds,
                },
            )

    def load(self, folder: Path) -> tuple[Matcher, dict[str, Any]]:
        """Read a finished matcher: the networks and what was measured."""
        matcher = self.build()
        matcher.load_state_dict(
            torch.load(folder / "weights.pt", map_location="cpu", weights_only=True)
        )
        return matcher, read_json(folder / "metrics.json")
