"""One training on two CPU processes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist

from ackd.callbacks import SameConfig
from ackd.errors import ConfigError
from ackd.runs.ranks import meet
from tests.stages import toy

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = [
    "trainer.devices=2", "trainer.accelerator=cpu", "+trainer.strategy=ddp", "data.classes=3",
    "data.ms_per_class=16", "data.rgb_per_class=17", "data.size=32",
    "data.ms_test_per_class=0", "data.rgb_test_per_class=0", "teacher.max_epochs=1",
    "matcher.max_epochs=1", "student.max_epochs=3", "teacher.batch_size=6", "matcher.batch_size=6",
    "student.batch_size=6", "dynm.e0=1", "dynm.delta=1", "dynm.mu=0", "dynm.count=2",
    "dynm.reference_epochs=3",
]  # fmt: skip


def launch(folder: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.stages.two_ranks", *OPTIONS, *options],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
        env=os.environ | {
            "ACKD_OUTPUTS": f"{folder}/outputs", "ACKD_ARTIFACTS": f"{folder}/artifacts",
            "ACKD_TEST_OUT": str(folder), "OMP_NUM_THREADS": "1", **env,
        },
    )  # fmt: skip


@pytest.mark.slow
def test_two_ranks_train_on_the_same_pairs_and_write_one_result(tmp_path: Path) -> None:
    done = launch(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.rglob("result.json")
    result = json.loads(path.read_text())
    assert result["student"]["metrics"]["oa"] is not None
    assert done.stdout.count("result: ") == 1
    assert done.stdout.count("training store") == 1
    assert [(tmp_path / f"together{n}").read_text() for n in range(2)] == ["True", "True"]
    ranks = [torch.load(tmp_path / f"rank{n}.pt", weights_only=True) for n in range(2)]
    assert [len(rank) for rank in ranks] == [6, 6]
    for ours, theirs in zip(*ranks, strict=True):
        assert ours["epoch"] == theirs["epoch"]
        assert ours["version"] == theirs["version"] == ours["epoch"]
        assert torch.equal(ours["pairs"], theirs["pairs"])
        assert not set(ours["rgb"].tolist()) & set(theirs["rgb"].tolist()), "an image twice"
    tested = result["data"]["split_sizes"]["rgb"]["test"]
    with (path.parent / "predictions.csv").open() as file:
        files = [row["file"] for row in csv.DictReader(file)]
    assert len(files) == len(set(files)) == tested
    # The metrics are those of all test images, not of one rank's share.
    with (path.parent / "predictions.csv").open() as file:
        right = [row["true"] == row["predicted"] for row in csv.DictReader(file)]
    assert result["student"]["metrics"]["oa"] == pytest.approx(sum(right) / tested)
    rows = toy.rows(path.parent / "metrics.csv")
    assert sum("train/loss" in row for row in rows) == 3


@pytest.mark.slow
def test_ranks_with_other_options_do_not_train(tmp_path: Path) -> None:
    done = launch(tmp_path, "until=teacher", ACKD_TEST_ODD="teacher.optimizer.lr=0.5")
    assert done.returncode != 0
    assert "Rank 1 has other options than rank 0 (in teacher)" in done.stderr
    assert not list(tmp_path.rglob("stage.json"))
    assert not list(tmp_path.rglob("result.json"))


def compare(rank: int, root: Path, theirs: dict[str, Any]) -> None:
    meeting = f"file://{root}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    options = {"loss": {"lambda1": 0.4}, "seed": 0} | (theirs if rank else {})
    trainer = SimpleNamespace(world_size=2)
    try:
        SameConfig(options).setup(trainer, None, "fit")  # type: ignore[arg-type]
        said = "same"
    except ConfigError as error:
        said = str(error)
    (root / f"said{rank}").write_text(said)
    dist.destroy_process_group()


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ({}, "same"),
        ({"loss": {"lambda1": 0.2}}, "Rank 1 has other options than rank 0 (in loss)"),
        ({"extra": 1, "seed": 1}, "(in extra, seed)"),
    ],
)
def test_every_rank_sees_that_options_differ(
    tmp_path: Path, theirs: dict[str, Any], said: str
) -> None:
    ranks = [toy.FORK.Process(target=compare, args=(n, tmp_path, theirs)) for n in range(2)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(60)
    for rank in range(2):
        assert said in (tmp_path / f"said{rank}").read_text()


def test_a_process_alone_meets_nobody() -> None:
    meet({"accelerator": "cpu", "devices": 1})
    assert not dist.is_initialized()


def test_a_process_alone_compares_nothing() -> None:
    SameConfig({}).setup(SimpleNamespace(world_size=1), None, "fit")  # type: ignore[arg-type]
