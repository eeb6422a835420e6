"""Photographs of a folder become a table; one that is refused stops nothing."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ackd.errors import ConfigError, DataError
from ackd.predict import predict_images, write_table
from ackd.predict.ahead import ahead
from ackd.predict.inputs import find_images
from tests.predict.rasters import classifier
from tests.students.files import SEVERAL


def photographs(folder: Path, count: int = 7) -> list[Path]:
    """Of noise, of several sizes and kinds."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(0)
    paths = []
    for number in range(count):
        path = folder / f"{number}.{('jpg', 'png')[number % 2]}"
        pixels = draw.integers(0, 256, (20 + number, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels // (1 + number % 3)).save(path)
        paths.append(path)
    return paths


def test_answers_are_those_of_the_student_in_order(tmp_path: Path) -> None:
    student = classifier(tmp_path)
    paths = photographs(tmp_path / "in")
    expected = student.predict(paths)
    answers = list(predict_images(student, iter(paths), batch_size=3))
    assert [one.path for one in answers] == paths
    for answer, said in zip(answers, expected, strict=True):
        assert answer.prediction is not None
        np.testing.assert_allclose(answer.prediction.logits, said.logits, atol=1e-5)
    with pytest.raises(ConfigError, match="batch_size=0"):
        list(predict_images(student, paths, batch_size=0))


def test_an_image_that_is_refused_has_an_error_and_the_others_their_answers(
    tmp_path: Path,
) -> None:
    student = classifier(tmp_path, classes=["forest", "label", "town"])
    paths = photographs(tmp_path / "in")
    paths[3].write_bytes(paths[3].read_bytes()[:100])
    table = tmp_path / "table.csv"
    answers = predict_images(student, paths, batch_size=2)
    write_table(table, student, ((one.path.name, one) for one in answers))
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    heads = ["name", "label", "probability", "forest", "class label", "town", "error"]
    assert list(rows[0]) == heads
    assert [row["name"] for row in rows] == [path.name for path in paths]
    for place, row in enumerate(rows):
        if place == 3:
            assert row["label"] == row["town"] == ""
            assert "3.png cannot be read" in row["error"]
            continue
        said = student.predict(paths[place])
        assert row["label"] == said.label
        assert float(row["probability"]) == pytest.approx(said.probability, abs=1e-5)
        assert float(row["town"]) == pytest.approx(float(said.probabilities[2]), abs=1e-5)
        assert row["error"] == ""


def test_several_labels_have_a_column(tmp_path: Path) -> None:
    student = classifier(tmp_path, task=SEVERAL)
    paths = photographs(tmp_path / "in", 3)
    table = tmp_path / "table.csv"
    write_table(table, student, ((one.path.name, one) for one in predict_images(student, paths)))
    with table.open(encoding="utf-8") as file:
        for row, said in zip(csv.DictReader(file), student.predict(paths), strict=True):
            assert row["labels"] == "|".join(said.labels)


def test_images_are_found_at_any_depth_with_names_of_their_own(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for name in ("b.jpg", "a/b.JPG", "a/c.tif", "a/.hidden.jpg", "notes.txt", "out/b_mask.tif"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    found = find_images([root], root / "out")
    assert [one.name for one in found] == ["a/b.JPG", "a/c.tif", "b.jpg"]
    assert [one.stem for one in found] == ["a/b", "a/c", "b"]
    assert [one.name for one in find_images([root / "a", root / "b.jpg"], tmp_path)] == [
        "b.JPG", "c.tif", "b.jpg",
    ]  # fmt: skip
    (tmp_path / "b.jpg").touch()
    with pytest.raises(DataError, match=r"are both called b\.jpg"):
        find_images([root, tmp_path / "b.jpg"], tmp_path / "o")
    with pytest.raises(DataError, match=r"no image or folder .*has no 'inn'\. Did you mean"):
        find_images([tmp_path / "inn"], tmp_path / "o")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no image in .*expected \.jpg"):
        find_images([tmp_path / "empty"], tmp_path / "o")


def test_reading_ahead_keeps_order_and_raises_in_turn() -> None:
    assert list(ahead(range(5))) == [0, 1, 2, 3, 4]
    assert list(ahead([])) == []

    def broken() -> object:
        yield 1
        raise ValueError("two")

    found = ahead(broken())  # type: ignore[arg-type]
    assert next(found) == 1
    with pytest.raises(ValueError, match="two"):
        next(found)
