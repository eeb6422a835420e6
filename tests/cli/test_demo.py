"""The demo's table: what its intervals cover, and when it ranks students."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ackd.demo.scenes import Accuracy, accuracy_of, ranking
from tests.cli.running import TINY, forked, run, run_folders


def draws(seeds: int, images: int, spread: float, rng: np.random.Generator) -> np.ndarray:
    """Students whose accuracy is 0.7 on average and spreads over seeds."""
    hard = rng.normal(0.0, 0.1, images)
    chance = np.clip(0.7 + spread * rng.standard_normal((seeds, 1)) + hard, 0, 1)
    return rng.random((seeds, images)) < chance


def test_one_seed_has_the_interval_of_wilson() -> None:
    found = accuracy_of((np.arange(200) < 140)[None])
    assert found.seeds == (0.7,)
    # Wilson (1927) by hand: (p + z2/2n +- z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n), z = 1.96.
    assert (found.low, found.high) == pytest.approx((0.6332, 0.7593), abs=1e-4)


@pytest.mark.parametrize("spread", [0.0, 0.03])
def test_the_interval_covers_seeds_and_images(spread: float) -> None:
    rng = np.random.default_rng(0)
    tries = [accuracy_of(draws(3, 400, spread, rng)) for _ in range(400)]
    covered = np.mean([found.low < 0.7 < found.high for found in tries])
    assert covered > 0.93


def test_seeds_that_agree_leave_the_choice_of_images() -> None:
    """140 of 200 by hand: 1.96 sqrt(p (1 - p) / (n - 1)) on either side of 0.7."""
    found = accuracy_of(np.tile(np.arange(200) < 140, (3, 1)))
    assert found.seeds == pytest.approx((0.7, 0.7, 0.7))
    assert (found.low, found.high) == pytest.approx((0.6363, 0.7637), abs=1e-4)


def test_more_test_images_and_more_seeds_narrow_it() -> None:
    rng = np.random.default_rng(1)

    def width(seeds: int, images: int) -> float:
        tries = [accuracy_of(draws(seeds, images, 0.03, rng)) for _ in range(50)]
        return float(np.mean([found.high - found.low for found in tries]))

    assert width(3, 100) > width(3, 2000) > width(8, 2000)


def test_students_are_ranked_only_where_intervals_are_apart() -> None:
    low, middle, high = (Accuracy((m,), m - 0.02, m + 0.02) for m in (0.60, 0.63, 0.66))
    assert "ranks none of them" in ranking({"a": low, "b": middle})
    said = ranking({"a": low, "b": middle, "c": high})
    assert "c is above a" in said
    assert "b" not in said.partition(".")[0].replace("By more", "").replace("above", "")


def test_a_wrong_number_of_seeds_is_refused(tmp_path: Path) -> None:
    done = forked("-m", "ackd.demo", "--seeds", "0", cwd=tmp_path)
    assert done.code == 2
    assert "--seeds 0: expected 1 or more" in done.last


@pytest.mark.slow
def test_the_demo_prints_one_table_with_four_networks(tmp_path: Path) -> None:
    done = run("-m", "ackd.demo", "--seeds", "2", *TINY, "seed=4", cwd=tmp_path)
    assert done.code == 0, done.err
    for line in ("teacher", "no distillation", "Vanilla KD on random", "SemBridge", "test_resnet"):
        assert line in done.out
    assert "12 for the teacher and 15 for each student" in done.out
    assert "2 seeds together" in done.out
    assert "ranks" in done.out
    assert done.out.count("training teacher") == 1
    assert done.out.count("training matcher") == 1
    folders = {folder.parent.name for folder in run_folders(tmp_path)}
    assert folders == {f"{m}-s{s}" for m in ("baseline", "kd", "sembridge") for s in (4, 5)}


def test_the_demo_of_segmentation_takes_no_row(tmp_path: Path) -> None:
    done = forked("-m", "ackd.demo", "--task", "segmentation", "row=mid", cwd=tmp_path)
    assert done.code == 1
    assert "takes no row=mid" in done.last


@pytest.mark.slow
def test_the_demo_of_segmentation_prints_a_table_and_pictures(tmp_path: Path) -> None:
    small = (
        "data.train=12", "data.val=6", "data.test=6", "epochs.teacher=1", "epochs.finetune=1",
        "epochs.reconstruction=1", "trainer.accelerator=cpu",
    )  # fmt: skip
    done = run("-m", "ackd.demo", "--task", "segmentation", *small, "seed=3", cwd=tmp_path)
    assert done.code == 0, done.err
    for line in ("teacher", "labels alone", "reconstruction alone", "saying that it is everywhere"):
        assert line in " ".join(done.out.split())
    assert done.out.count("training teacher") == 1
    pictures = list(tmp_path.rglob("pictures/test_tiles.png"))
    folders = {path.parents[2].name for path in pictures}
    assert {"sar-s3", "int-s3", "int_a-s3"} <= folders
