"""What every stage of a run has at hand."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ackd.backbones import Backbone, build_backbone
from ackd.config.schema import BackboneConfig, Config, ExecutionConfig
from ackd.data.benchmark import Benchmark, SceneSet
from ackd.errors import ConfigError
from ackd.modules.execution import memory_format_of, prepare
from ackd.modules.loading import Side
from ackd.stages.batches import fitting_batches
from ackd.stages.benchmark import build_benchmark
from ackd.stages.plan import plan
from ackd.stages.training import Training
from ackd.stages.trial import fetch_weights, image_size, try_run
from ackd.tasks import task_of

__all__ = ["Context", "Networks", "open_context"]

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
    for stage in plan(context.config):
        stage.check(context)
    if _shapes(benchmark) not in tried:
        try_run(context)
    return context


def _shapes(benchmark: Benchmark) -> Shapes:
    """What networks and losses are tried on: bands and size of each side, and the classes."""
    ms, rgb = (side.images.shape[1:] for side in (benchmark.ms, benchmark.rgb))
    return (*ms, *rgb, len(benchmark.classes))


def _require_several_labels(context: Context) -> None:
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
class Context:
    """The configuration and the images of a run; stages take what they need from it."""

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

    @property
    def networks(self) -> Networks:
        """What builds its networks."""
        config = self.config
        return Networks(self.benchmark, config.execution, config.trainer.get("accelerator"))

    def training(self, stage: str, *, pseudo_rgb: bool = False) -> Training:
        """What a stage trains with; ``pseudo_rgb`` for MS batches that also carry theirs."""
        return Training(stage, self.config, self.benchmark, self.networks, pseudo_rgb)
