"""A name for everything that shaped a result, so that it can be found again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ackd.config.schema import BackboneConfig

__all__ = [
    "NEUTRAL_TRAINER_OPTIONS",
    "shaping_trainer_options",
    "weights_digest",
]

# Options of the Trainer that change where, how loudly or how safely a run happens, not its result.
NEUTRAL_TRAINER_OPTIONS = frozenset(
    {
        "accelerator", "barebones", "benchmark", "callbacks", "default_root_dir", "detect_anomaly",
        "deterministic", "enable_autolog_hparams", "enable_checkpointing", "enable_model_summary",
        "enable_progress_bar", "log_every_n_steps", "logger", "num_sanity_val_steps", "plugins",
        "profiler", "strategy",
    }
)  # fmt: skip


def shaping_trainer_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the Trainer options that change what comes out, where they are not the usual ones."""
    usual = {"devices": 1, "num_nodes": 1, "precision": "32-true"}
    return {
        name: value
        for name, value in options.items()
        if name not in NEUTRAL_TRAINER_OPTIONS and usual.get(name) != value
    }


def weights_digest(options: BackboneConfig) -> dict[str, str]:
    """The content of the file that a network starts from; nothing where it starts from none."""
    if isinstance(options.pretrained, bool):
        return {}
    path = Path(options.pretrained).expanduser()
    if not path.is_file():
        return {}  # building the network will say so
    with path.open("rb") as file:
        return {"weights": hashlib.file_digest(file, "sha256").hexdigest()[:16]}
