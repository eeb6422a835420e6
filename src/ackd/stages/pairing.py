"""The galleries and the first pairing, steps 3 and 4 of the method."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from ackd.alignment import Projection
from ackd.backbones import Backbone
from ackd.callbacks.redraw import draw
from ackd.config.schema import Config
from ackd.data.benchmark import TRAIN, Benchmark
from ackd.errors import DataError
from ackd.matching import (
    Gallery,
    match_by_distance,
    match_by_similarity,
)
from ackd.matching.matcher import Matcher
from ackd.modules import TeacherStore, UnpairedDataModule
from ackd.modules.loading import Side
from ackd.runs.ranks import compute_device
from ackd.runs.resources import shortages_told
from ackd.stages.matcher import MatcherStage
from ackd.stages.stage import Done, Stage, StageResult, Workplace
from ackd.stages.store import StoreStage
from ackd.stages.teacher import TeacherStage
from ackd.utils.networks import eval_mode
from ackd.utils.progress import tracked

if TYPE_CHECKING:
    from ackd.stages.context import Networks, SceneContext

__all__ = ["Pairing", "PairingStage", "make_pairing"]

# One image at a time has been tried by then.
SMALLER = "smaller images (data.size=N) or smaller networks (matcher.backbone.name=NAME)"

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


class PairingStage(Stage[Pairing]):
    """Makes the first pairs; minutes at most, so that it is done in each run."""

    name = "pairing"
    requires = (TeacherStage.name, MatcherStage.name, StoreStage.name)

    def __init__(
        self,
        config: Config,
        data: UnpairedDataModule,
        networks: Networks,
        teacher: Backbone,
        matcher: Matcher | None,
        store: TeacherStore | None,
    ) -> None:
        self.parts = (config, data, networks, teacher, matcher, store)

    @classmethod
    def of(cls, context: SceneContext, done: Done) -> Self:
        """It needs the teacher; matcher and the teacher's outputs where the run has them."""
        teacher = done.product(TeacherStage)
        if teacher is None:
            raise ValueError("pairs need a teacher")
        return cls(
            context.config, context.training("student").data, context.networks, teacher,
            done.product(MatcherStage), done.product(StoreStage),
        )  # fmt: skip

    def run(self, work: Workplace) -> StageResult[Pairing]:
        """Make the galleries and the pairs."""
        with shortages_told(self.parts[0], "student", doing="pairing", half=SMALLER):
            pairing = make_pairing(*self.parts)
        return StageResult(pairing, {"galleries": pairing.seconds})


def make_pairing(
    config: Config,
    data: UnpairedDataModule,
    networks: Networks,
    teacher: Backbone,
    matcher: Matcher | None,
    store: TeacherStore | None = None,
) -> Pairing:
    """Build G1 and G2 in eval mode without augmentation, and pair every RGB training image.

    The ranks share the passes over images; galleries and pairs are the same on all of them.

    Args:
        config: Says how to pair (``matching.initial``).
        data: Serves the images.
        networks: Builds the untrained student, whose features the nearest feature compares.
        teacher: Fills G2 where there is no store.
        matcher: Fills G1; needed for SSM only.
        store: What the teacher says of the MS training images, so that it need not look again.

    Raises:
        DataError: ``matching=twins``, and an image has no twin among the MS training images; or
            what images are compared by is not finite.
        ValueError: SSM without a matcher.
    """
    began = time.perf_counter()
    device = compute_device(config.trainer)
    rgb_rows = torch.from_numpy(data.rows(TRAIN, "rgb"))
    rgb_classes = torch.from_numpy(data.benchmark.rgb.labels)[rgb_rows]
    ms_rows = torch.from_numpy(data.rows(TRAIN, "ms"))
    ms_classes = torch.from_numpy(data.benchmark.ms.labels)[ms_rows]
    if store is None:
        zbar, logits = _teacher_outputs(data, teacher.to(device), device)
    else:
        zbar, logits = store.zbar.float(), store.logits
    embeddings: Tensor | None = None
    students: Tensor | None = None
    initial = config.matching.initial
    if initial == "ssm":
        if matcher is None:
            raise ValueError("matching=ssm needs a matcher")
        with eval_mode(matcher.to(device)):
            embeddings = _embed(data, "ms", matcher.embed_ms, device)
            students = _embed(data, "rgb", matcher.embed_rgb, device)
    elif initial == "nearest_feature":
        embeddings = zbar
        students = _embed(
            data, "rgb", _initial_features(config, data, networks, teacher, device), device
        )
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
        pairs = draw(rgb_classes, ms_classes, ms_rows, config.seed, epoch=0)
    else:
        pairs = _twins(data.benchmark, rgb_rows, ms_rows)
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


def _initial_features(
    config: Config,
    data: UnpairedDataModule,
    networks: Networks,
    teacher: Backbone,
    device: torch.device,
) -> Embed:
    """The zbar of the student that training starts from, led to the teacher's width."""
    with torch.random.fork_rng(devices=[]):
        # The student's stage seeds in the same way and builds its network first: this is the one.
        torch.manual_seed(config.seed)
        student = networks.build(
            config.student.backbone, "rgb", len(data.benchmark.classes), "student.backbone"
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


def _twins(benchmark: Benchmark, rgb_rows: Tensor, ms_rows: Tensor) -> Tensor:
    ms, rgb = benchmark.ms, benchmark.rgb
    row_of = {str(ms.scene_ids[row]): row for row in ms_rows.tolist()}
    lonely = [row for row in rgb_rows.tolist() if str(rgb.scene_ids[row]) not in row_of]
    if lonely:
        raise DataError(
            f"matching=twins: {len(lonely)} RGB training images have no twin among the MS training "
            f"images, the first is {rgb.files[lonely[0]]}; use data.twins=paired with a single "
            "RGB source."
        )
    return torch.tensor([row_of[str(rgb.scene_ids[row])] for row in rgb_rows.tolist()])
