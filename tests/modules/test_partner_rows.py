"""With a stored teacher no MS image is touched, and no step waits for the accelerator."""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ackd.alignment import SKA, Projection
from ackd.callbacks import DynM
from ackd.data.benchmark import TRAIN
from ackd.data.pairs import Request, UnpairedScenes
from ackd.matching import Gallery
from ackd.modules import (
    DistillationObjective,
    DistillModule,
    LossWeights,
    StoredTeacher,
    TeacherStore,
)
from ackd.ops.gathering import gather_batch
from tests.losses.catalogue import methods
from tests.stages import toy

# What makes the host read a value of the device, or a shape that depends on values.
WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "_unique2", "equal")


class NoWaiting(TorchDispatchMode):
    """Refuse such operations."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name().removeprefix("aten::").split(".")[0]
        assert name not in WAITS, f"{name} waits for the device"
        assert name != "index" or all(i is None or i.dtype != torch.bool for i in args[1]), (
            "a boolean index waits for the device"
        )
        return func(*args, **(kwargs or {}))


KD: dict[str, nn.Module] = {name: build() for name, build in methods().items()}


def module_and_data(
    workers: int = 0, *, names: Collection[str] = KD.keys(), augment: bool = False
) -> tuple[DistillModule, Any, Gallery]:
    # Copies, for some losses have weights of their own, which a training changes.
    kd = {name: copy.deepcopy(KD[name]) for name in names}
    served = toy.data(num_workers=workers, augment=augment)
    rows = torch.from_numpy(served.rows(TRAIN, "ms"))
    torch.manual_seed(0)
    z, zbar, logits = torch.randn(18, 4, 8), torch.randn(18, 8), torch.randn(18, 3)
    labels = torch.from_numpy(toy.benchmark().ms.labels)[rows]
    objective = DistillationObjective(
        LossWeights(1.0, 0.4, 0.6, dict.fromkeys(kd, 1.0)), kd, Projection((6, 6), (8, 8)),
        SKA(8, heads=2, gather=gather_batch),
    )  # fmt: skip
    module = DistillModule(
        toy.ToyBackbone(3, 3, width=6), objective,
        StoredTeacher(TeacherStore(rows, z, zbar, logits, (2, 2), 8)),
        lambda p: torch.optim.SGD(p, lr=0.1),
    )  # fmt: skip
    served.reads_partners = False
    rgb = torch.from_numpy(toy.benchmark().rgb.labels)[torch.from_numpy(served.rows(TRAIN))]
    first = torch.stack([rows[(labels == c).nonzero()[0, 0]] for c in rgb])
    served.set_pairs(first, 0)
    return module, served, Gallery(None, logits, labels, rows)


def fit(module: DistillModule, served: Any, *callbacks: pl.Callback, logger: Any = False) -> None:
    pl.Trainer(
        max_epochs=2, accelerator="cpu", logger=logger, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        use_distributed_sampler=False, callbacks=list(callbacks),
    ).fit(module, datamodule=served)  # fmt: skip


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_name_their_partners_and_bring_no_ms_image(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, served, gallery = module_and_data(workers)
    read: list[Request] = []
    get = UnpairedScenes.__getitem__

    def watched(self: UnpairedScenes, request: Request) -> dict[str, Tensor]:
        read.append(request)
        return get(self, request)

    monkeypatch.setattr(UnpairedScenes, "__getitem__", watched)
    seen: list[dict[str, Tensor]] = []

    class Look(pl.Callback):
        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, _: int) -> None:
            position = {int(row): i for i, row in enumerate(served.rows(TRAIN))}
            expected = served.pairs[[position[int(row)] for row in batch["rgb_index"]]]
            assert torch.equal(batch["ms_index"], expected)
            seen.append(batch)

    fit(module, served, DynM(gallery, [0, 1], 1.0, "student_teacher"), Look())
    assert len(seen) == 6
    assert not any("ms" in batch or "ms_target" in batch for batch in seen)
    assert read or workers
    assert all(request.ms is None for request in read)


def test_the_step_never_waits_for_the_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    # On the CPU, and nowhere else, it looks at the values of the target.
    monkeypatch.setattr("ackd.losses.decoupled.require_target", lambda *_: None)
    module, served, gallery = module_and_data()
    steps: list[int] = []

    class Strict(pl.Callback):
        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, i: int) -> None:
            self.mode = NoWaiting()
            # The rows are looked up on the host: that is no device to wait for.
            said = module.teacher(batch["ms_index"], None)
            module.teacher_said = said
            self.mode.__enter__()

        def on_train_batch_end(self, *_: Any) -> None:
            self.mode.__exit__(None, None, None)
            steps.append(1)

    class Said(StoredTeacher):
        def __call__(self, ms_index: Tensor, ms_images: Tensor | None = None) -> Any:
            return getattr(module, "teacher_said", None) or super().__call__(ms_index)

    assert isinstance(module.teacher, StoredTeacher)
    module.teacher = Said(module.teacher.store)
    rematch = DynM(gallery, [1], 1.0, "student_teacher")
    fit(module, served, Strict(), rematch)
    assert len(steps) == 6


def test_the_guard_sees_what_it_should_see() -> None:
    x = torch.randn(4)
    for wait in (lambda: x[0].item(), lambda: x[x > 0], lambda: bool(x.sum() > 0), x.nonzero):
        with pytest.raises(AssertionError, match="waits for the device"), NoWaiting():
            wait()
