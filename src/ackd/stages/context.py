"""What every stage of scene classification has at hand."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ackd.backbones import Backbone, build_backbone
from ackd.config.schema import BackboneConfig, Config, ExecutionConfig
from ackd.data.benchmark import TEST, TRAIN, VAL, Benchmark, SceneSet
from ackd.data.cache import PackedImages
from ackd.errors import ConfigError
from ackd.modules.execution import memory_format_of, prepare
from ackd.modules.loading import Side
from ackd.stages.batches import fitting_batches
from ackd.stages.benchmark import build_benchmark
from ackd.stages.plan import plan
from ackd.stages.scene_training import SceneTraining
from ackd.stages.stage import Context
from ackd.stages.trial import fetch_weights, image_size, try_run
from ackd.tasks import task_of

__all__ = ["Networks", "SceneContext", "open_context", "training_images"]

log = logging.getLogger("ackd")

Shapes = tuple[int, ...]


def open_context(config: Config, chosen: Collection[str] = ()) -> SceneContext:
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
        try_run(SceneContext(config, few))
        tried.append(_shapes(few))

    benchmark = build_benchmark(config.data, try_first)
    fitting = fitting_batches(config, training_images(config, benchmark), chosen)
    context = SceneContext(fitting, benchmark)
    _require_several_labels(context)
    for stage in plan(context.config):
        stage.check(context)
    if _shapes(benchmark) not in tried:
        try_run(context)
    return context


def _shapes(benchmark: Benchmark) -> Shapes:
    """What networks and losses are tried on: bands and size of each side, and the classes."""
    ms, rgb = (side.images.shape[1:] for side in (benchmark.ms, benchmark.rgb))
    return (*ms, *rgb, len(benchmark.classes))


def training_images(config: Config, benchmark: Benchmark) -> dict[str, int]:
    """How many images each stage that trains a network has for it."""
    sides = {name: getattr(benchmark, stage.side) for name, stage in config.trained().items()}
    return {name: len(side.indices(TRAIN)) for name, side in sides.items()}


def _require_several_labels(context: SceneContext) -> None:
    reading = context.config.loss.teacher_logits
    if reading != "raw" and not task_of(context.benchmark.ms.labels).sigmoid:
        raise ConfigError(
            f"loss.teacher_logits={reading} reads the logits of a teacher of several labels an "
            f"image, but the MS images of {context.benchmark.name} bear one label each, whose "
            "logits are those of a softmax already; use loss.teacher_logits=raw."
        )


@dataclass(frozen=True)
class Networks:
    """Builds networks for the images of a run.

    Attributes:
        benchmark: The images, which decide bands and size.
        execution: How networks are computed.
        accelerator: The Trainer's.
    """

    benchmark: Benchmark
    execution: ExecutionConfig
    accelerator: str | None

    def build(
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
        layout = memory_format_of(self.execution.memory_format, self.accelerator)
        prepare(backbone, layout, compiled=self.execution.compile if compiled is None else compiled)
        return backbone


@dataclass(frozen=True)
class SceneContext(Context):
    """The configuration and the images of a run; stages take what they need from it."""

    config: Config
    benchmark: Benchmark

    @property
    def classes(self) -> int:
        """How many classes the benchmark has."""
        return len(self.benchmark.classes)

    @property
    def networks(self) -> Networks:
        """What builds its networks."""
        config = self.config
        return Networks(self.benchmark, config.execution, config.trainer.get("accelerator"))

    def training(self, stage: str, *, pseudo_rgb: bool = False) -> SceneTraining:
        """What a stage trains with; ``pseudo_rgb`` for MS batches that also carry theirs."""
        return SceneTraining(stage, self.config, self.benchmark, self.networks, pseudo_rgb)

    @property
    def fingerprints(self) -> Mapping[str, str]:
        """Of the images of each side."""
        return self.benchmark.fingerprints

    @property
    def notes(self) -> Mapping[str, Any]:
        """Those of the benchmark."""
        return self.benchmark.notes

    def describe(self) -> dict[str, Any]:
        """The distillation losses and the benchmark, with its splits."""
        config, benchmark = self.config, self.benchmark
        return {
            "kd": config.active_losses,
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
        }

    def packs(self) -> set[Path]:
        """The packs that the images are read from, where ackd keeps them; not those of a user."""
        kept = getattr(self.config.data, "packs", None)
        if kept is None:
            return set()
        sides = (self.benchmark.ms.images, self.benchmark.rgb.images)
        folders = {images.path.parent for images in sides if isinstance(images, PackedImages)}
        root = Path(kept).expanduser().resolve()
        return {folder for folder in folders if folder.resolve().parent == root}

    def introduce(self) -> None:
        """Say what the run learns from, and whatever makes its numbers special."""
        benchmark = self.benchmark
        ms, rgb = ("/".join(map(str, _sizes(s).values())) for s in (benchmark.ms, benchmark.rgb))
        log.info(
            "%s: %d classes; train/val/test: MS %s (%d bands), RGB %s",
            benchmark.name, len(benchmark.classes), ms, len(benchmark.ms.bands), rgb,
        )  # fmt: skip
        for reason in benchmark.notes.get("partial_reasons", []):
            log.info("partial: %s", reason)
        if benchmark.validates_on_test:
            log.info(
                "protocol=paper: the best epoch is chosen on the 20 % that are reported, as in the "
                "published tables; such numbers are too high for unseen images"
            )
        leaks = benchmark.notes.get("twins", {}).get("twin_leaks", 0)
        if leaks:
            log.info(
                "twins: %d RGB test images have their MS twin among the teacher's images", leaks
            )


def _sizes(scenes: SceneSet) -> dict[str, int]:
    names = {"train": TRAIN, "val": VAL, "test": TEST}
    return {name: int(np.size(scenes.indices(split))) for name, split in names.items()}
