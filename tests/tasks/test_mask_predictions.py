"""Masks as labels: what a test leaves in files, and the picture of its tiles."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ackd.data.benchmark import TEST
from ackd.data.tiles import IGNORED, TileSet
from ackd.report.predictions import paired_gains, read_predictions
from ackd.tasks import Answers, MulticlassSegmentation, SegmentationTask, segmentation_task_of
from ackd.tasks.mask_files import class_colors
from ackd.tasks.tile_pictures import choose_tiles
from ackd.tasks.tile_sheets import COLUMNS, TILE, cut_sheet, draw_sheet
from tests.metrics.test_pixels import tiles
from tests.tasks.masks import CLASSES, THREE, random_answers


def lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_predictions_are_masks_that_viewers_show_and_counts_per_tile(tmp_path: Path) -> None:
    prediction, target, valid = tiles()
    answers = Answers(
        torch.arange(4), prediction.to(torch.uint8),
        target.masked_fill(~valid, IGNORED).to(torch.uint8),
    )  # fmt: skip
    files = ["a/one", "a/two", "three", "four"]
    SegmentationTask(CLASSES).write_predictions(tmp_path, answers, files)
    table = lines(tmp_path / "predictions.csv")
    assert [line["file"] for line in table] == files
    totals = [sum(int(line[name]) for line in table) for name in ("tp", "fp", "fn", "tn")]
    assert totals == [464, 2086, 1044, 7467]
    assert sum(int(line["valid"]) for line in table) == sum(totals)
    assert [line["iou_tile_mean"] for line in table] == ["0.168367", "0.169949", "0.000000", ""]
    for row, file in enumerate(files):
        with Image.open(tmp_path / "predictions" / f"{file}.png") as picture:
            assert picture.mode == "P"
            mask = np.asarray(picture)
            shown = np.asarray(picture.convert("RGB"))
        expected = prediction[row].masked_fill(~valid[row], IGNORED).numpy()
        np.testing.assert_array_equal(mask, expected)
        np.testing.assert_array_equal(shown, class_colors(2)[expected])
    scores = read_predictions(tmp_path / "predictions.csv").scores("iou_tile_mean")
    assert np.nanmean(list(scores.values())) == pytest.approx(0.1127720964, abs=1e-6)
    assert math.isnan(scores["four"])


def test_predictions_of_several_classes(tmp_path: Path) -> None:
    answers = random_answers(3, 3)
    answers.outputs[0] = 2
    answers.targets[0] = 2
    MulticlassSegmentation(THREE).write_predictions(tmp_path, answers, ["a", "b", "c"])
    table = lines(tmp_path / "predictions.csv")
    assert list(table[0]) == ["file", "valid", "iou ground", "iou water", "iou building"]
    assert [table[0][f"iou {name}"] for name in THREE] == ["", "", "1.000000"]
    assert len(list((tmp_path / "predictions").glob("*.png"))) == 3


def test_runs_are_compared_over_tiles_that_have_a_score_in_both(tmp_path: Path) -> None:
    task = SegmentationTask(CLASSES)
    found = []
    for seed in range(2):
        answers = random_answers(12, 2, seed=7)
        outputs = answers.outputs.clone()
        outputs[2:4] = 0
        answers.targets[2:4] = 0
        if seed:
            outputs[3, :5] = 1  # only one of the runs says that there is something
            outputs[5:] = 1 - outputs[5:]
        folder = tmp_path / str(seed)
        task.write_predictions(folder, answers._replace(outputs=outputs), [*"abcdefghijkl"])
        found.append(read_predictions(folder / "predictions.csv"))
    gains = paired_gains(found[:1], found[1:], "iou_tile_mean")
    assert len(gains) == 10
    assert not gains[:3].any()
    assert (gains[3:] != 0).any()


# -- pictures ----------------------------------------------------------------------------------


class Served:
    """A data module as far as pictures need one."""

    def __init__(self, found: TileSet) -> None:
        self.tiles = found


def made(count: int = 9, classes: tuple[str, ...] = CLASSES, size: int = 24) -> TileSet:
    rng = np.random.default_rng(0)
    masks = rng.integers(0, len(classes), (count, 4, 4)).repeat(size // 4, 1).repeat(size // 4, 2)
    valid = np.ones((count, size, size), dtype=bool)
    valid[:, :, :3] = False
    levels = masks[:, None] * 60.0 + rng.normal(80, 10, (count, 3, size, size))
    sar = (masks[:, None] * 8.0 - 20 + rng.normal(0, 2, (count, 2, size, size))) * valid[:, None]
    return TileSet(
        "made", (levels * valid[:, None]).clip(0, 255).astype(np.uint8), sar.astype(np.float32),
        valid, np.where(valid, masks, IGNORED).astype(np.uint8),
        np.array([f"tile_{n}" for n in range(count)]), np.full(count, TEST, dtype=np.int8),
        classes, ("R", "G", "B"), ("VV", "VH"),
    )  # fmt: skip


@pytest.mark.parametrize("classes", [CLASSES, THREE])
def test_a_picture_shows_sensors_truth_and_errors(classes: tuple[str, ...]) -> None:
    found = made(classes=classes)
    assert found.masks is not None
    truth = torch.from_numpy(found.masks)
    answers = Answers(torch.arange(9), truth.where(truth != IGNORED, 0), truth)
    task = segmentation_task_of(classes)(classes)
    (picture,) = task.pictures(answers, Served(found))
    assert picture.name == "test/tiles"
    assert "SAR (VV), Optical (R G B), Truth, Prediction" in picture.caption
    # Nothing is wrong, so that truth and prediction look the same.
    height, width, _ = picture.image.shape
    column = (width - 8) // 4
    a, b = (picture.image[40:220, 8 + n * column : 8 + n * column + 190] for n in (2, 3))
    np.testing.assert_array_equal(a, b)
    answers.outputs[:, 4] = 1 - answers.outputs[:, 4].clip(max=1)
    (other,) = task.pictures(answers, Served(found))
    assert other.image.shape == (height, width, 3)
    assert (other.image != picture.image).any()
    (alone,) = task.pictures(answers, None)
    assert alone.image.shape[1] < width


@pytest.mark.parametrize(
    ("height", "width", "columns"), [(64, 64, 4), (300, 200, 2), (20, 50, 4), (201, 199, 2)]
)
@pytest.mark.parametrize("classes", [2, 40])
def test_a_sheet_comes_apart_as_it_was_put_together(
    height: int, width: int, columns: int, classes: int
) -> None:
    rng = np.random.default_rng(0)
    drawn = [
        (title, rng.integers(0, 255, (3, height, width, 3), dtype=np.uint8))
        for title in COLUMNS[-columns:]
    ]
    legend = [(f"class {n}", (n, n, n)) for n in range(classes)]
    sheet = draw_sheet(drawn, ["one", "two", "three"], legend)
    found = cut_sheet(sheet, height, width, 3)
    assert list(found) == [title for title, _ in drawn]
    for title, images in drawn[-2:]:
        larger = found[title].shape[2], found[title].shape[1]
        assert max(larger) == TILE
        for tile, cut in zip(images, found[title], strict=True):
            expected = Image.fromarray(tile).resize(larger, Image.Resampling.NEAREST)
            np.testing.assert_array_equal(cut, np.asarray(expected))
    with pytest.raises(ValueError, match="no sheet of 3 tiles"):
        cut_sheet(sheet[:, 1:], height, width, 3)


def test_the_tiles_of_a_picture_are_chosen_by_truth() -> None:
    masks = np.zeros((30, 8, 8), dtype=np.uint8)
    for n in range(20):
        masks[n, : n // 3 + 1] = 1
    masks[20:25] = IGNORED
    chosen = choose_tiles(masks, 2, 5)
    assert len(chosen) == 5
    assert chosen.max() < 20
    assert np.ptp((masks[chosen] == 1).mean(axis=(1, 2))) > 0.5
    assert choose_tiles(masks[25:], 2, 9).tolist() == [0, 1, 2, 3, 4]
