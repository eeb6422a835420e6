"""How long a training takes, over all attempts."""

from __future__ import annotations

import time
from typing import Any

import lightning.pytorch as pl

__all__ = ["Clock"]


class Clock(pl.Callback):
    """Measures a training; a continued run counts on from its checkpoint."""

    def __init__(self) -> None:
        self._earlier = 0.0
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """From the start of the training until now, without what lay between two attempts."""
        return self._earlier + time.perf_counter() - self._began

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._began = time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        """What was measured so far."""
        return {"seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Count on."""
        self._earlier = state_dict["seconds"]
