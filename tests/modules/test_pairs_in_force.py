"""Every batch has the MS images of the pairs in force, also with workers that stay alive."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor

from ackd.backbones import Backbone
from ackd.callbacks import DynM, EpochSeed, RedrawPairs
from ackd.data.benchmark import TRAIN, Benchmark
from ackd.data.pairs import Request
from ackd.matching import Gallery, random_pairs
from ackd.modules import (
    DistillationObjective,
    DistillModule,
    LiveTeacher,
    LossWeights,
    UnpairedDataModule,
)
from tests.stages.toy import CLASSES, ToyBackbone, benchmark, data


class Recorder(pl.Callback):
    """Keeps what each batch really held, and the pairs in force when its epoch began."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, dict[str, Tensor]]] = []
        self.in_force: dict[int, tuple[int, Tensor]] = {}

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: Any, batch: dict[str, Tensor], batch_idx: int
    ) -> None:
        served: UnpairedDataModule = trainer.datamodule  # type: ignore[attr-defined]
        if batch_idx == 0:
            assert served.pairs is not None
            self.in_force[trainer.current_epoch] = (served.version, served.pairs.clone())
        self.batches.append((trainer.current_epoch, {k: v.clone() for k, v in batch.items()}))


class Forgets(pl.Callback):
    """Draws the student's classifier anew before each epoch, so that it matches other images."""

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        generator = torch.Generator().manual_seed(trainer.current_epoch)
        with torch.no_grad():
            pl_module.backbone.head.weight.normal_(0, 3, generator=generator)


def teacher_and_gallery(bench: Benchmark, served: UnpairedDataModule) -> tuple[Backbone, Any]:
    torch.manual_seed(7)
    teacher = ToyBackbone(4, len(CLASSES)).eval()
    with torch.no_grad():
        teacher.head.weight.mul_(3)  # logits that differ enough to prefer one image
    rows = served.rows(TRAIN, "ms")
    batch = served.load(Request(rows, None), torch.device("cpu"))
    with torch.no_grad():
        logits = teacher(batch["ms"]).logits
    gallery = Gallery(None, logits, batch["ms_target"], torch.from_numpy(rows))
    return teacher, gallery


def train(
    workers: int, epochs: int, rematch: list[int] | None, **options: Any
) -> tuple[Recorder, Benchmark, UnpairedDataModule]:
    """Train a student; ``rematch=None`` draws random pairs anew each epoch instead of DynM."""
    bench = benchmark()
    served = data(bench, num_workers=workers, seed=3)
    teacher, gallery = teacher_and_gallery(bench, served)
    rgb_classes = torch.from_numpy(bench.rgb.labels)[torch.from_numpy(served.rows(TRAIN))]
    served.set_pairs(gallery.index[random_pairs(rgb_classes, gallery.classes, seed=11)], version=0)
    changer: pl.Callback = (
        RedrawPairs(rgb_classes, gallery.classes, gallery.index, seed=5)
        if rematch is None
        else DynM(gallery, rematch, gamma=1.0, direction="student_teacher")
    )
    module = DistillModule(
        ToyBackbone(3, len(CLASSES)),
        DistillationObjective(LossWeights(1.0, 0.0, 0.0, {}), {}, None, None),
        LiveTeacher(teacher),
        lambda p: torch.optim.SGD(p, lr=0.1),
    )
    recorder = Recorder()
    trainer = pl.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        use_distributed_sampler=False, callbacks=[EpochSeed(0), Forgets(), changer, recorder],
        **options,
    )  # fmt: skip
    trainer.fit(module, datamodule=served)
    return recorder, bench, served


def assert_never_stale(recorder: Recorder, bench: Benchmark, served: UnpairedDataModule) -> None:
    position = {int(row): i for i, row in enumerate(served.rows(TRAIN))}
    normalise = served.normalisers["ms"]
    for epoch, batch in recorder.batches:
        _, pairs = recorder.in_force[epoch]
        expected = pairs[[position[int(row)] for row in batch["rgb_index"]]]
        assert torch.equal(batch["ms_index"], expected), f"stale pairs in epoch {epoch}"
        pixels = torch.from_numpy(bench.ms.images[expected.numpy()].astype("int32"))
        assert torch.equal(batch["ms"], normalise(pixels)), "pixels of another image"
        assert torch.equal(batch["ms_target"], batch["rgb_target"]), "pairs of two classes"
        labels = torch.from_numpy(bench.rgb.labels)[batch["rgb_index"]]
        assert torch.equal(batch["rgb_target"], labels)


@pytest.mark.parametrize("workers", [0, 2])
def test_rematched_pairs_are_in_force_from_the_first_batch(workers: int) -> None:
    recorder, bench, served = train(workers, epochs=5, rematch=[0, 2, 3])
    versions = [recorder.in_force[epoch][0] for epoch in range(5)]
    assert versions == [1, 1, 2, 3, 3]
    pairs = [recorder.in_force[epoch][1] for epoch in range(5)]
    assert torch.equal(pairs[0], pairs[1])
    assert torch.equal(pairs[3], pairs[4])
    # Otherwise stale pairs would look right.
    assert not torch.equal(pairs[1], pairs[2])
    assert not torch.equal(pairs[2], pairs[3])
    assert len(recorder.batches) == 5 * 3
    assert_never_stale(recorder, bench, served)


def test_batches_that_workers_read_ahead_are_thrown_away() -> None:
    """An epoch that ends early leaves batches of old pairs in the workers' queue."""
    recorder, bench, served = train(2, epochs=4, rematch=[0, 1, 2, 3], limit_train_batches=1)
    assert len(recorder.batches) == 4
    assert_never_stale(recorder, bench, served)


@pytest.mark.parametrize("workers", [0, 2])
def test_redrawn_pairs_are_in_force_from_the_first_batch(workers: int) -> None:
    recorder, bench, served = train(workers, epochs=3, rematch=None)
    pairs = [recorder.in_force[epoch][1] for epoch in range(3)]
    assert not torch.equal(pairs[0], pairs[1])
    assert not torch.equal(pairs[1], pairs[2])
    assert_never_stale(recorder, bench, served)


def test_workers_change_nothing() -> None:
    (a, *_), (b, *_) = train(0, epochs=3, rematch=[0, 2]), train(2, epochs=3, rematch=[0, 2])
    for (epoch, ours), (other_epoch, theirs) in zip(a.batches, b.batches, strict=True):
        assert epoch == other_epoch
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_two_epochs_have_two_orders() -> None:
    recorder, *_ = train(0, epochs=2, rematch=[])
    orders = [
        [int(r) for e, batch in recorder.batches if e == epoch for r in batch["rgb_index"]]
        for epoch in (0, 1)
    ]
    assert orders[0] != orders[1]


def test_a_batch_larger_than_the_training_part_is_refused() -> None:
    with pytest.raises(ValueError, match=r"matcher\.batch_size=500 is more than the 18 training"):
        data(side="ms", batch_size=500, stage="matcher")
