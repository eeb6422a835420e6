"""A stored teacher says what a live one says, and its files are whole or refused."""

from __future__ import annotations

import shutil
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ackd.alignment import SKA, Projection
from ackd.backbones import Outputs
from ackd.data.benchmark import TRAIN
from ackd.data.pairs import Request
from ackd.errors import DataError
from ackd.losses import HyperbolicRelationalKD, RelationalKD, VanillaKD
from ackd.modules import (
    DistillationObjective,
    LiveTeacher,
    LossWeights,
    StoredTeacher,
    TeacherStore,
    open_store,
    write_store,
)
from tests.stages import toy


def outputs(count: int, patches: int = 4, seed: int = 0) -> Outputs:
    noise = torch.Generator().manual_seed(seed)
    z, zbar, logits = (
        torch.randn(count, *shape, generator=noise) for shape in ((patches, 6), (5,), (3,))
    )
    return Outputs(z, zbar, logits, (1, patches))


def blocks(whole: Outputs, cuts: list[int]) -> Iterator[Outputs]:
    for parts in zip(*(part.tensor_split(cuts) for part in whole[:3]), strict=True):
        yield Outputs(*parts, whole.grid)


@given(
    count=st.integers(1, 30), patches=st.integers(1, 4), data=st.data(),
    keep=st.booleans(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_rows_are_looked_up_whatever_the_blocks(
    count: int, patches: int, data: st.DataObject, keep: bool
) -> None:
    rows = np.sort(np.random.default_rng(count).choice(3 * count, count, replace=False))
    cuts = sorted(data.draw(st.lists(st.integers(0, count), max_size=3)))
    asked = torch.tensor(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=8)))
    whole = outputs(count, patches)
    with TemporaryDirectory() as folder:
        write_store(Path(folder), rows, blocks(whole, cuts), patches=keep)
        found = StoredTeacher(open_store(Path(folder)))(torch.from_numpy(rows)[asked])
    assert torch.equal(found.logits, whole.logits[asked])
    assert torch.equal(found.zbar, whole.zbar[asked])
    if keep:
        assert torch.equal(found.z, whole.z[asked])
    assert found.z.shape == (len(asked), patches if keep else 0, 6)
    assert found.grid == (1, patches)


def test_an_image_that_is_not_stored_is_named(tmp_path: Path) -> None:
    write_store(tmp_path, np.array([2, 5]), [outputs(2)])
    teacher = StoredTeacher(open_store(tmp_path))
    for row in (3, 6, 900):
        with pytest.raises(ValueError, match=f"does not hold the MS image {row};"):
            teacher(torch.tensor([5, row]))


def test_files_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="hold 4 images, but there are 5 rows"):
        write_store(tmp_path, np.arange(5), [outputs(4)])
    with pytest.raises(DataError, match="cannot be read"):
        open_store(tmp_path)
    write_store(tmp_path, np.arange(5), [outputs(5)])
    with (tmp_path / "z.npy").open("r+b") as file:
        file.truncate(200)
    with pytest.raises(DataError, match="cannot be read"):
        open_store(tmp_path)


def test_a_disk_without_room_is_found_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(32 * 50 - 1))
    with pytest.raises(DataError, match=r"outputs of 50 images need.*student\.teacher=live"):
        write_store(tmp_path, np.arange(50), [outputs(50)], patches=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(32 * 50))
    write_store(tmp_path, np.arange(50), [outputs(50)], patches=False)


class Student(nn.Module):
    """Widths differ from the teacher's, so projections take part."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = toy.ToyBackbone(3, 3, width=6, dropout=0.0)
        self.objective = DistillationObjective(
            LossWeights(1.0, 0.4, 0.6, {"vanilla": 1.0, "rkd": 1.0, "vpr": 1.0}),
            {"vanilla": VanillaKD(), "rkd": RelationalKD(), "vpr": HyperbolicRelationalKD()},
            Projection((6, 6), (8, 8)),
            SKA(8, heads=2),
        )


@pytest.mark.parametrize(
    ("precision", "close"),
    [
        (torch.float64, {"rtol": 1e-12, "atol": 1e-12}),
        (torch.float32, {"rtol": 1e-4, "atol": 1e-6}),
    ],
)
def test_losses_and_gradients_are_those_of_the_live_teacher(
    precision: torch.dtype, close: dict[str, float]
) -> None:
    served = toy.data()
    rows = served.rows(TRAIN, "ms")
    torch.manual_seed(3)
    backbone = toy.ToyBackbone(4, 3).to(precision)
    live = LiveTeacher(backbone)

    def images(side: str, of: np.ndarray) -> Tensor:
        request = Request(**{"ms": None, "rgb": None, side: of})
        return served.load(request, torch.device("cpu"))[side].to(precision)

    whole = live(torch.from_numpy(rows), images("ms", rows))
    store = TeacherStore(torch.from_numpy(rows), *whole, z_dim=8)  # type: ignore[arg-type]
    chosen = np.array([0, 3, 3, 1, 7, 11, 17, 2])
    found: list[dict[str, Tensor]] = []
    for teacher, ms in ((live, images("ms", rows[chosen])), (StoredTeacher(store), None)):
        torch.manual_seed(5)
        student = Student().to(precision)
        rgb = images("rgb", served.rows(TRAIN)[:8])
        said = teacher(torch.from_numpy(rows[chosen]), ms)
        seen, target = student.backbone(rgb), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
        task = nn.functional.cross_entropy(seen.logits, target)
        terms = student.objective(task, seen, said, target, epoch=2)
        terms.total.backward()
        gradients = {n: p.grad for n, p in student.named_parameters() if p.grad is not None}
        found.append(terms.raw | gradients)
    assert {"task", "vanilla", "ot1", "ot2"} < found[0].keys()
    assert found[0].keys() == found[1].keys()
    for name, expected in found[0].items():
        torch.testing.assert_close(found[1][name], expected, **close)
