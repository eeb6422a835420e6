"""A name for everything that shaped a result, so that it can be found again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["NEUTRAL_TRAINER_OPTIONS", "fingerprint", "shaping_trainer_options"]

# Options of the Trainer that change where, how loudly or how safely a run happens, not its result.
NEUTRAL_TRAINER_OPTIONS = frozenset(
    {
        "accelerator", "barebones", "benchmark", "callbacks", "default_root_dir", "detect_anomaly",
        "deterministic", "enable_autolog_hparams", "enable_checkpointing", "enable_model_summary",
        "enable_progress_bar", "log_every_n_steps", "logger", "num_sanity_val_steps", "plugins",
        "profiler", "strategy",
    }
)  # fmt: skip


def fingerprint(content: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits of a mapping of plain values, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shaping_trainer_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the Trainer options that change what comes out, where they are not the usual ones."""
    usual = {"devices": 1, "num_nodes": 1, "precision": "32-true"}
    return {
        name: value
        for name, value in options.items()
        if name not in NEUTRAL_TRAINER_OPTIONS and usual.get(name) != value
    }
