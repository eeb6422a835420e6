"""Try a run's networks and losses on one small batch, before anything is trained.

A network that cannot serve, a loss that does not fit the features and weights that cannot be had
would otherwise end a run after its teacher has trained. Nothing here changes a seeded run: the
random generators are put back, and what is built is thrown away.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from lightning.pytorch.utilities.seed import isolate_rng

from ackd.backbones import Backbone, ImageSize, Outputs, build_backbone, checked_outputs
from ackd.data.benchmark import TRAIN, SceneSet
from ackd.data.pairs import SceneBatches
from ackd.errors import AckdError, ConfigError
from ackd.modules.datamodule import UnpairedDataModule
from ackd.modules.loading import Side
from ackd.runs.resources import shortages_told
from ackd.stages.plan import plan
from ackd.utils.memory import out_of_memory

if TYPE_CHECKING:
    from ackd.config.schema import BackboneConfig, Config
    from ackd.stages.context import Networks, SceneContext
    from ackd.stages.scene_training import SceneTraining

__all__ = ["Role", "fetch_weights", "image_size", "try_augmentations", "try_network", "try_run"]

log = logging.getLogger("ackd")

# The smallest batch that training allows, and the one that is hardest on batch normalization.
BATCH = 2
SIZES = (32, 48, 64, 96, 120, 128, 160, 192, 224, 256, 299, 384)
SHOWN_SIZES = 5


@dataclass(frozen=True)
class Role:
    """A network of a run.

    Attributes:
        option: Where it is chosen, e.g. ``"student.backbone"``.
        options: What is chosen.
        side: The images that decide its bands and the size that it is built for.
        classes: Width of its logits.
        sizes: (H, W) of all images that it will see.
    """

    option: str
    options: BackboneConfig
    side: Side
    classes: int
    sizes: tuple[ImageSize, ...]

    @classmethod
    def of_classifier(cls, training: SceneTraining) -> Role:
        """The network of a stage that classifies its side of the images."""
        return cls(
            f"{training.name}.backbone", training.options.backbone, training.side,
            len(training.classes), (image_size(training.scenes),),
        )  # fmt: skip


def image_size(scenes: SceneSet) -> ImageSize:
    """(H, W) of all images of a side."""
    height, width = scenes.images.shape[2:]
    return height, width


def fetch_weights(config: Config) -> None:
    """See that the pretrained weights of the run's networks can be had; needs no images.

    Raises:
        ConfigError: They cannot be downloaded, or a file of weights fits nothing.
    """
    fetched = set()
    for stage in config.stages:
        options = getattr(config, stage).backbone
        key = options.model_dump_json()
        if options.pretrained is False or key in fetched:
            continue
        fetched.add(key)
        with isolate_rng(include_cuda=False), _quiet():
            try:
                build_backbone(**options.model_dump(), bands=3, classes=2)
            except ConfigError as error:
                raise ConfigError(f"{stage}.backbone: {error}") from error


def try_augmentations(data: UnpairedDataModule) -> None:
    """Try the user's augmentations of a stage on two of its training images.

    Raises:
        ConfigError: One fails, or gives something else than images of that shape.
    """
    for side, augmentation in data.augmentations.items():
        rows = data.rows(TRAIN, side)[:BATCH]
        batch = data.scenes[next(iter(SceneBatches(side, rows, len(rows))))]
        images = batch[side].to(torch.float32)
        try:
            with isolate_rng(include_cuda=False):
                changed, _ = data.tasks[side].transform(
                    images, batch[f"{side}_target"], augmentation
                )
        except AckdError:
            raise
        except Exception as error:
            # Whatever it raises about two of the images, it would raise about all of them.
            said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
            raise ConfigError(
                f"{augmentation.option}: {type(augmentation.augment).__name__} fails with "
                f"{type(error).__name__}: {said.rstrip('.')}. It was given float32 of about 0..1 "
                f"from {side.upper()} images {tuple(images.shape)}."
            ) from error
        if bool(images.isfinite().all()) and not bool(changed.isfinite().all()):
            raise ConfigError(
                f"{augmentation.option}: {type(augmentation.augment).__name__} returned values "
                "that are not finite for two training images."
            )


def try_run(context: SceneContext) -> None:
    """Try every network of the run on black images, and its losses on features of their shapes.

    Raises:
        ConfigError: A network or a loss cannot serve; the option is named, and what would fit.
        AckdError: There is not enough memory for two images.
    """
    outputs: dict[str, Outputs] = {}
    with isolate_rng(include_cuda=False):
        stages = plan(context.config)
        for stage in stages:
            for role in stage.networks(context):
                # Two images at a time, which is as few as training allows.
                less = f"smaller images (data.size=N) or a smaller {role.option}.name"
                with shortages_told(
                    context.config, stage.name, doing=f"first try of the {stage.name}", half=less
                ):
                    outputs[role.option] = try_network(context.networks, role)
        for stage in stages:
            stage.try_losses(context, outputs)


def try_network(networks: Networks, role: Role) -> Outputs:
    """Run a network on black images, training with a batch of two and evaluating.

    Returns:
        Its outputs in eval mode, for images of the first of the role's sizes.

    Raises:
        ConfigError: It cannot serve for the size of the images; sizes that fit are named.
    """
    with _quiet():
        network = networks.build(
            role.options, role.side, role.classes, role.option, fresh=False, compiled=False
        )
    outputs = None
    for size in role.sizes:
        try:
            found = _run(network, size)
        except Exception as error:
            if out_of_memory(error):
                raise
            # Whatever else a network raises about a black image is about its shape.
            raise _cannot_serve(role, network.bands, size, error) from error
        outputs = found if outputs is None else outputs
    assert outputs is not None
    return outputs


def _run(network: Backbone, size: ImageSize) -> Outputs:
    images = torch.zeros(BATCH, network.bands, *size, device=next(network.parameters()).device)
    name = type(network).__name__
    network.train()
    checked_outputs(network(images), network, name, images)
    network.eval()
    with torch.no_grad():
        return checked_outputs(network(images), network, name, images)


def _cannot_serve(role: Role, bands: int, size: ImageSize, error: Exception) -> ConfigError:
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    reason = said if isinstance(error, AckdError) else f"{type(error).__name__}: {said}"
    options = role.options
    chosen = (
        f"{role.option}._target_={options.target}"
        if options.target
        else f"{role.option}.name={options.name}"
    )
    fitting = list(_fitting_sizes(options, bands, role.classes))
    images = f"{role.side.upper()} images of {size[0]}x{size[1]} pixels"
    if size[0] in fitting and size[0] == size[1]:
        # Built for that size it works; this one is built for another.
        way_out = (
            "it is tied to the size that it is built for, and the two sides have images of "
            "different sizes; resize them alike (data.size=N), or choose a network that takes any "
            "size, e.g. resnet34"
        )
    elif fitting:
        near = sorted(sorted(fitting, key=lambda fit: abs(fit - size[0]))[:SHOWN_SIZES])
        way_out = (
            f"of the sizes {SIZES[0]} to {SIZES[-1]} that were tried, it takes "
            f"{', '.join(map(str, near))}{' and others' if len(fitting) > len(near) else ''} "
            "(data.size=N); or choose another network, e.g. resnet34"
        )
    else:
        way_out = "no size fits; choose another network, e.g. resnet34"
    return ConfigError(f"{chosen} cannot serve for {images} ({reason}): {way_out}.")


def _fitting_sizes(options: BackboneConfig, bands: int, classes: int) -> Iterator[int]:
    """Square sizes that a network can serve for; weights are not made where that can be avoided."""
    arguments = options.model_dump() | {"pretrained": False}

    def serves(size: int) -> bool:
        network = build_backbone(**arguments, bands=bands, classes=classes, size=(size, size))
        _run(network, (size, size))
        return True

    for size in SIZES:
        with _quiet():
            if _holds(lambda size=size: serves(size)):  # type: ignore[misc]
                yield size


def _holds(question: Callable[[], bool]) -> bool:
    try:
        with torch.device("meta"):
            return question()
    except Exception as error:
        # Some networks compute with values, which meta tensors lack.
        if not isinstance(error, NotImplementedError) and "meta" not in str(error):
            return False
    try:
        return question()
    except Exception:
        return False


@contextmanager
def _quiet() -> Iterator[None]:
    """The network is built again for training, which tells about loaded weights once."""
    level = log.level
    log.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            log.setLevel(level)
