"""Memory, shared memory and workers that run out: said with the option that needs less."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ackd.data.pairs import Request, UnpairedScenes
from ackd.errors import AckdError, ConfigError, DiskFullError
from ackd.modules import DistillModule, TeacherModule, UnpairedDataModule
from ackd.runs.resources import shortages_told
from ackd.train import train
from tests.stages import toy

MODULES = {"teacher": TeacherModule, "student": DistillModule}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def run(root: Path, *overrides: str) -> dict[str, Any]:
    return train(toy.composed(root, *overrides), root / "outputs" / "run")


def real_cpu() -> Exception:
    """What torch raises where the system gives no more memory."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    return caught.value


def real_numpy() -> Exception:
    with pytest.raises(MemoryError) as caught:
        np.empty(1 << 60, dtype=np.uint8)
    return caught.value


@pytest.mark.parametrize("stage", ["teacher", pytest.param("student", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "error",
    [
        real_cpu(), real_numpy(), MemoryError(), RuntimeError("std::bad_alloc"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("CUDA error: out of memory"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=["cpu", "numpy", "plain", "bad_alloc", "cuda", "cuda_error", "os"],
)  # fmt: skip
def test_out_of_memory_names_half_of_the_stages_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, error: Exception
) -> None:
    def full(self: Any, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        raise error

    monkeypatch.setattr(MODULES[stage], "training_step", full)
    with pytest.raises(AckdError) as caught:
        run(tmp_path)
    said = str(caught.value)
    assert f"The {stage} ran out of memory" in said
    assert f"{stage}.batch_size=4 (it is 8)" in said
    assert ("the GPU" in said) == ("CUDA" in str(error))


def test_the_smallest_batch_is_not_halved(tmp_path: Path) -> None:
    options = toy.config(tmp_path, "student.batch_size=2")
    with (
        pytest.raises(AckdError, match=r"student\.backbone\.name, or smaller images"),
        shortages_told(options, "student"),
    ):
        raise MemoryError


def test_other_errors_keep_their_trace(tmp_path: Path) -> None:
    options = toy.config(tmp_path, "loader.num_workers=2")
    with (
        pytest.raises(RuntimeError, match="shapes cannot be multiplied"),
        shortages_told(options, "student"),
    ):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


@pytest.mark.slow
def test_passes_over_images_take_fewer_at_once_where_memory_runs_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[logging.LogRecord]
) -> None:
    """The teacher's outputs, the galleries and DynM: 18 MS and 27 RGB images."""
    load, taken = UnpairedDataModule.load, []

    def small(self: Any, request: Request, device: torch.device) -> Any:
        images = len(request.rgb if request.ms is None else request.ms)
        if images > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        taken.append(images)
        return load(self, request, device)

    whole = run(tmp_path / "whole")
    monkeypatch.setattr(UnpairedDataModule, "load", small)
    found = run(tmp_path / "small")
    assert max(taken) == 4
    told = [text for r in said if "do not fit into memory" in (text := r.getMessage())]
    # Each pass of each stage finds out for itself; the teacher's comes first.
    assert told[:2] == [
        "18 images at once do not fit into memory; going on with 9",
        "9 images at once do not fit into memory; going on with 4",
    ]
    assert found["student"]["best_epoch"] == whole["student"]["best_epoch"]
    for name in ("logits", "zbar", "z"):
        ours, theirs = (
            np.load(next((tmp_path / run).glob(f"artifacts/store/*/{name}.npy")))
            for run in ("small", "whole")
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def full(*_: Any) -> Any:
    raise RuntimeError("std::bad_alloc")


def test_one_image_that_does_not_fit_in_the_teachers_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UnpairedDataModule, "load", full)
    with pytest.raises(AckdError, match=r"The pass of the teacher over .* \(data\.size=N\)"):
        run(tmp_path, "method=kd", "teacher.max_epochs=1")


def test_one_image_that_does_not_fit_in_the_pairing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = UnpairedDataModule.load
    monkeypatch.setattr(
        UnpairedDataModule, "load",
        lambda self, request, device: full() if request.ms is None else load(self, request, device),
    )  # fmt: skip
    with pytest.raises(AckdError, match=r"The pairing ran out of memory on this machine \(std"):
        run(tmp_path, "teacher.max_epochs=1")


@pytest.mark.parametrize("stage", MODULES)
def test_out_of_memory_in_the_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setattr(MODULES[stage], "test_step", full)
    with pytest.raises(
        AckdError,
        match=rf"The test of the {stage} ran out .*{stage}\.batch_size=4 .*ckpt_path=auto",
    ):
        run(tmp_path, "method=kd", "teacher.max_epochs=1", "student.max_epochs=1")


def test_out_of_memory_in_the_first_try_is_not_the_networks_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy.ToyBackbone, "run", full)
    with pytest.raises(AckdError, match=r"first try of the teacher ran out .*teacher\.backbone"):
        run(tmp_path)


def test_a_full_disk_is_not_taken_for_shared_memory(tmp_path: Path) -> None:
    options = toy.config(tmp_path, "loader.num_workers=2")
    with pytest.raises(DiskFullError), shortages_told(options, "student"):
        raise DiskFullError("/dev/shm/outputs/last.ckpt cannot be written: it needs 5 kB")


def in_worker(monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """Let every loader worker do something when it is asked for a batch."""
    parent, get = os.getpid(), UnpairedScenes.__getitem__

    def reading(self: Any, request: Any) -> Any:
        if os.getpid() != parent:
            do()
        return get(self, request)

    monkeypatch.setattr(UnpairedScenes, "__getitem__", reading)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        # The system may have ended the second worker before the first one's signal is read.
        (
            signal.SIGBUS,
            r"worker.* of the student (ran out of shared memory|was ended from outside)"
            r".*num_workers=0",
        ),
        pytest.param(
            signal.SIGKILL,
            r"worker of the student was ended from outside.*batch_size=4.*--shm-size",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_worker_that_was_killed_says_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, said: str
) -> None:
    in_worker(monkeypatch, lambda: os.kill(os.getpid(), number))
    with pytest.raises(AckdError, match=said):
        run(tmp_path, "method=baseline", "loader.num_workers=2")


# As PyTorch says it.
BUS = (
    "DataLoader worker (pid 71) is killed by signal: Bus error. It is possible that dataloader's "
    "workers are out of shared memory. Please try to raise your shared memory limit."
)
OPEN = "unable to open shared memory object </torch_7_2> in read-write mode: No space left (28)"
ALLOCATE = (
    "unable to allocate shared memory(shm) for file </torch_2_1>: Cannot allocate memory (12)"
)
OUTSIDE = ("DataLoader worker (pid 71) is killed by signal: Killed. ",
           "DataLoader worker (pid(s) 71, 72) exited unexpectedly")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *((text, "2 loader workers of the student ran out of shared memory")
          for text in (BUS, OPEN, ALLOCATE)),
        *((text, "A loader worker of the student was ended from outside") for text in OUTSIDE),
    ],
)  # fmt: skip
def test_what_workers_lacked_is_told_from_what_pytorch_says(
    tmp_path: Path, text: str, said: str
) -> None:
    options = toy.config(tmp_path, "loader.num_workers=2")
    with pytest.raises(AckdError) as caught, shortages_told(options, "student"):
        raise RuntimeError(text)
    assert said in str(caught.value)
    assert "loader.num_workers=0" in str(caught.value)
    assert "--shm-size=8g" in str(caught.value)


def test_workers_are_not_blamed_where_there_are_none(tmp_path: Path) -> None:
    options = toy.config(tmp_path, "loader.num_workers=0")
    with pytest.raises(RuntimeError, match="Bus error"), shortages_told(options, "student"):
        raise RuntimeError(BUS)


@pytest.mark.slow
def test_a_worker_that_never_answers_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_worker(monkeypatch, signal.pause)
    with pytest.raises(AckdError, match=r"waited 1 s for a batch.*--shm-size.*loader\.timeout="):
        run(tmp_path, "method=baseline", "loader.num_workers=1", "loader.timeout=1")


def test_workers_have_a_time_limit_unless_there_are_none() -> None:
    assert toy.data(num_workers=2, timeout=60).train_dataloader().timeout == 60
    assert toy.data(num_workers=0, timeout=60).train_dataloader().timeout == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["trainer.devices=2", "+trainer.strategy=ddp", "student.batch_size=20"],
         r"student\.batch_size=20 on 2 processes needs 40 .*student\.batch_size=13 or less"),
        (["+trainer.limit_train_batches=0.1"], r"0\.1 of the 2 batches of the teacher .* 0\.5"),
    ],
)  # fmt: skip
def test_an_epoch_without_a_step_is_told_before_anything_trains(
    tmp_path: Path, options: list[str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        run(tmp_path, *options)
    assert not (tmp_path / "artifacts").exists()
