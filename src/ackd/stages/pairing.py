"""The galleries and the first pairing, steps 3 and 4 of the method."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from lightning.fabric import Fabric
from rich.progress import track
from torch import Tensor

from ackd.alignment import Projection
from ackd.backbones import Backbone
from ackd.callbacks.redraw import draw
from ackd.data.benchmark import TRAIN
from ackd.errors import DataError
from ackd.matching import (
    Gallery,
    build_gallery,
    eval_mode,
    match_by_distance,
    match_by_similarity,
)
from ackd.matching.matcher import Matcher
from ackd.modules import UnpairedDataModule
from ackd.stages.context import Context

__all__ = ["Pairing", "compute_device", "make_pairing"]

Batch = dict[str, Tensor]
Embed = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Pairing:
    """What the student starts with.

    Attributes:
        gallery: Of the MS training images: G2, and what the first pairing searches in, G1 for
            SSM or zbar for the nearest feature.
        pairs: (N,) MS rows, one for every RGB training image.
        rgb_classes: (N,) of those RGB images.
        seconds: What galleries and search took.
    """

    gallery: Gallery
    pairs: Tensor
    rgb_classes: Tensor
    seconds: float


def compute_device(context: Context) -> torch.device:
    """The device that the Trainer would choose, for work outside of a Trainer."""
    accelerator = context.config.trainer.get("accelerator", "auto")
    device: torch.device = Fabric(accelerator=accelerator, devices=1).device
    return device


def make_pairing(
    context: Context, data: UnpairedDataModule, teacher: Backbone, matcher: Matcher | None
) -> Pairing:
    """Build G1 and G2 in eval mode without augmentation, and pair every RGB training image.

    Args:
        context: Says how to pair (``matching.initial``) and holds the images.
        data: Serves them.
        teacher: Fills G2.
        matcher: Fills G1; needed for SSM only.

    Raises:
        DataError: ``matching=twins``, and an image has no twin among the MS training images.
    """
    began = time.perf_counter()
    device = compute_device(context)
    teacher.to(device)
    networks = [teacher]
    if matcher is not None:
        networks.append(matcher.to(device))  # type: ignore[arg-type]
    with eval_mode(*networks):
        embed_ms, embed_rgb = _embedders(context, teacher, matcher, device)
        gallery = build_gallery(
            _images(data, device), embed=embed_ms, predict=lambda images: teacher(images).logits
        )
        embeddings = _embed_rgb(data, embed_rgb, device) if embed_rgb is not None else None
    rgb_rows = torch.from_numpy(data.rows(TRAIN, "rgb"))
    rgb_classes = torch.from_numpy(context.benchmark.rgb.labels)[rgb_rows]
    initial = context.config.matching.initial
    if embeddings is not None and gallery.embeddings is not None:
        search = match_by_similarity if initial == "ssm" else match_by_distance
        chosen = search(embeddings, gallery.embeddings, rgb_classes, gallery.classes)
        pairs = gallery.index[chosen]
    elif initial == "random":
        pairs = draw(rgb_classes, gallery.classes, gallery.index, context.config.seed, epoch=0)
    else:
        pairs = _twins(context, rgb_rows, gallery.index)
    return Pairing(gallery, pairs, rgb_classes, time.perf_counter() - began)


def _embedders(
    context: Context, teacher: Backbone, matcher: Matcher | None, device: torch.device
) -> tuple[Embed | None, Embed | None]:
    """What the first pairing compares: a function of MS images, and one of RGB images."""
    initial = context.config.matching.initial
    if initial == "ssm":
        if matcher is None:
            raise ValueError("matching=ssm needs a matcher")
        return matcher.embed_ms, matcher.embed_rgb
    if initial == "nearest_feature":
        return lambda images: teacher(images).zbar, _initial_features(context, teacher, device)
    return None, None


def _initial_features(context: Context, teacher: Backbone, device: torch.device) -> Embed:
    """The zbar of the student that training starts from, led to the teacher's width."""
    config, rgb = context.config, context.benchmark.rgb
    with torch.random.fork_rng(devices=[]):
        # The student's stage seeds in the same way and builds its network first: this is the one.
        torch.manual_seed(config.seed)
        student = context.backbone(
            config.student.backbone, len(rgb.bands), context.classes, "student.backbone"
        )
        projection = Projection(
            (student.z_dim, student.zbar_dim), (teacher.z_dim, teacher.zbar_dim), z=False
        )
    student.to(device).eval()
    projection.to(device)

    def features(images: Tensor) -> Tensor:
        outputs = student(images)
        zbar: Tensor = projection(outputs).zbar
        return zbar

    return features


def _track(batches: Iterator[Batch], title: str, total: int) -> Iterable[Batch]:
    return track(batches, title, total=total, transient=True, disable=not sys.stdout.isatty())


def _images(
    data: UnpairedDataModule, device: torch.device
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    batches = data.sweep("ms", TRAIN, device)
    for batch in _track(batches, "galleries", data.sweep_length("ms", TRAIN)):
        yield batch["ms"], batch["ms_target"], batch["ms_index"]


def _embed_rgb(data: UnpairedDataModule, embed: Embed, device: torch.device) -> Tensor:
    total = data.sweep_length("rgb", TRAIN)
    batches = _track(data.sweep("rgb", TRAIN, device), "matching", total)
    with torch.no_grad():
        return torch.cat([embed(batch["rgb"]).cpu() for batch in batches])


def _twins(context: Context, rgb_rows: Tensor, ms_rows: Tensor) -> Tensor:
    ms, rgb = context.benchmark.ms, context.benchmark.rgb
    row_of = {str(ms.scene_ids[row]): row for row in ms_rows.tolist()}
    lonely = [row for row in rgb_rows.tolist() if str(rgb.scene_ids[row]) not in row_of]
    if lonely:
        raise DataError(
            f"matching=twins: {len(lonely)} RGB training images have no twin among the MS training "
            f"images, the first is {rgb.files[lonely[0]]}; use data.twins=paired with a single "
            "RGB source."
        )
    return torch.tensor([row_of[str(rgb.scene_ids[row])] for row in rgb_rows.tolist()])
