"""The galleries and the first pairing, steps 3 and 4 of the method."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from lightning.fabric import Fabric
from rich.progress import track
from torch import Tensor

from ackd.backbones import Backbone
from ackd.callbacks.redraw import draw
from ackd.data.benchmark import TRAIN
from ackd.errors import DataError
from ackd.matching import Gallery, build_gallery, eval_mode, match_by_similarity
from ackd.matching.matcher import Matcher
from ackd.modules import UnpairedDataModule
from ackd.stages.context import Context

__all__ = ["Pairing", "compute_device", "make_pairing"]

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Pairing:
    """What the student starts with.

    Attributes:
        gallery: G1 (where SSM is on) and G2 of the MS training images.
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
    initial = context.config.matching.initial
    networks = [teacher]
    if matcher is not None:
        networks.append(matcher.to(device))  # type: ignore[arg-type]
    with eval_mode(*networks):
        gallery = build_gallery(
            _images(data, device),
            embed=matcher.embed_ms if matcher is not None else None,
            predict=lambda images: teacher(images).logits,
        )
        rgb_rows = torch.from_numpy(data.rows(TRAIN, "rgb"))
        rgb_classes = torch.from_numpy(context.benchmark.rgb.labels)[rgb_rows]
        if initial == "ssm":
            if matcher is None or gallery.embeddings is None:
                raise ValueError("matching=ssm needs a matcher")
            embeddings = _embed_rgb(data, matcher, device)
            chosen = match_by_similarity(
                embeddings, gallery.embeddings, rgb_classes, gallery.classes
            )
            pairs = gallery.index[chosen]
        elif initial == "random":
            pairs = draw(rgb_classes, gallery.classes, gallery.index, context.config.seed, epoch=0)
        else:
            pairs = _twins(context, rgb_rows, gallery.index)
    return Pairing(gallery, pairs, rgb_classes, time.perf_counter() - began)


def _track(batches: Iterator[Batch], title: str, total: int) -> Iterable[Batch]:
    return track(batches, title, total=total, transient=True, disable=not sys.stdout.isatty())


def _images(
    data: UnpairedDataModule, device: torch.device
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    batches = data.sweep("ms", TRAIN, device)
    for batch in _track(batches, "galleries", data.sweep_length("ms", TRAIN)):
        yield batch["ms"], batch["ms_target"], batch["ms_index"]


def _embed_rgb(data: UnpairedDataModule, matcher: Matcher, device: torch.device) -> Tensor:
    total = data.sweep_length("rgb", TRAIN)
    batches = _track(data.sweep("rgb", TRAIN, device), "matching", total)
    with torch.no_grad():
        return torch.cat([matcher.embed_rgb(batch["rgb"]).cpu() for batch in batches])


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
