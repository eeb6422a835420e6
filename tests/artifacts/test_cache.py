"""Finished stages: trained once, whole or not there, found again by what shaped them."""

from __future__ import annotations

import logging
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch.distributed as dist

from ackd.artifacts import cache
from ackd.artifacts.cache import obtain
from ackd.config.schema import Config
from ackd.data.benchmark import Benchmark
from ackd.errors import DamagedError
from ackd.stages.context import SceneContext
from ackd.stages.matcher import MatcherStage
from ackd.stages.stage import Done, KeptStage
from ackd.stages.teacher import TeacherStage
from ackd.utils import locks
from ackd.utils.values import digest
from tests.stages import toy


class FakeStage:
    """Writes who trained it; dies, waits or fails where it is told to."""

    name = "fake"
    format_version = 1

    def __init__(self, log: Path, behave: str = "", shape: int = 0) -> None:
        self.log = log
        self.behave = behave
        self.shape = shape

    def shaped_by(self) -> dict[str, Any]:
        return {"shape": self.shape}

    def train(self, folder: Path, *, resume: bool) -> None:
        with self.log.open("a") as file:
            file.write(f"{os.getpid()} resume={resume}\n")
        if self.behave == "along":
            return  # only rank 0 writes
        (folder / "half").write_text("half")
        if self.behave == "slow":
            time.sleep(0.7)
        if self.behave == "die":
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
        if self.behave == "fail":
            raise RuntimeError("out of memory")
        (folder / "product").write_text(str(os.getpid()))

    def load(self, folder: Path) -> str:
        found = (folder / "product").read_text()
        if not found:
            raise DamagedError("the product is empty")
        return found

    def report(self, folder: Path) -> dict[str, Any]:
        return {}


def work(root: Path, behave: str) -> None:
    found = obtain(FakeStage(root / "log", behave), root)
    assert (found.folder / "product").is_file()


def trainings(root: Path) -> int:
    return len((root / "log").read_text().splitlines())


def test_two_processes_train_a_stage_once(tmp_path: Path) -> None:
    both = [toy.FORK.Process(target=work, args=(tmp_path, "slow")) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(30)
    assert [process.exitcode for process in both] == [0, 0]
    assert trainings(tmp_path) == 1


def test_another_process_takes_over_from_one_that_was_killed(tmp_path: Path) -> None:
    doomed = toy.FORK.Process(target=work, args=(tmp_path, "die"))
    doomed.start()
    while not (tmp_path / "log").is_file():
        time.sleep(0.02)
    work(tmp_path, "")  # waits, then trains
    doomed.join(30)
    assert doomed.exitcode == -signal.SIGKILL
    assert trainings(tmp_path) == 2
    obtain(FakeStage(tmp_path / "log"), tmp_path)
    assert trainings(tmp_path) == 2


def test_a_failed_training_is_never_used(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        obtain(FakeStage(tmp_path / "log", "fail"), tmp_path)
    assert not list((tmp_path / "fake").glob("*/product"))
    found = obtain(FakeStage(tmp_path / "log"), tmp_path)
    assert not found.reused
    assert (found.folder / "product").is_file()


@pytest.mark.parametrize("resume", [False, True])
def test_what_an_interrupted_training_left_is_kept_for_a_resumed_run_alone(
    tmp_path: Path, resume: bool
) -> None:
    with pytest.raises(RuntimeError):
        obtain(FakeStage(tmp_path / "log", "fail"), tmp_path)
    seen = []

    class Looking(FakeStage):
        def train(self, folder: Path, *, resume: bool) -> None:
            seen.append((resume, (folder / "half").exists()))
            (folder / "product").write_text("seen")

    obtain(Looking(tmp_path / "log"), tmp_path, resume=resume)
    assert seen == [(resume, resume)]


def test_force_replaces_only_after_success(tmp_path: Path) -> None:
    first = obtain(FakeStage(tmp_path / "log"), tmp_path)
    (first.folder / "mark").touch()
    with pytest.raises(RuntimeError):
        obtain(FakeStage(tmp_path / "log", "fail"), tmp_path, force=True)
    assert obtain(FakeStage(tmp_path / "log"), tmp_path).reused
    assert (first.folder / "mark").exists()
    second = obtain(FakeStage(tmp_path / "log"), tmp_path, force=True)
    assert not second.reused
    assert second.folder == first.folder
    assert not (first.folder / "mark").exists()
    assert [p.name for p in (tmp_path / "fake").iterdir() if p.is_dir()] == [first.folder.name]


def test_a_damaged_one_is_trained_again_with_one_line(
    tmp_path: Path, said: list[logging.LogRecord]
) -> None:
    first = obtain(FakeStage(tmp_path / "log"), tmp_path)
    for damage in (lambda p: p.write_text(""), lambda p: p.unlink()):
        damage(first.folder / "product")
        said.clear()
        again = obtain(FakeStage(tmp_path / "log"), tmp_path)
        assert not again.reused
        assert again.folder == first.folder
        assert again.product == str(os.getpid())
        (line,) = [r.getMessage() for r in said if r.levelname == "WARNING"]
        assert line.startswith(f"training fake {first.fingerprint} again: ")
        assert obtain(FakeStage(tmp_path / "log"), tmp_path).reused
    assert trainings(tmp_path) == 3


def test_another_shape_or_format_is_another_artifact(tmp_path: Path) -> None:
    one = obtain(FakeStage(tmp_path / "log"), tmp_path)
    other = obtain(FakeStage(tmp_path / "log", shape=1), tmp_path)
    newer = FakeStage(tmp_path / "log")
    newer.format_version = 2
    assert len({one.folder, other.folder, obtain(newer, tmp_path).folder}) == 3


def rank(number: int, root: Path) -> None:
    """One of two ranks that already train together; rank 0 finds another job at work."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    cache.first_rank = lambda: number == 0  # type: ignore[attr-defined]
    locks.SIGN_OF_LIFE_SECONDS = 0.1
    dist.init_process_group("gloo", init_method=f"file://{root}/meeting", rank=number, world_size=2)
    found = obtain(FakeStage(root / f"log{number}"), root)
    assert found.reused, f"rank {number} went another way"
    behave = "along" if number else ""
    both = obtain(FakeStage(root / f"log{number}", behave, shape=9), root)
    assert not both.reused
    dist.destroy_process_group()


def test_ranks_that_wait_for_another_job_go_the_same_way(tmp_path: Path) -> None:
    other_job = toy.FORK.Process(target=work, args=(tmp_path, "slow"))
    other_job.start()
    while not (tmp_path / "log").is_file():
        time.sleep(0.02)
    ranks = [toy.FORK.Process(target=rank, args=(n, tmp_path)) for n in range(2)]
    for process in ranks:
        process.start()
    for process in [*ranks, other_job]:
        process.join(60)
    assert [process.exitcode for process in [*ranks, other_job]] == [0, 0, 0]
    # The second stage was trained by both ranks, the first by neither.
    assert trainings_of(tmp_path) == [1, 1]


def trainings_of(root: Path) -> list[int]:
    return [len((root / f"log{n}").read_text().splitlines()) for n in range(2)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return toy.config(tmp_path_factory.mktemp("base"))


def changed(config: Config, option: str, value: Any) -> Config:
    tree = config.model_dump()
    *path, last = option.split(".")
    node = tree
    for name in path:
        node = node[name]
    node[last] = value
    return Config.model_validate(tree)


def shape(stage: type[KeptStage[Any]], config: Config, bench: Benchmark | None = None) -> str:
    return digest(stage.of(SceneContext(config, bench or toy.benchmark()), Done()).shaped_by())


STAGES = pytest.mark.parametrize("stage", [TeacherStage, MatcherStage])


@STAGES
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("loader.num_workers", 2),
        ("outputs", "/elsewhere"),
        ("artifacts", "/elsewhere"),
        ("trainer.accelerator", "auto"),
        ("trainer.deterministic", False),
        ("seed", 7),
        ("student.optimizer.lr", 0.5),
        ("student.max_epochs", 9),
        ("loss.lambda1", 0.1),
        ("dynm.gamma", 1.0),
        ("logger.tensorboard", {}),
        ("name", "other"),
        ("method", "kd"),
    ],
)
def test_what_does_not_shape_a_stage_leaves_its_digest(
    stage: type, option: str, value: Any, base: Config
) -> None:
    assert shape(stage, changed(base, option, value)) == shape(stage, base)


@STAGES
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("{}.seed", 1),
        ("{}.batch_size", 9),
        ("{}.max_epochs", 7),
        ("{}.optimizer.lr", 0.5),
        ("{}.backbone.name", "resnet34"),
        ("data.augment", True),
        ("trainer.gradient_clip_val", 1),
        ("trainer.precision", "bf16-mixed"),
        ("trainer.devices", 2),
    ],
)
def test_what_shapes_a_stage_changes_its_digest(
    stage: type, option: str, value: Any, base: Config
) -> None:
    assert shape(stage, changed(base, option.format(stage.name), value)) != shape(stage, base)


@STAGES
def test_the_images_shape_a_stage(stage: type, base: Config) -> None:
    bench = toy.benchmark()
    before = shape(stage, base, bench=bench)
    images = bench.ms.images.copy()
    assert before == shape(stage, base, bench=replace(bench, ms=replace(bench.ms, images=images)))
    one_pixel = images.copy()
    one_pixel[0, 0, 0, 0] += 1
    bands = ("B02", "B03", "B04", "B11")
    split = np.roll(bench.ms.split, 1)
    for change in ({"images": one_pixel}, {"bands": bands}, {"split": split}):
        other = replace(bench, ms=replace(bench.ms, **change))
        assert shape(stage, base, bench=other) != before, change.keys()


def test_rgb_images_shape_the_matcher_alone(base: Config) -> None:
    bench = toy.benchmark()
    other = replace(bench, rgb=replace(bench.rgb, images=bench.rgb.images // 2))
    same, changed = (
        shape(stage, base, bench=bench) == shape(stage, base, bench=other)
        for stage in (TeacherStage, MatcherStage)
    )
    assert (same, changed) == (True, False)


def test_fingerprints_ignore_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
