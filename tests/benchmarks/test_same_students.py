"""The comparison of two students sees every bit, and copes with files of several versions."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.same_students import compare_students, known_options, same_bits, weights_of
from torch import Tensor

from benchmarks import same_students

ROWS = {"a.jpg": ("sea", "sea", "1.5"), "b.jpg": ("bog", "sea", "0.25")}
WEIGHTS = {"head.weight": torch.eye(3), "count": torch.tensor(4), "half": torch.ones(2).bfloat16()}


def student(
    folder: Path,
    content: Mapping[str, Any] | None = None,
    rows: Mapping[str, tuple[str, ...]] = ROWS,
    columns: tuple[str, ...] = ("true", "predicted", "sea"),
) -> Path:
    folder.mkdir()
    torch.save(content or {"classes": ["sea"], "state_dict": WEIGHTS}, folder / "student.pt")
    with (folder / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file", *columns], *([f, *row] for f, row in rows.items())])
    return folder


def changed(name: str, value: Tensor) -> dict[str, Any]:
    return {"state_dict": WEIGHTS | {name: value}}


def test_equal_students_of_two_layouts(tmp_path: Path) -> None:
    old = student(tmp_path / "old")
    nested = {"version": 2, "mean": torch.zeros(3), "student": {"state_dict": dict(WEIGHTS)}}
    new = student(tmp_path / "new", nested)
    found = compare_students(old, new)
    assert found.differences == ()
    assert "3 of 3 tensors are the same" in found.notes
    assert "2 of 2 predictions are the same" in found.notes
    assert compare_students(old, student(tmp_path / "bare", WEIGHTS)).differences == ()


def test_one_bit_of_one_weight_is_seen(tmp_path: Path) -> None:
    weight = torch.eye(3)
    weight[2, 2] = torch.nextafter(torch.tensor(1.0), torch.tensor(2.0))
    old, new = student(tmp_path / "old"), student(tmp_path / "new", changed("head.weight", weight))
    (line,) = compare_students(old, new).differences
    assert line == "1 of 3 tensors differ; the first is head.weight, by at most 1.19e-07"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("head.weight", torch.eye(4), r"in shape, \(3, 3\) and \(4, 4\)"),
        ("head.weight", torch.eye(3).double(), "head.weight"),
        ("tail.bias", torch.zeros(1), "only the new student has tail.bias"),
    ],
)
def test_another_shape_type_or_name(tmp_path: Path, name: str, value: Tensor, words: str) -> None:
    old, new = student(tmp_path / "old"), student(tmp_path / "new", changed(name, value))
    (line,) = compare_students(old, new).differences
    assert re.search(words, line)


def test_bits_are_not_numbers() -> None:
    assert not same_bits(torch.tensor([0.0]), torch.tensor([-0.0]))
    assert same_bits(torch.tensor([torch.nan]), torch.tensor([torch.nan]))
    assert same_bits(torch.eye(3), torch.eye(3).T)


def test_predictions_are_compared_where_both_have_them(tmp_path: Path) -> None:
    old = student(tmp_path / "old")
    more = {name: (*row, "x") for name, row in ROWS.items()} | {"c.jpg": ("sea", "bog", "1", "x")}
    new = student(tmp_path / "new", rows=more, columns=("true", "predicted", "sea", "source"))
    found = compare_students(old, new)
    assert found.differences == ()
    assert "1 test images are only in the new one" in found.notes
    other = student(tmp_path / "other", rows=ROWS | {"b.jpg": ("bog", "sea", "0.26")})
    (line,) = compare_students(old, other).differences
    assert line == "1 of 2 predictions differ; the first is b.jpg"
    apart = student(tmp_path / "apart", rows={"z.jpg": ("sea", "sea", "1.5")})
    (line,) = compare_students(old, apart).differences
    assert "no test image in common" in line


def test_a_file_without_a_student_or_with_two_is_refused() -> None:
    with pytest.raises(ValueError, match="0 state_dicts"):
        weights_of({"classes": ["sea"], "mean": torch.zeros(3)})
    with pytest.raises(ValueError, match="2 state_dicts"):
        weights_of({"state_dict": WEIGHTS, "teacher": {"state_dict": WEIGHTS}})


def test_an_option_of_one_version_is_left_out_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended:
        def __init__(self, code: int) -> None:
            self.returncode = code

    def python(tree: Path, *words: str) -> Ended:
        return Ended(int("data.later=1" in words))

    monkeypatch.setattr(same_students, "_python", python)
    known, unknown = known_options(tmp_path, ["seed=0", "data.later=1", "data.size=32"])
    assert (known, unknown) == (["seed=0", "data.size=32"], ["data.later=1"])
