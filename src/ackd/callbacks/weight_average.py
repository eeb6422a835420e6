"""An exponential moving average of a stage's weights, by which it is validated and kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

__all__ = ["EMA"]

log = logging.getLogger("ackd")

# More than this of the first weights in the last average is not what an average is for.
LEFT_OVER = 0.05


class EMA(WeightAveraging):
    """Lightning's weight averaging, exponential, as an option of a stage.

    After every optimizer step a' = d a + (1 - d) w with the decay d, the average a and the weights
    w; running statistics of batch normalization are averaged alike, and counters are those of the
    weights. Validation sees the average, and so does every checkpoint under ``state_dict``; the
    weights in training are beside it. The module itself is copied without what it holds beside
    its parameters, such as a teacher.
    """

    def __init__(self, stage: str, decay: float, *, warmup: bool = False) -> None:
        """Say how far the average looks back.

        Args:
            stage: Whose options name it in what is said.
            decay: d, between 0 and 1; about 1 / (1 - d) steps count.
            warmup: Whether the n-th step has d = min(decay, (1 + n) / (10 + n)), as in TensorFlow,
                so that the first weights are soon forgotten.
        """
        super().__init__(use_buffers=True)
        self.stage = stage
        self.decay = decay
        self.warmup = warmup

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Copy what is averaged."""
        if stage == "fit":
            self._average_model = AveragedModel(
                _parameters_alone(pl_module), use_buffers=True,
                multi_avg_fn=_exponential(self.decay, warmup=self.warmup),
            )  # fmt: skip

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Bring the average to the module's device."""
        if self._average_model is not None:
            self._average_model.to(pl_module.device)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say so where the training is too short for the average."""
        steps = int(trainer.estimated_stepping_batches)
        left = self.decay ** max(0, steps - 1)
        if left > LEFT_OVER and not self.warmup:
            log.warning(
                "%s.ema.decay=%g is much for %d steps: the last average is still %.0f %% of the "
                "weights after the first one; %s.ema.warmup=true forgets them, or use a smaller "
                "decay", self.stage, self.decay, steps, 100 * left, self.stage,
            )  # fmt: skip

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Let go of the average: the module has the weights of the chosen epoch from now on."""
        if stage == "fit":
            self._average_model = None


def _parameters_alone(module: nn.Module) -> nn.Module:
    """A plain module with the same parameters, buffers and submodules, under the same names."""
    alone = nn.Module()
    for name, parameter in module.named_parameters(recurse=False):
        alone.register_parameter(name, nn.Parameter(parameter))
    for name, buffer in module.named_buffers(recurse=False):
        stored = name not in module._non_persistent_buffers_set
        alone.register_buffer(name, buffer, persistent=stored)
    for name, child in module.named_children():
        alone.add_module(name, child)
    return alone


def _exponential(
    decay: float, *, warmup: bool
) -> Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]:
    """Make the step of the average, as :class:`torch.optim.swa_utils.AveragedModel` wants it."""

    @torch.no_grad()
    def step(averages: Sequence[Tensor], current: Sequence[Tensor], count: Any) -> None:
        if not averages[0].is_floating_point():
            torch._foreach_copy_(list(averages), list(current))
            return
        n = int(count) if warmup else 0
        rate = min(decay, (1 + n) / (10 + n)) if warmup else decay
        # Exact where both are the same, as constants are.
        torch._foreach_lerp_(list(averages), list(current), 1 - rate)

    return step
