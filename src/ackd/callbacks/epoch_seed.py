"""Random numbers as a function of (seed, epoch, rank)."""

from __future__ import annotations

import random

import lightning.pytorch as pl
import numpy as np
import torch

__all__ = ["EpochSeed"]


class EpochSeed(pl.Callback):
    """Seed torch, numpy and random anew at the start of every training epoch.

    Dropout and augmentation of an epoch then do not depend on what was drawn before it. A run that
    continues from the checkpoint of an epoch's end draws what an uninterrupted one draws, whatever
    was restored in between.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed for this epoch and rank."""
        entropy = [self.seed, trainer.current_epoch, trainer.global_rank]
        derived = int(np.random.SeedSequence(entropy).generate_state(1)[0])
        torch.manual_seed(derived)
        np.random.seed(derived)
        random.seed(derived)
