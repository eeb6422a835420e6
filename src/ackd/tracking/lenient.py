"""Lightning's loggers of dashboards, without the power to end a run."""

from __future__ import annotations

from typing import Any

from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger

from ackd.callbacks.lenient import Guarded, lenient

__all__ = ["LenientTensorBoardLogger", "LenientWandbLogger"]


class _Lenient:
    """Guards what Lightning calls, and the run or writer that callbacks call themselves."""

    dashboard: str

    @property
    def experiment(self) -> Any:
        """The run or writer; one that does nothing where it could not be opened."""
        opened: Any = None
        if not getattr(self, "_lost", False):
            with lenient(self.dashboard):
                opened = super().experiment  # type: ignore[misc]
        # What could not be opened now will not be at the next number either.
        self._lost = opened is None
        return Guarded(opened, self.dashboard)

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        """Hand numbers over."""
        with lenient(self.dashboard):
            super().log_metrics(*args, **kwargs)  # type: ignore[misc]

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Hand options over."""
        with lenient(self.dashboard):
            super().log_hyperparams(*args, **kwargs)  # type: ignore[misc]

    def save(self) -> None:
        """Write what is held back."""
        with lenient(self.dashboard):
            super().save()  # type: ignore[misc]

    def finalize(self, status: str) -> None:
        """Write the rest."""
        with lenient(self.dashboard):
            super().finalize(status)  # type: ignore[misc]


class LenientWandbLogger(_Lenient, WandbLogger):
    """W&B."""

    dashboard = "W&B"

    @property
    def mode(self) -> str:
        """How it is kept: online, offline or disabled."""
        return str(self._wandb_init["mode"])

    @mode.setter
    def mode(self, mode: str) -> None:
        self._wandb_init["mode"] = mode

    def open(self) -> None:
        """Open the run.

        Raises:
            Exception: Whatever W&B raises.
        """
        _ = super(_Lenient, self).experiment  # not guarded

    def log_image(self, *args: Any, **kwargs: Any) -> None:
        """Hand pictures over."""
        with lenient(self.dashboard):
            super().log_image(*args, **kwargs)


class LenientTensorBoardLogger(_Lenient, TensorBoardLogger):
    """TensorBoard."""

    dashboard = "TensorBoard"
