"""Two ranks must compute the gradients of one process that sees the whole batch."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ackd.alignment import SKA, Projection
from ackd.backbones import Outputs
from ackd.losses import info_nce, soft_target_info_nce
from ackd.modules.objective import DistillationObjective, LossWeights
from ackd.ops.gathering import gather_batch
from tests.losses.catalogue import methods

B, D, N, C = 12, 16, 4, 5

KD = methods()


class Student(nn.Module):
    """A student without BatchNorm, with everything that its objective trains."""

    def __init__(self, kd: str) -> None:
        super().__init__()
        self.patches = nn.Linear(6, N * 8)
        self.classifier = nn.Linear(8, C)
        # Widths differ, so the projections are part of the comparison.
        self.objective = DistillationObjective(
            LossWeights(task=1.0, lambda1=0.4, lambda2=0.6, kd={kd: 1.0}),
            {kd: KD[kd]()},
            Projection((8, 8), (D, D)),
            SKA(D, heads=4, gather=gather_batch),
        )

    def forward(self, x: Tensor, teacher: Outputs, target: Tensor) -> Tensor:
        z = torch.tanh(self.patches(x)).reshape(len(x), N, 8)
        zbar = z.mean(dim=1)
        student = Outputs(z, zbar, self.classifier(zbar), (2, 2))
        task = nn.functional.cross_entropy(student.logits, target)
        return self.objective(task, student, teacher, target, epoch=5).total


def whole_batch() -> tuple[Tensor, Outputs, Tensor]:
    torch.manual_seed(1)
    teacher = Outputs(torch.randn(B, N, D), torch.randn(B, D), 3 * torch.randn(B, C), (2, 2))
    return torch.randn(B, 6), teacher, torch.randint(0, C, (B,))


def built(kd: str) -> Student:
    torch.manual_seed(0)
    return Student(kd)


def gradients(model: nn.Module) -> dict[str, Tensor]:
    assert all(p.grad is not None for p in model.parameters())
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def share_of(rank: int, world: int) -> slice:
    return slice(rank * B // world, (rank + 1) * B // world)


def run_rank(rank: int, world: int, port: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    dist.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world,
        timeout=timedelta(seconds=60),
    )  # fmt: skip
    mine = share_of(rank, world)
    x, teacher, target = whole_batch()
    shares = Outputs(*(part[mine] for part in teacher[:3]), teacher.grid)
    found: dict[str, dict[str, Tensor]] = {}
    for kd in KD:
        model = DistributedDataParallel(built(kd))
        model(x[mine], shares, target[mine]).backward()
        found[kd] = gradients(model.module)
    for name, loss in CONTRASTIVE.items():
        head = DistributedDataParallel(contrastive_head())
        v, g = head(x[mine])
        loss(gather_batch(v), gather_batch(g)).backward()
        found[name] = gradients(head.module)
    torch.save(found, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


class Head(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.v, self.g = nn.Linear(6, D), nn.Linear(6, D)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.v(x), self.g(x)


def contrastive_head() -> Head:
    torch.manual_seed(2)
    return Head()


CONTRASTIVE = {
    "info_nce": lambda v, g: info_nce(v, g, torch.tensor(2.0)),
    "soft_target": lambda v, g: soft_target_info_nce(v, g, 1.0),
}


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, dict[str, Tensor]]]:
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Forked, since importing torch again takes longer than the gradients.
    mp.start_processes(run_rank, (2, port, str(folder)), nprocs=2, start_method="fork")
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.fixture
def float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize("kd", KD)
@pytest.mark.usefixtures("float64")
def test_distillation_gradients_of_two_ranks_are_those_of_one(kd, two_ranks):
    x, teacher, target = whole_batch()
    model = built(kd)
    model(x, teacher, target).backward()
    for rank in two_ranks:
        for name, expected in gradients(model).items():
            torch.testing.assert_close(rank[kd][name], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CONTRASTIVE)
@pytest.mark.usefixtures("float64")
def test_contrastive_gradients_of_two_ranks_are_those_of_one(name, two_ranks):
    x, _, _ = whole_batch()
    head = contrastive_head()
    CONTRASTIVE[name](*head(x)).backward()
    for rank in two_ranks:
        for part, expected in gradients(head).items():
            torch.testing.assert_close(rank[name][part], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("float64")
def test_halves_alone_would_give_other_gradients():
    """The comparison above can fail: without gathering, CORAL of the halves is another loss."""
    x, teacher, target = whole_batch()
    model = built("rkd")
    model(x, teacher, target).backward()
    whole = gradients(model)
    model.zero_grad()
    for rank in range(2):
        mine = share_of(rank, 2)
        shares = Outputs(*(part[mine] for part in teacher[:3]), teacher.grid)
        (model(x[mine], shares, target[mine]) / 2).backward()
    halves = gradients(model)
    assert not torch.allclose(whole["patches.weight"], halves["patches.weight"], rtol=1e-3)


def test_one_process_gathers_nothing():
    share = torch.randn(3, 2, requires_grad=True)
    assert gather_batch(share) is share
