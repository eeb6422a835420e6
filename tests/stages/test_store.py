"""The teacher looks once: one store for every student of it, and runs like those of a live one."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from ackd.backbones import Outputs
from ackd.errors import ConfigError
from ackd.modules import open_store, teacher_store
from ackd.stages.objective import reads
from ackd.stages.store import StoreStage
from ackd.train import train
from tests.stages import toy


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def run(root: Path, name: str, *overrides: str) -> dict[str, Any]:
    return train(
        toy.composed(root, "student.max_epochs=2", "dynm.reference_epochs=2", "dynm.delta=1",
                     "dynm.count=2", *overrides),
        root / "outputs" / name,
    )  # fmt: skip


def last(root: Path, name: str) -> dict[str, Any]:
    path = root / "outputs" / name / "checkpoints" / "last.ckpt"
    found: dict[str, Any] = torch.load(path, weights_only=True)
    return found


def stores(root: Path) -> list[Path]:
    return [path.parent for path in (root / "artifacts" / "store").glob("*/stage.json")]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored and a live run of one teacher, turned RGB images."""
    root = tmp_path_factory.mktemp("two")
    with pytest.MonkeyPatch.context() as patch:
        toy.small(patch)
        run(root, "stored", "data.augment=true")
        run(root, "live", "data.augment=true", "student.teacher=live")
    return root


def test_a_stored_and_a_live_teacher_lead_to_one_student(two: Path) -> None:
    stored, live = last(two, "stored"), last(two, "live")
    assert torch.equal(stored["UnpairedDataModule"]["pairs"], live["UnpairedDataModule"]["pairs"])
    for name, expected in live["state_dict"].items():
        torch.testing.assert_close(stored["state_dict"][name], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_students_share_a_store_and_a_new_teacher_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    blocks = StoreStage._blocks

    def counted(self: StoreStage, *args: Any) -> Any:
        looks.append(1)
        return blocks(self, *args)

    monkeypatch.setattr(StoreStage, "_blocks", counted)
    kd = ("method=kd", "student.max_epochs=1")
    first = run(tmp_path, "a", *kd)
    assert "store" not in first["reused"]
    second = run(tmp_path, "b", *kd, "seed=1", "loss.lambda1=0.2")
    assert second["reused"] == ["teacher", "store"]
    assert second["seconds"]["store"] == first["seconds"]["store"]
    assert len(looks) == len(stores(tmp_path)) == 1
    # The same options and yet another teacher, e.g. from another machine's arithmetic.
    (weights,) = (tmp_path / "artifacts" / "teacher").glob("*/weights.pt")
    content = torch.load(weights, weights_only=True)
    content["head.bias"] += 1e-3
    torch.save(content, weights)
    assert run(tmp_path, "c", *kd)["reused"] == ["teacher"]
    run(tmp_path, "d", *kd, "teacher.seed=5")
    assert len(looks) == len(stores(tmp_path)) == 3
    run(tmp_path, "e", *kd, "student.teacher=live")
    assert run(tmp_path, "f", *kd, "force=[store]")["reused"] == ["teacher"]
    assert len(looks) == 4
    assert len(stores(tmp_path)) == 3


def test_no_image_is_looked_at_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Galleries and the nearest features come from the store as well."""
    seen: list[int] = []
    build = toy.ToyBackbone.run

    def counted(self: toy.ToyBackbone, x: Tensor) -> Any:
        # A black image is asked for its patch grid alone.
        if x.shape[1] == len(toy.BANDS) and not torch.is_grad_enabled() and x.any():
            seen.append(len(x))
        return build(self, x)

    run(tmp_path, "first", "until=teacher")
    monkeypatch.setattr(toy.ToyBackbone, "run", counted)
    run(tmp_path, "second", "matching=nearest_feature", "transport.enabled=true")
    assert sum(seen) == 18


def test_a_store_that_was_killed_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = ("method=kd", "student.max_epochs=1")
    arrays = teacher_store._arrays

    def dying(*args: Any) -> Any:
        if dying.calls == 1:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGKILL)
        dying.calls += 1  # type: ignore[attr-defined]
        return arrays(*args)

    dying.calls = 0  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setattr(teacher_store, "_arrays", dying)
        patch.setattr("ackd.modules.datamodule.SWEEP_BATCH", 7)
        assert toy.in_child(run, tmp_path, "killed", *kd) == -signal.SIGKILL
    (draft,) = (tmp_path / "artifacts" / "store").glob("*.training")
    assert (draft / "logits.npy").is_file()
    assert not stores(tmp_path)
    assert "store" not in run(tmp_path, "again", *kd, "ckpt_path=auto")["reused"]
    assert not draft.exists()
    (folder,) = stores(tmp_path)
    assert len(open_store(folder).logits) == 18


def test_turned_ms_images_need_a_live_teacher(tmp_path: Path) -> None:
    turned = ("data.augment=true", "student.augment_ms=true")
    with pytest.raises(ConfigError, match=r"use student\.teacher=live"):
        toy.config(tmp_path, *turned)
    assert toy.config(tmp_path, *turned, "student.teacher=live").student.augment_ms
    toy.config(tmp_path, *turned, "method=baseline")


@pytest.mark.parametrize(
    ("overrides", "kept"),
    [
        ((), True),
        (("ska.ot1=false",), False),
        (("method=kd",), False),
        (("loss.lambda1=1",), False),
    ],
)
def test_patches_are_kept_where_a_loss_may_read_them(
    overrides: tuple[str, ...], kept: bool, tmp_path: Path
) -> None:
    config = toy.config(tmp_path, *overrides)
    assert ("z" in reads(config)) is kept
    # A loss that does not say what it reads may read patches.
    target = "+loss.kd.mine.loss._target_=tests.stages.test_store.Undeclared"
    assert reads(toy.config(tmp_path, *overrides, target)) == {"logits", "zbar", "z"}


class Undeclared(nn.Module):
    def forward(self, student: Outputs, teacher: Outputs, target: Tensor, epoch: int) -> Tensor:
        return (student.z.mean(1) - teacher.z.mean(1)).square().mean()


class PatchMSE(Undeclared):
    needs = frozenset({"z"})
    seen: ClassVar[set[tuple[int, ...]]] = set()

    def forward(self, student: Outputs, teacher: Outputs, target: Tensor, epoch: int) -> Tensor:
        self.seen.add(tuple(teacher.z.shape[1:]))
        assert student.z.shape[2] == teacher.z.shape[2], "the student's patches are not projected"
        return super().forward(student, teacher, target, epoch)


def test_a_loss_of_the_project_that_reads_patches_gets_them_without_l_ot1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ackd.losses.PatchMSE", PatchMSE, raising=False)
    PatchMSE.seen.clear()
    term = "+loss.kd.patches.loss._target_=ackd.losses.PatchMSE"
    result = run(tmp_path, "a", "method=kd", "kd=none", term, "student.max_epochs=1")
    assert PatchMSE.seen == {(4, 8)}
    assert result["student"]["metrics"]["oa"] is not None
    (folder,) = stores(tmp_path)
    z = open_store(folder).z
    assert z is not None
    assert z.shape == (18, 4, 8)


def test_a_loss_that_reads_what_it_does_not_declare_is_refused(tmp_path: Path) -> None:
    monkey = "+loss.kd.liar.loss._target_=tests.stages.test_store.Liar"
    with pytest.raises(ConfigError, match=r"loss\.kd\.liar\.loss \(.*Liar\).*z \(4, 0, 8\)"):
        run(tmp_path, "a", "method=kd", "kd=none", monkey)
    with pytest.raises(ConfigError, match=r"'patches'.*Misnamed\.needs.*logits, zbar, z"):
        run(tmp_path, "b", "method=kd", "kd=none", monkey.replace("Liar", "Misnamed"))


class Liar(Undeclared):
    needs = frozenset({"logits"})


class Misnamed(Undeclared):
    needs = frozenset({"patches"})
