"""The five ways to train a student that are held against each other, on images of noise.

Nothing here measures accuracy, so the pixels do not matter; the classes, bands and sizes do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from torch import Tensor

from ackd.backbones import Backbone
from ackd.config.location import config_dir
from ackd.config.schema import Config
from ackd.data import DEFAULT_BANDS
from ackd.data.benchmark import TEST, TRAIN, VAL, Benchmark, SceneSet
from ackd.modules import UnpairedDataModule, open_store
from ackd.stages.context import SceneContext
from ackd.stages.lesson import Lesson, make_lesson
from ackd.stages.pairing import make_pairing
from ackd.stages.stage import Done, StageResult
from ackd.stages.store import StoreStage
from ackd.stages.teacher import TeacherStage
from ackd.train import check
from benchmarks.device import accelerator, chosen

__all__ = ["ARMS", "NETWORKS", "Arm", "configure", "make_arm", "noise", "step_of", "teacher_of"]

NETWORKS = {"R": "resnet34", "M": "mobilenetv2", "S": "shufflenetv2_x0_5", "T": "test_resnet"}
"""By the letters of the paper's tables; T is timm's smallest ResNet, for trying things out."""

ARMS: dict[str, tuple[str, ...]] = {
    "plain": ("method=baseline",),
    "kd live": ("method=kd", "student.teacher=live"),
    "kd stored": ("method=kd",),
    "sembridge live": ("student.teacher=live",),
    "sembridge stored": (),
}
CLASSES = 10


@dataclass(frozen=True)
class Arm:
    """A student's training that is ready to begin."""

    context: SceneContext
    lesson: Lesson
    data: UnpairedDataModule


def noise(ms: int, rgb: int, size: int) -> Benchmark:
    """Make ``ms`` and ``rgb`` training images, and a quarter as many for validation and test."""

    def scenes(modality: Any, count: int, bands: tuple[str, ...], top: int) -> SceneSet:
        rng = np.random.default_rng([0, count])
        held = max(CLASSES, count // 8)
        split = np.repeat(np.array([TRAIN, VAL, TEST], dtype=np.int8), [count, held, held])
        names = np.array([f"{modality}/{i}" for i in range(len(split))])
        kind = np.uint16 if modality == "ms" else np.uint8
        return SceneSet(
            modality=modality,
            images=rng.integers(0, top, (len(split), len(bands), size, size)).astype(kind),
            labels=np.arange(len(split), dtype=np.int64) % CLASSES,
            files=names,
            scene_ids=names,
            split=split,
            bands=bands,
            sensor="sentinel2" if modality == "ms" else "rgb",
        )

    classes = tuple(f"class {i}" for i in range(CLASSES))
    sides = scenes("ms", ms, DEFAULT_BANDS, 3000), scenes("rgb", rgb, ("R", "G", "B"), 256)
    return Benchmark("noise", classes, *sides, "strict", {})


def configure(pairing: str, folder: Path, *overrides: str) -> Config:
    """Compose a run of a pairing such as ``"R/S"`` with files under ``folder``."""
    teacher, student = (NETWORKS[letter] for letter in pairing.split("/"))
    backbone = {name: "tiny" if name == NETWORKS["T"] else name for name in (teacher, student)}
    common = [
        f"backbone@teacher.backbone={backbone[teacher]}",
        f"backbone@student.backbone={backbone[student]}",
        f"outputs={folder}/outputs",
        f"artifacts={folder}/artifacts",
        f"trainer.accelerator={accelerator()}",
        "trainer.devices=1",
        "+trainer.enable_progress_bar=false",
    ]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return check(compose("train", overrides=[*common, *overrides]))


def teacher_of(context: SceneContext) -> Backbone:
    """A teacher as it was initialised: what it says costs the same."""
    torch.manual_seed(1)
    return TeacherStage.of(context, Done()).training.network().eval()


def make_arm(context: SceneContext, folder: Path) -> Arm:
    """Build the student's training of a configuration with random first pairs."""
    training = context.training("student")
    data = training.data
    teacher = pairing = store = None
    if context.config.distils:
        teacher = teacher_of(context)
        if context.config.student.teacher == "stored":
            folder.mkdir(parents=True, exist_ok=True)
            done = Done({"teacher": StageResult(teacher, {}, fingerprint="noise")})
            StoreStage.of(context, done).train(folder, resume=False)
            store = open_store(folder)
        pairing = make_pairing(context.config, data, context.networks, teacher, None, store)
    torch.manual_seed(context.config.seed)
    return Arm(context, make_lesson(training, teacher, pairing, store), data)


def step_of(arm: Arm, *, bf16: bool = False) -> Callable[[], None]:
    """One optimiser step on a batch that is at hand: forward, backward, update.

    Args:
        arm: Whose step.
        bf16: Forward under autocast, as ``trainer.precision=bf16-mixed`` has it.
    """
    module = arm.lesson.module.to(chosen()).train()
    if module.teacher is not None:
        module.teacher = module.teacher.to(chosen())
    optimizer = module.configure_optimizers()
    read = next(iter(arm.data.train_dataloader()))
    batch: dict[str, Tensor] = arm.data.prepare(
        arm.data.transfer_batch_to_device(read, chosen(), 0)
    )

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(chosen().type, dtype=torch.bfloat16, enabled=bf16):
            loss = module.training_step(batch, 0)["loss"]
        loss.backward()
        optimizer.step()

    return step
