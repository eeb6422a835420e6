"""Two ranks share passes over images and end with what one process finds, and with its weights."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn

from ackd.alignment import SKA, Projection
from ackd.artifacts import cache
from ackd.artifacts.cache import obtain
from ackd.backbones import Backbone, Outputs
from ackd.callbacks import DynM
from ackd.data.benchmark import TRAIN
from ackd.losses import RelationalKD, VanillaKD
from ackd.matching import Gallery
from ackd.matching.matcher import Matcher
from ackd.modules import (
    DistillationObjective,
    DistillModule,
    LossWeights,
    StoredTeacher,
    TeacherStore,
    UnpairedDataModule,
    datamodule,
    open_store,
)
from ackd.modules.sharding import same_buffers, share_batches
from ackd.ops.gathering import gather_batch
from ackd.stages import context as stages_context
from ackd.stages import store
from ackd.stages.context import SceneContext
from ackd.stages.pairing import make_pairing
from ackd.stages.stage import Done, StageResult
from ackd.stages.store import StoreStage
from tests.stages import toy

# Five batches of MS images and six of RGB images: the last turn of two ranks is not full.
SWEEP = 4


class Plain(Backbone):
    """A student without BatchNorm, in the precision of its weights."""

    def __init__(self) -> None:
        super().__init__(6, 6, 3, 3)
        self.patches = nn.Conv2d(3, 6, 4, stride=4)
        self.head = nn.Linear(6, 3)

    def run(self, x: Tensor) -> Outputs:
        z = torch.tanh(self.patches(x.to(self.head.weight.dtype))).flatten(2).mT
        return Outputs(z, z.mean(dim=1), self.head(z.mean(dim=1)), (2, 2))


def trained(world: int) -> dict[str, Any]:
    """Weights and pairs after two epochs of SGD in float64, in batches of 8 over all ranks."""
    served = toy.data(batch_size=8 // world)
    rows = torch.from_numpy(served.rows(TRAIN, "ms"))
    torch.manual_seed(0)
    outputs = (torch.randn(18, *shape, dtype=torch.float64) for shape in ((4, 8), (8,), (3,)))
    said = TeacherStore(rows, *outputs, (2, 2), 8)  # type: ignore[arg-type]
    objective = DistillationObjective(
        LossWeights(1.0, 0.4, 0.6, {"vanilla": 1.0, "rkd": 1.0}),
        {"vanilla": VanillaKD(), "rkd": RelationalKD()}, Projection((6, 6), (8, 8)),
        SKA(8, heads=2, gather=gather_batch),
    )  # fmt: skip
    module = DistillModule(
        Plain(), objective, StoredTeacher(said), lambda p: torch.optim.SGD(p, lr=0.05)
    )
    found = {"start": {k: v.clone() for k, v in module.state_dict().items()}}
    served.reads_partners = False
    bench = served.benchmark
    labels = torch.from_numpy(bench.ms.labels)[rows]
    classes = torch.from_numpy(bench.rgb.labels)[torch.from_numpy(served.rows(TRAIN))]
    served.set_pairs(torch.stack([rows[(labels == c).nonzero()[0, 0]] for c in classes]), 0)
    gallery = Gallery(None, said.logits, labels, rows)
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", devices=world, strategy="ddp" if world > 1 else "auto",
        precision="64-true", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0, use_distributed_sampler=False,
        callbacks=[DynM(gallery, [1], 1.0, "student_teacher")],
    )  # fmt: skip
    trainer.fit(module, datamodule=served)
    assert served.pairs is not None
    return found | {"end": module.state_dict(), "pairs": served.pairs, "steps": trainer.global_step}


def prepared(folder: Path, initial: str) -> dict[str, Any]:
    """Store, galleries and first pairs, without a Trainer."""
    datamodule.SWEEP_BATCH = SWEEP  # type: ignore[misc]
    stages_context.build_backbone = tiny_student  # type: ignore[attr-defined]
    ranks = dist.get_world_size() if dist.is_initialized() else 1
    words = (f"matching={initial}", f"trainer.devices={ranks}")
    context = SceneContext(toy.config(folder, *words), toy.benchmark())
    torch.manual_seed(4)
    teacher = toy.ToyBackbone(4, 3)
    matcher = Matcher(toy.ToyBackbone(4, 0), toy.ToyBackbone(3, 0), dim=8)
    served: UnpairedDataModule = toy.data()
    done = Done({"teacher": StageResult(teacher, {}, fingerprint="fingerprint")})
    stage = StoreStage.of(context, done)
    opened = open_store(obtain(stage, folder / "artifacts").folder)
    found: dict[str, Any] = {}
    for name, given in (("stored", opened), ("live", None)):
        made = make_pairing(context.config, served, context.networks, teacher, matcher, given)
        assert made.gallery.logits is not None
        assert made.gallery.embeddings is not None
        found |= {
            f"{name}/pairs": made.pairs, f"{name}/logits": made.gallery.logits.clone(),
            f"{name}/embeddings": made.gallery.embeddings.clone(),
        }  # fmt: skip
    assert opened.z is not None
    return found | {"z": opened.z.clone(), "rows": opened.rows.clone()}


def odd_jobs(rank: int) -> None:
    sizes = [3, 3, 1]
    batches = [torch.arange(n, dtype=torch.float64) + 10 * i for i, n in enumerate(sizes)]
    asked: list[int] = []

    def compute(batch: Tensor) -> tuple[Tensor, ...]:
        asked.append(int(batch[0]) // 10)
        return batch, batch[:, None].expand(-1, 2)

    shared = list(share_batches(batches, sizes, compute))
    assert asked == ([0, 2] if rank == 0 else [1, 2])
    for batch, (first, second) in zip(batches, shared, strict=True):
        assert torch.equal(first, batch)
        assert torch.equal(second, batch[:, None].expand(-1, 2))
    norm = nn.BatchNorm1d(2)
    norm.running_mean.fill_(rank + 5)  # type: ignore[union-attr]
    same_buffers(norm)
    assert norm.running_mean.tolist() == [5.0, 5.0]  # type: ignore[union-attr]


def run_rank(rank: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    for part in (cache, store):
        part.first_rank = lambda: rank == 0  # type: ignore[attr-defined]
    dist.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2,
        timeout=timedelta(seconds=120),
    )  # fmt: skip
    odd_jobs(rank)
    found = {name: prepared(Path(folder) / name, name) for name in ("ssm", "nearest_feature")}
    # For Lightning; a configuration for one device would take them for left over.
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2",
        "LOCAL_RANK": str(rank), "NODE_RANK": "0",
    }  # fmt: skip
    found["trained"] = trained(2)
    torch.save(found, Path(folder) / f"{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Forked, since importing torch again takes longer than the work.
    mp.start_processes(run_rank, (port, str(folder)), nprocs=2, start_method="fork")
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("initial", ["ssm", "nearest_feature"])
def test_store_galleries_and_pairs_are_those_of_one_process(
    initial: str, two_ranks: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datamodule, "SWEEP_BATCH", SWEEP)
    monkeypatch.setattr(stages_context, "build_backbone", stages_context.build_backbone)
    alone = prepared(tmp_path, initial)
    for rank in two_ranks:
        assert rank[initial].keys() == alone.keys()
        for name, expected in alone.items():
            assert torch.equal(rank[initial][name], expected), name
    assert torch.equal(alone["stored/pairs"], alone["live/pairs"])
    assert torch.equal(alone["stored/logits"], alone["live/logits"])


def tiny_student(name: str, bands: int, classes: int, **_: object) -> Backbone:
    return toy.ToyBackbone(bands, classes, width=8)


def test_two_ranks_end_with_the_weights_of_one_process(two_ranks: list[dict[str, Any]]) -> None:
    alone = trained(1)
    for rank in (rank["trained"] for rank in two_ranks):
        assert rank["steps"] == alone["steps"] == 6
        assert torch.equal(rank["pairs"], alone["pairs"])
        for name, expected in alone["end"].items():
            torch.testing.assert_close(rank["end"][name], expected, rtol=1e-10, atol=1e-12)
    moved = np.mean([not torch.equal(alone["end"][n], v) for n, v in alone["start"].items()])
    assert moved == 1
