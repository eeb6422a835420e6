"""What a process is, as far as a run may change it."""

from __future__ import annotations

import logging
import os
import random
import signal
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

LOGGERS = ("", "ackd", "lightning.pytorch", "lightning.fabric.utilities.rank_zero")


def state() -> dict[str, Any]:
    """A picture to compare with a later one."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    return {
        "random": random.getstate(),
        "numpy": str(np.random.get_state()),
        "torch": torch.get_rng_state().tolist(),
        "threads": torch.get_num_threads(),
        "deterministic": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.backends.cudnn.benchmark,
        ),
        "grad": torch.is_grad_enabled(),
        "folder": Path.cwd(),
        "environment": dict(os.environ),
        "signals": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)],
        "loggers": [(log.level, log.propagate, list(log.handlers)) for log in loggers],
        "filters": list(warnings.filters),
        "hydra": (GlobalHydra.instance().hydra, HydraConfig.instance().cfg),
    }
