"""The galleries and the first pairing, steps 3 and 4 of the method."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ackd.alignment import Projection
from ackd.backbones import Backbone
from ackd.callbacks.redraw import draw
from ackd.data.benchmark import TRAIN
from ackd.errors import DataError
from ackd.matching import (
    Gallery,
    match_by_distance,
    match_by_similarity,
)
from ackd.matching.matcher import Matcher
from ackd.modules import TeacherStore, UnpairedDataModule
from ackd.modules.loading import Side
from ackd.runs.ranks import device_of
from ackd.stages.context import Context
from ackd.utils.networks import eval_mode
from ackd.utils.progress import tracked

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
    """The device that the Trainer would choose for this rank, for work outside of a Trainer."""
    accelerator = context.config.trainer.get("accelerator", "auto")
    device = device_of(accelerator)
    if device.type == "cuda" and torch.distributed.is_initialized():
        # Chosen when the ranks met.
        return torch.device("cuda", torch.cuda.current_device())
    return device


def make_pairing(
    context: Context,
    data: UnpairedDataModule,
    teacher: Backbone,
    matcher: Matcher | None,
    store: TeacherStore | None = None,
) -> Pairing:
    """Build G1 and G2 in eval mode without augmentation, and pair every RGB training image.

    The ranks share the passes over images; galleries and pairs are the same on all of them.

    Args:
        context: Says how to pair (``matching.initial``) and holds the images.
        data: Serves them.
        teacher: Fills G2 where there is no store.
        matcher: Fills G1; needed for SSM only.
        store: What the teacher says of the MS training images, so that it need not look again.

    Raises:
        DataError: ``matching=twins``, and an image has no twin among the MS training images; or
            what images are compared by is not finite.
        ValueError: SSM without a matcher.
    """
    began = time.perf_counter()
    device = compute_device(context)
    rgb_rows = torch.from_numpy(data.rows(TRAIN, "rgb"))
    rgb_classes = torch.from_numpy(context.benchmark.rgb.labels)[rgb_rows]
    ms_rows = torch.from_numpy(data.rows(TRAIN, "ms"))
    ms_classes = torch.from_numpy(context.benchmark.ms.labels)[ms_rows]
    if store is None:
        zbar, logits = _teacher_outputs(data, teacher.to(device), device)
    else:
        zbar, logits = store.zbar.float(), store.logits
    embeddings: Tensor | None = None
    students: Tensor | None = None
    initial = context.config.matching.initial
    if initial == "ssm":
        if matcher is None:
            raise ValueError("matching=ssm needs a matcher")
        with eval_mode(matcher.to(device)):
            embeddings = _embed(data, "ms", matcher.embed_ms, device)
            students = _embed(data, "rgb", matcher.embed_rgb, device)
    elif initial == "nearest_feature":
        embeddings = zbar
        students = _embed(data, "rgb", _initial_features(context, teacher, device), device)
    for what, values in {
        "teacher": logits, "teacher's features": zbar, f"{initial} embeddings of MS": embeddings,
        f"{initial} embeddings of RGB": students,
    }.items():  # fmt: skip
        _refuse_broken(what, values)
    gallery = Gallery(embeddings, logits, ms_classes, ms_rows)
    if embeddings is not None and students is not None:
        search = match_by_similarity if initial == "ssm" else match_by_distance
        pairs = ms_rows[search(students, embeddings, rgb_classes, ms_classes)]
    elif initial == "random":
        pairs = draw(rgb_classes, ms_classes, ms_rows, context.config.seed, epoch=0)
    else:
        pairs = _twins(context, rgb_rows, ms_rows)
    return Pairing(gallery, pairs, rgb_classes, time.perf_counter() - began)


def _refuse_broken(what: str, values: Tensor | None) -> None:
    """NaN is nobody's neighbor, but a search would name one."""
    broken = 0 if values is None else int((~values.isfinite().all(dim=1)).sum())
    if values is not None and broken:
        raise DataError(
            f"The {what} of {broken} of {len(values)} training images is not finite, so they "
            "cannot be paired; train again with 'force=[teacher,matcher]' and smaller "
            "teacher.optimizer.lr and matcher.optimizer.lr."
        )


def _teacher_outputs(
    data: UnpairedDataModule, teacher: Backbone, device: torch.device
) -> tuple[Tensor, Tensor]:
    """The teacher's zbar and logits of all MS training images, in one pass."""

    def look(batch: Batch) -> tuple[Tensor, ...]:
        outputs = teacher(batch["ms"])
        return outputs.zbar, outputs.logits

    rows = data.rows(TRAIN, "ms")
    with eval_mode(teacher):
        found = list(
            tracked(data.sweep("ms", rows, device, look), "galleries", data.sweep_length(rows))
        )
    return torch.cat([zbar for zbar, _ in found]), torch.cat([logits for _, logits in found])


def _embed(data: UnpairedDataModule, side: Side, embed: Embed, device: torch.device) -> Tensor:
    rows = data.rows(TRAIN, side)
    swept = data.sweep(side, rows, device, lambda batch: (embed(batch[side]),))
    return torch.cat([part for (part,) in tracked(swept, "matching", data.sweep_length(rows))])


def _initial_features(context: Context, teacher: Backbone, device: torch.device) -> Embed:
    """The zbar of the student that training starts from, led to the teacher's width."""
    config = context.config
    with torch.random.fork_rng(devices=[]):
        # The student's stage seeds in the same way and builds its network first: this is the one.
        torch.manual_seed(config.seed)
        student = context.backbone(
            config.student.backbone, "rgb", context.classes, "student.backbone"
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
