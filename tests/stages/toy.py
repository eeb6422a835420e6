"""A benchmark and networks so small that whole runs take a second."""

from __future__ import annotations

import copy
import csv
import multiprocessing
import os
import signal
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from ackd.backbones import Backbone, Outputs
from ackd.config.schema import Config
from ackd.data.benchmark import TEST, TRAIN, VAL, Benchmark, SceneSet
from ackd.modules import DistillModule, UnpairedDataModule
from ackd.train import check, train
from tests.config.composing import compose_config

BANDS = ("B02", "B03", "B04", "B08")
CLASSES = ("a", "b", "c")
FORK = multiprocessing.get_context("fork")


class ToyBackbone(Backbone):
    """One convolution, batch norm, dropout and a classifier."""

    def __init__(self, bands: int, classes: int, width: int = 8, dropout: float = 0.3) -> None:
        super().__init__(width, width, bands, classes)
        self.conv = nn.Conv2d(bands, width, 4, stride=4)
        self.norm = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes) if classes else None

    def run(self, x: Tensor) -> Outputs:
        maps = self.dropout(torch.relu(self.norm(self.conv(x))))
        z = maps.flatten(2).mT
        zbar = z.mean(dim=1)
        logits = self.head(zbar) if self.head is not None else zbar.new_empty(len(zbar), 0)
        return Outputs(z, zbar, logits, (maps.shape[2], maps.shape[3]))


def scenes(modality: Any, per_class: int, size: int = 8, seed: int = 0) -> SceneSet:
    rng = np.random.default_rng([seed, modality == "ms"])
    bands = BANDS if modality == "ms" else ("R", "G", "B")
    labels = np.repeat(np.arange(len(CLASSES)), per_class).astype(np.int64)
    level, depth = (900, np.uint16) if modality == "ms" else (60, np.uint8)
    means = rng.uniform(0.5, 1.5, (len(CLASSES), len(bands)))[labels][:, :, None, None]
    images = level * (means + rng.uniform(0, 1, (len(labels), len(bands), size, size)))
    split = np.resize(np.array([TRAIN, TRAIN, TRAIN, VAL, TEST], dtype=np.int8), per_class)
    return SceneSet(
        modality=modality,
        images=np.ascontiguousarray(images.astype(depth)),
        labels=labels,
        files=np.array([f"{modality}/{CLASSES[c]}_{i}.tif" for i, c in enumerate(labels)]),
        scene_ids=np.array([f"{modality}/{i}" for i in range(len(labels))]),
        split=np.tile(split, len(CLASSES)),
        bands=bands,
        sensor="sentinel2" if modality == "ms" else "rgb",
    )


def benchmark(ms: int = 10, rgb: int = 15, seed: int = 0) -> Benchmark:
    return Benchmark(
        "toy", CLASSES, scenes("ms", ms, seed=seed), scenes("rgb", rgb, seed=seed), "strict", {}
    )


def composed(folder: Path, *overrides: str) -> DictConfig:
    """The default configuration, made small; ``folder`` gets runs and artifacts."""
    made = copy.deepcopy(_composed(overrides))
    for place in ("outputs", "artifacts"):
        if not any(word.startswith(f"{place}=") for word in overrides):
            OmegaConf.update(made, place, f"{folder}/{place}")
    return made


@lru_cache(maxsize=100)
def _composed(overrides: tuple[str, ...]) -> DictConfig:
    """Composing takes as long as a training here, and is asked for the same again and again."""
    small = [
        "trainer.accelerator=cpu",
        "teacher.max_epochs=2", "matcher.max_epochs=1", "student.max_epochs=5", "planner.heads=2",
        *(f"{stage}.batch_size=8" for stage in ("teacher", "matcher", "student")),
        "dynm.e0=0", "dynm.delta=2", "dynm.mu=0", "dynm.count=3", "dynm.reference_epochs=5",
        "student.optimizer.lr=0.01", "+trainer.enable_progress_bar=false",
    ]  # fmt: skip
    return compose_config(*small, *overrides)


def config(folder: Path, *overrides: str) -> Config:
    return check(composed(folder, *overrides))


def data(bench: Benchmark | None = None, side: Any = "rgb", **options: Any) -> UnpairedDataModule:
    return UnpairedDataModule(bench or benchmark(), side, options.pop("batch_size", 8), **options)


def small(monkeypatch: pytest.MonkeyPatch, bench: Benchmark | None = None) -> None:
    """Let every stage use the toy networks, and the pipeline the toy images."""
    monkeypatch.setenv("ACKD_RUN_FOLDER", "")  # so that what a run sets is taken back

    def build(name: str, bands: int, classes: int, **_: object) -> Backbone:
        # Another width for the student, so that projections are needed.
        return ToyBackbone(bands, classes, width=6 if (bands, classes) == (3, 3) else 8)

    monkeypatch.setattr("ackd.stages.context.build_backbone", build)
    monkeypatch.setattr("ackd.stages.context.build_benchmark", lambda *_: bench or benchmark())


def run(root: Path, name: str, *overrides: str) -> dict[str, Any]:
    """Train in ``root/outputs/name``; its result."""
    return train(composed(root, *overrides), root / "outputs" / name)


def die_at(
    monkeypatch: pytest.MonkeyPatch, module: type, epoch: int, how: Callable[[], None]
) -> None:
    """Let the second batch of an epoch end the run."""
    step = module.training_step  # type: ignore[attr-defined]

    def dying(self: Any, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        if self.current_epoch == epoch and batch_idx == 1:
            how()
        return step(self, batch, batch_idx)

    monkeypatch.setattr(module, "training_step", dying)


def power_cut(*_: object) -> None:
    raise RuntimeError("power cut")


def sigkill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def crashed(
    monkeypatch: pytest.MonkeyPatch, root: Path, name: str, *overrides: str, epoch: int = 3
) -> Path:
    """The folder of a run whose student was cut off in an epoch."""
    with monkeypatch.context() as patch:
        die_at(patch, DistillModule, epoch, power_cut)
        with pytest.raises(RuntimeError, match="power cut"):
            run(root, name, *overrides)
    return root / "outputs" / name


def crashed_and_whole(
    monkeypatch: pytest.MonkeyPatch, root: Path, *overrides: str
) -> tuple[Path, Path]:
    """The folders of a run that was cut off and went on, and of one that was never cut off."""
    words = ("name=n", *overrides)
    run(root, "whole", *words)
    ours = crashed(monkeypatch, root, "ours", *words)
    run(root, "unused", *words, "ckpt_path=auto")
    assert not (root / "outputs" / "unused").exists()
    return ours, root / "outputs" / "whole"


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a metrics.csv without what a clock measured and empty cells."""
    with path.open(newline="") as file:
        return [
            {k: v for k, v in row.items() if v and "seconds" not in k}
            for row in csv.DictReader(file)
        ]


def in_child(work: Callable[..., object], *args: object) -> int:
    """Run ``work`` in a forked process; its exit code, -9 where it was killed."""
    process = FORK.Process(target=work, args=args)
    process.start()
    process.join(60)
    assert process.exitcode is not None, "the child did not end"
    return process.exitcode
