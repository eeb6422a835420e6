"""The matcher's self-supervised training: eqs 5-7, or the loss of the authors' code."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from ackd.losses import info_nce, soft_target_info_nce
from ackd.matching.matcher import Matcher
from ackd.modules.schedules import OptimizerFactory, Schedule, ScheduledModule
from ackd.ops.gathering import gather_batch

__all__ = ["MatcherModule"]


class MatcherModule(ScheduledModule):
    """An MS image and its own pseudo-RGB are the positive pair; the batch holds the negatives."""

    def __init__(
        self,
        matcher: Matcher,
        optimizer: OptimizerFactory,
        *,
        loss: Literal["info_nce", "soft_target"] = "info_nce",
        temperature: float = 1.0,
        unit_length: bool = True,
        schedule: Schedule | None = None,
    ) -> None:
        """Choose the loss.

        Args:
            matcher: Both encoders and heads, and the scale that ``info_nce`` learns.
            optimizer: Builds the optimiser.
            loss: ``"info_nce"`` for eqs 5-7; ``"soft_target"`` for the loss of the authors' code,
                which has no learned scale.
            temperature: Of ``"soft_target"``.
            unit_length: Whether the loss sees embeddings of length one, as matching does.
            schedule: Of the learning rate; None for a constant one.
        """
        super().__init__(optimizer, schedule)
        self.matcher = matcher
        self.loss = loss
        self.temperature = temperature
        self.unit_length = unit_length
        # A parameter without a gradient would make ranks wait for it.
        matcher.log_scale.requires_grad_(loss == "info_nce")

    def _loss(self, batch: dict[str, Tensor]) -> Tensor:
        matcher = self.matcher
        v = matcher.ms_head(matcher.ms_encoder(batch["ms"]).zbar)
        g = matcher.rgb_head(matcher.rgb_encoder(batch["pseudo_rgb"]).zbar)
        if self.unit_length:
            v, g = F.normalize(v, dim=1), F.normalize(g, dim=1)
        if self.training:
            # The negatives are the images of all ranks. Validation shares differ in length.
            v, g = gather_batch(v), gather_batch(g)
        if self.loss == "soft_target":
            return soft_target_info_nce(v, g, self.temperature)
        return info_nce(v, g, matcher.logit_scale)

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Contrast the images of the batch."""
        loss = self._loss(batch)
        report = {"train/loss": loss}
        if self.loss == "info_nce":
            report["train/logit_scale"] = self.matcher.logit_scale.detach()
        self.log_dict(
            report,
            on_step=False,
            on_epoch=True,
            prog_bar=True,
            batch_size=len(batch["ms"]),
            sync_dist=True,
        )
        return loss

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """The same loss on MS images that are not trained on."""
        # A single image has no negatives: its loss is 0 and says nothing.
        if len(batch["ms"]) > 1:
            loss = self._loss(batch)
            self.log("val/loss", loss, prog_bar=True, batch_size=len(batch["ms"]), sync_dist=True)
