"""What every stage of a run has at hand."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ackd.backbones import Backbone, build_backbone
from ackd.config.launch.schedules import schedule_of
from ackd.config.launch.targets import instantiate
from ackd.config.launch.trainer import processes
from ackd.config.schema import BackboneConfig, Config
from ackd.data.augmentation import Augmentation
from ackd.data.benchmark import TRAIN, Benchmark, SceneSet
from ackd.data.normalise import Normaliser
from ackd.data.pseudo_rgb import PseudoRGB, pseudo_rgb_remark
from ackd.errors import ConfigError
from ackd.modules.datamodule import UnpairedDataModule
from ackd.modules.execution import fused_on_cpu, memory_format_of, prepare
from ackd.modules.loading import Side
from ackd.modules.schedules import OptimizerFactory, Schedule
from ackd.stages.batches import fitting_batches
from ackd.stages.benchmark import build_benchmark
from ackd.stages.target_loss import supervised_task
from ackd.stages.trial import fetch_weights, image_size, try_augmentations, try_run
from ackd.tasks import Task, task_of

__all__ = ["Context", "open_context"]

log = logging.getLogger("ackd")

Shapes = tuple[int, ...]


def open_context(config: Config, chosen: Collection[str] = ()) -> Context:
    """Read or make the images, and see that batches, networks and losses of the run fit them.

    What costs least comes first: pretrained weights are looked for without an image, and networks
    and losses are tried when the first image of each side is known.

    Args:
        config: The options; the context has them with batches that the images fill.
        chosen: The options given on the command line; a batch size among them stays as it is.

    Raises:
        DataError: A folder, a file or an image is not what it should be.
        ConfigError: The options do not fit the images.
    """
    fetch_weights(config)
    tried: list[Shapes] = []

    def try_first(few: Benchmark) -> None:
        try_run(Context(config, few))
        tried.append(_shapes(few))

    benchmark = build_benchmark(config.data, try_first)
    context = Context(fitting_batches(config, benchmark, chosen), benchmark)
    _require_several_labels(context)
    for stage in config.stages:
        # It refuses a batch that the training images do not fill, before hours are spent.
        # The matcher's bands are looked for as well.
        side: Side = "rgb" if stage == "student" else "ms"
        if stage in ("teacher", "student"):
            context.task(stage)
        data = context.data(stage, side, pseudo_rgb=stage == "matcher")
        _require_a_step(context, data)
        try_augmentations(data)
    if "matcher" in config.stages:
        options = config.data
        said = pseudo_rgb_remark(benchmark.ms, options.pseudo_rgb_bands, options.pseudo_rgb)
        if said:
            log.warning("%s", said)
    if _shapes(benchmark) not in tried:
        try_run(context)
    return context


def _shapes(benchmark: Benchmark) -> Shapes:
    """What networks and losses are tried on: bands and size of each side, and the classes."""
    ms, rgb = (side.images.shape[1:] for side in (benchmark.ms, benchmark.rgb))
    return (*ms, *rgb, len(benchmark.classes))


def _require_a_step(context: Context, data: UnpairedDataModule) -> None:
    """See that an epoch has a step, with the processes and the share of batches asked for."""
    options = context.config.trainer
    count, images = processes(options), len(data.rows(TRAIN))
    batches = images // (data.batch_size * count)
    if not batches:
        raise ConfigError(
            f"{data.stage}.batch_size={data.batch_size} on {count} processes needs "
            f"{data.batch_size * count} training images, but the {data.side.upper()} side has "
            f"{images}; choose {data.stage}.batch_size={max(2, images // count)} or less, or fewer "
            "trainer.devices."
        )
    share = options.get("limit_train_batches")
    if isinstance(share, float) and int(share * batches) < 1:
        raise ConfigError(
            f"trainer.limit_train_batches={share} of the {batches} batches of the {data.stage} is "
            f"less than one; give at least {math.ceil(100 / batches) / 100}, or a number of "
            "batches: trainer.limit_train_batches=1"
        )


def _require_several_labels(context: Context) -> None:
    reading = context.config.loss.teacher_logits
    if reading != "raw" and not task_of(context.benchmark.ms.labels).sigmoid:
        raise ConfigError(
            f"loss.teacher_logits={reading} reads the logits of a teacher of several labels an "
            f"image, but the MS images of {context.benchmark.name} bear one label each, whose "
            "logits are those of a softmax already; use loss.teacher_logits=raw."
        )


@dataclass(frozen=True)
class Context:
    """The configuration and the data of a run."""

    config: Config
    benchmark: Benchmark

    @property
    def classes(self) -> int:
        """How many classes the benchmark has."""
        return len(self.benchmark.classes)

    @property
    def artifacts(self) -> Path:
        """Where finished stages are kept."""
        return Path(self.config.artifacts).expanduser()

    def backbone(
        self,
        options: BackboneConfig,
        side: Side,
        classes: int,
        option: str,
        *,
        fresh: bool = True,
        compiled: bool | None = None,
    ) -> Backbone:
        """Build a network for the images of a side.

        Args:
            options: What to build.
            side: Decides bands and image size.
            classes: Width of the logits.
            option: Where the network is chosen, e.g. ``"student.backbone"``, for messages.
            fresh: Whether it is to start from the pretrained weights that ``options`` ask for;
                not so where its weights are loaded afterwards.
            compiled: Whether calls are compiled; None for what ``execution.compile`` says.
        """
        scenes: SceneSet = getattr(self.benchmark, side)
        arguments = options.model_dump() | ({} if fresh else {"pretrained": False})
        try:
            backbone = build_backbone(
                **arguments, bands=len(scenes.bands), classes=classes, size=image_size(scenes)
            )
        except ConfigError as error:
            raise ConfigError(f"{option}: {error}") from error
        execution = self.config.execution
        layout = memory_format_of(execution.memory_format, self.config.trainer.get("accelerator"))
        prepare(backbone, layout, compiled=execution.compile if compiled is None else compiled)
        return backbone

    def optimizer(self, stage: str) -> OptimizerFactory:
        """Build the factory of a stage's optimiser."""
        node: dict[str, Any] = getattr(self.config, stage).optimizer
        factory: OptimizerFactory = instantiate({**node, "_partial_": True}, f"{stage}.optimizer")
        return fused_on_cpu(factory)

    def task(self, stage: str) -> Task:
        """What the labels of a stage are, with its loss, metrics and predictions."""
        scenes = self.benchmark.ms if stage == "teacher" else self.benchmark.rgb
        options = getattr(self.config, stage)
        return supervised_task(options, scenes, self.benchmark.classes, stage)

    def schedule(self, stage: str) -> Schedule | None:
        """How the learning rate of a stage changes; None if it stays."""
        return schedule_of(getattr(self.config, stage), f"{stage}.scheduler")

    def data(self, stage: str, side: Side, *, pseudo_rgb: bool = False) -> UnpairedDataModule:
        """Serve a side to a stage."""
        options = getattr(self.config, stage)
        data = self.config.data
        return UnpairedDataModule(
            self.benchmark,
            side,
            options.batch_size,
            seed=getattr(options, "seed", self.config.seed),
            stage=stage,
            augment=data.augment,
            augment_partners=getattr(options, "augment_ms", False),
            augmentations=self._augmentations(),
            normalise=data.normalise,
            pseudo_rgb=self.pseudo_rgb if pseudo_rgb else None,
            **self.config.loader.model_dump(),
        )

    def _augmentations(self) -> dict[Side, Augmentation]:
        """The user's own, by side."""
        sides: tuple[Side, ...] = ("ms", "rgb")
        given = self.config.data.augmentation
        found: dict[Side, Augmentation] = {}
        for side in sides:
            if side in given:
                option = f"data.augmentation.{side}"
                augment = instantiate(given[side], option)
                found[side] = Augmentation(augment, getattr(self.benchmark, side), option)
        return found

    def pseudo_rgb(self, normaliser: Normaliser) -> PseudoRGB:
        """What turns raw MS images into pseudo-RGB; ``normaliser`` is that of real RGB."""
        data = self.config.data
        return PseudoRGB(
            self.benchmark.ms, data.pseudo_rgb_reflectance, normaliser,
            kind=data.pseudo_rgb, bands=data.pseudo_rgb_bands,
        )  # fmt: skip
