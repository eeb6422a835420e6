"""Runs that are killed at random moments end as if they had been left alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from benchmarks.fire import STAGES, differences, main, make_whole

pytestmark = pytest.mark.slow


def test_runs_under_fire_end_as_one_that_was_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--seed", "100", "--trials", "4", "--folder", str(tmp_path)])
    said = capsys.readouterr().out
    assert "4 of 4 runs ended as the one that was left alone" in said
    assert "after 0 kills" not in said


def test_the_comparison_sees_what_differs(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    known = make_whole(whole)
    assert set(known["seconds"]) == set(STAGES)
    assert differences(whole, whole) == []
    other = tmp_path / "other"
    shutil.copytree(whole, other)
    (result,) = other.rglob("result.json")
    place = result.parent / "checkpoints"
    shutil.copy(place / "previous.ckpt", place / "last.ckpt")
    assert "checkpoints/last.ckpt has other weights" in differences(whole, other)
    rows = result.parent / "metrics.csv"
    rows.write_text(rows.read_text().rsplit("\n", 2)[0] + "\n")
    assert "metrics.csv differs" in differences(whole, other)
