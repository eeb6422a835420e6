"""``result.json``: one run in one file."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ackd import __version__
from ackd.config.schema import Config
from ackd.data.benchmark import TEST, TRAIN, VAL, Benchmark, SceneSet

__all__ = ["SCHEMA_VERSION", "describe_run", "score"]

SCHEMA_VERSION = 1

PACKAGES = ("torch", "torchvision", "timm", "lightning", "torchmetrics", "hydra-core", "numpy")


def describe_run(
    config: Config,
    benchmark: Benchmark,
    *,
    teacher: dict[str, Any] | None,
    student: dict[str, Any] | None,
    seconds: dict[str, float],
    reused: list[str],
    device: torch.device,
) -> dict[str, Any]:
    """Collect what a run was and what came out.

    Args:
        config: Of the run.
        benchmark: The images.
        teacher: ``{"backbone", "metrics", "best_epoch", "fingerprint"}``, None without a teacher.
        student: ``{"backbone", "metrics", "best_epoch", "transport"}``, None where ``until`` ends
            before it. ``transport`` has the curves of the transport cost, or is None.
        seconds: Per stage. A reused stage counts what it took when it was trained;
            ``distill`` contains ``dynm`` and ``planner`` (its forward pass and the SKA losses').
        reused: Names of stages that were found instead of trained by the attempt that finished.
        device: Where it ran.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "experiment": config.name,
        "method": config.method,
        "recipe": config.recipe,
        "kd": sorted(config.loss.kd) if config.distils and config.loss.lambda1 > 0 else [],
        "seed": config.seed,
        "data": {
            "name": benchmark.name,
            "classes": list(benchmark.classes),
            "bands": {"ms": list(benchmark.ms.bands), "rgb": list(benchmark.rgb.bands)},
            "split_seed": config.data.split_seed,
            "fold": config.data.fold,
            "split_sizes": {"ms": _sizes(benchmark.ms), "rgb": _sizes(benchmark.rgb)},
            **benchmark.notes,
            "partial": bool(benchmark.notes.get("partial", False)),
        },
        "protocol": config.data.protocol,
        "teacher": teacher,
        "student": student,
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "reused": reused,
        "device": _device_name(device),
        "git": _commit(),
        "versions": {"python": platform.python_version(), "ackd": __version__}
        | {name: version(name) for name in PACKAGES},
    }


def score(result: dict[str, Any]) -> float:
    """What a sweeper is told of a run: its student's OA, macro F1 where there is none."""
    measured = (result["student"] or result["teacher"] or {}).get("metrics", {})
    found = measured.get("oa")
    return float(measured.get("f1", 0.0) if found is None else found)


def _sizes(scenes: SceneSet) -> dict[str, int]:
    names = {"train": TRAIN, "val": VAL, "test": TEST}
    return {name: int(np.size(scenes.indices(split))) for name, split in names.items()}


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {torch.get_num_threads()} threads)"


def _commit() -> str | None:
    """The commit of the checkout that ackd runs from, with ``+`` where it was changed since."""
    folder = Path(__file__).resolve().parent

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    # An installed wheel may lie inside somebody else's repository: only our own file counts.
    if not git("ls-files", "--error-unmatch", Path(__file__).name):
        return None
    commit = git("rev-parse", "HEAD")
    return f"{commit}+" if commit and git("status", "--porcelain", "--", str(folder)) else commit
