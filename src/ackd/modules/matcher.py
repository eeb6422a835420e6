"""The matcher's self-supervised training, eqs 5-7."""

from __future__ import annotations

import lightning.pytorch as pl
from torch import Tensor
from torch.optim import Optimizer

from ackd.losses import info_nce
from ackd.losses.gathering import gather_batch
from ackd.matching.matcher import Matcher
from ackd.modules.classifier import OptimizerFactory

__all__ = ["MatcherModule"]


class MatcherModule(pl.LightningModule):
    """An MS image and its own pseudo-RGB are the positive pair; the batch holds the negatives."""

    def __init__(self, matcher: Matcher, optimizer: OptimizerFactory) -> None:
        super().__init__()
        self.matcher = matcher
        self.optimizer_factory = optimizer

    def _loss(self, batch: dict[str, Tensor]) -> Tensor:
        v = self.matcher.embed_ms(batch["ms"])
        g = self.matcher.embed_rgb(batch["pseudo_rgb"])
        if self.training:
            # The negatives are the images of all ranks. Validation shares differ in length.
            v, g = gather_batch(v), gather_batch(g)
        return info_nce(v, g, self.matcher.logit_scale)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Symmetric InfoNCE."""
        del batch_idx
        loss = self._loss(batch)
        self.log_dict(
            {"train/loss": loss, "train/logit_scale": self.matcher.logit_scale.detach()},
            on_step=False,
            on_epoch=True,
            prog_bar=True,
            batch_size=len(batch["ms"]),
            sync_dist=True,
        )
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """The same loss on MS images that are not trained on."""
        del batch_idx
        # A single image has no negatives: its loss is 0 and says nothing.
        if len(batch["ms"]) > 1:
            loss = self._loss(batch)
            self.log("val/loss", loss, prog_bar=True, batch_size=len(batch["ms"]), sync_dist=True)

    def configure_optimizers(self) -> Optimizer:
        """Give the optimiser both encoders, both heads and the logit scale."""
        return self.optimizer_factory(self.parameters())
