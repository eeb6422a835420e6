"""Pictures of matched pairs and confusion matrices: what is drawn, when and for whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ackd.callbacks import MatchedPairs
from ackd.callbacks.pictures import (
    CHANGED,
    FRAME,
    SAME,
    TILE,
    draw_pairs,
    fixed_students,
    visible_levels,
)
from ackd.data.benchmark import TRAIN
from ackd.modules import UnpairedDataModule
from ackd.tasks import ConfusionChart
from ackd.train import train
from tests.data.small_archives import load_s2s_eu
from tests.stages import toy

SIDE = TILE + 2 * FRAME


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    toy.small(monkeypatch)


def paired(**changes: Any) -> UnpairedDataModule:
    bench = toy.benchmark()
    data = toy.data(replace(bench, **changes) if changes else bench)
    ms = data.rows(TRAIN, "ms")
    data.set_pairs(torch.from_numpy(np.resize(ms, len(data.rows(TRAIN, "rgb")))), version=0)
    return data


def test_a_student_stands_above_its_teacher() -> None:
    data = paired()
    chosen = np.array([2, 11])
    picture = draw_pairs(data, chosen, np.array([False, True]))
    assert picture.shape == (2 * SIDE, 2 * SIDE, 3)
    assert picture.dtype == np.uint8
    rgb, ms = data.benchmark.rgb, data.benchmark.ms
    assert data.pairs is not None
    for column, place in enumerate(chosen):
        left = column * SIDE + FRAME
        # The toy images are 8 x 8 and magnified pixel by pixel.
        seen = picture[FRAME : FRAME + TILE : TILE // 8, left : left + TILE : TILE // 8]
        image = rgb.images[data.rows(TRAIN, "rgb")[place]]
        np.testing.assert_array_equal(seen, image.transpose(1, 2, 0))
        below = picture[SIDE + FRAME :: TILE // 8, left : left + TILE : TILE // 8][:8]
        row = int(data.pairs[place])
        levels = visible_levels(torch.from_numpy(ms.images[[row]]), ms)[0]
        np.testing.assert_array_equal(below, (255 * levels).round().byte().permute(1, 2, 0))
    assert tuple(picture[SIDE, 0]) == SAME
    assert tuple(picture[SIDE, SIDE]) == CHANGED
    assert tuple(picture[0, SIDE]) == SAME


def test_bands_go_to_their_colours_wherever_they_stand() -> None:
    scenes = toy.benchmark().ms  # B02, B03, B04, B08
    levels = visible_levels(torch.from_numpy(scenes.images[:3]), scenes)
    mean, std = scenes.band_statistics()
    for colour, band in enumerate((2, 1, 0)):
        wanted = (scenes.images[:3, band] - mean[band] + 2 * std[band]) / (4 * std[band])
        np.testing.assert_allclose(levels[:, colour], wanted.clip(0, 1), atol=1e-5)


def test_without_visible_bands_the_first_is_shown_grey() -> None:
    scenes = replace(toy.benchmark().ms, bands=("B08", "B8A", "B11", "B12"))
    levels = visible_levels(torch.from_numpy(scenes.images[:2]), scenes)
    assert torch.equal(levels[:, 0], levels[:, 1])
    assert torch.equal(levels[:, 0], levels[:, 2])
    assert levels.std() > 0


@given(st.integers(1, 20), st.integers(0, 5))
def test_students_are_fixed_and_of_many_classes(count: int, seed: int) -> None:
    scenes = toy.scenes("rgb", 15, seed=seed)
    rows = scenes.indices(TRAIN)
    chosen = fixed_students(scenes, rows, count)
    np.testing.assert_array_equal(chosen, fixed_students(scenes, rows, count))
    assert len(set(chosen.tolist())) == min(count, len(rows))
    assert chosen.max() < len(rows)
    assert len(set(scenes.labels[rows[chosen]])) == min(count, 3)


def test_images_with_several_labels_are_shown_too() -> None:
    bench = toy.benchmark()
    several = np.zeros((len(bench.rgb), 3), dtype=bool)
    several[np.arange(len(bench.rgb)), bench.rgb.labels] = True
    scenes = replace(bench.rgb, labels=several)
    rows = scenes.indices(TRAIN)
    np.testing.assert_array_equal(
        fixed_students(scenes, rows, 6), fixed_students(bench.rgb, rows, 6)
    )


def test_real_images_make_a_picture(shared_data: Path) -> None:
    bench = load_s2s_eu(
        shared_data,
        sources=["eurosat"],
        bands=["B04", "B03", "B02", "B08"],
        twins="paired",
    )
    data = UnpairedDataModule(bench, "rgb", 8)
    row_of = {str(bench.ms.scene_ids[row]): row for row in bench.ms.indices(TRAIN)}
    rows = data.rows(TRAIN, "rgb")
    twins = [int(row_of[str(bench.rgb.scene_ids[row])]) for row in rows]
    data.set_pairs(torch.tensor(twins), version=0)
    chosen = fixed_students(bench.rgb, rows, 10)
    picture = draw_pairs(data, chosen, np.zeros(len(chosen), dtype=bool)).astype(float)
    # The same scene above and below: bright where the other is bright.
    upper, lower = (half.mean(axis=2).ravel() for half in (picture[:SIDE], picture[SIDE:]))
    assert np.corrcoef(upper, lower)[0, 1] > 0.6


def test_confusion_counts() -> None:
    true, predicted = torch.tensor([0, 0, 2, 1]), torch.tensor([0, 2, 2, 0])
    chart = ConfusionChart("test/confusion", true, predicted, ("a", "b", "c"))
    assert chart.counts.tolist() == [[1, 0, 1], [1, 0, 0], [0, 0, 1]]


@pytest.mark.usefixtures("small")
def test_tensorboard_gets_a_picture_a_matching_and_a_confusion_matrix(tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / "run"
    train(toy.composed(tmp_path, "logger=tensorboard"), folder)
    events = EventAccumulator(str(folder / "tensorboard" / "student"), {"images": 0}).Reload()
    # The first pairs, then DynM's before epochs 0, 2 and 4.
    assert len(events.Images("pairs/matched")) == 4
    captions = [
        event.tensor_proto.string_val[0].decode()
        for event in events.Tensors("pairs/matched/caption/text_summary")
    ]
    assert [text.partition(":")[0] for text in captions] == [
        f"pairs version {version}" for version in range(4)
    ]
    assert "changed" not in captions[0]
    assert "of 6 changed" in captions[1]
    matrix = events.Tensors("test/confusion/text_summary")[0].tensor_proto.string_val[0].decode()
    cells = [line.strip("| ").split(" | ") for line in matrix.splitlines()[2:]]
    assert [row[0] for row in cells] == list(toy.CLASSES)
    assert [sum(map(int, row[1:])) for row in cells] == [3, 3, 3]  # test images a class


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_pictures_can_be_left_out_and_training_does_not_notice(tmp_path: Path) -> None:
    common = ("data.augment=true", "logger=tensorboard")
    states = {}
    for shown in ("true", "false"):
        folder = tmp_path / "outputs" / shown
        train(toy.composed(tmp_path, *common, f"logger.tensorboard.pictures={shown}"), folder)
        states[shown] = torch.load(folder / "student.pt", weights_only=True)["state_dict"]
        tags = EventAccumulator(str(folder / "tensorboard" / "student")).Reload().Tags()
        assert ("pairs/matched" in tags["images"]) == (shown == "true")
        assert "test/confusion/text_summary" in tags["tensors"]
    for name, tensor in states["true"].items():
        assert torch.equal(tensor, states["false"][name]), name


@pytest.mark.usefixtures("small")
def test_pairs_that_change_each_epoch_do_not_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = MatchedPairs.__init__

    def two_at_most(self: MatchedPairs, loggers: Any) -> None:
        made(self, loggers, most=2)

    monkeypatch.setattr(MatchedPairs, "__init__", two_at_most)
    folder = tmp_path / "outputs" / "run"
    train(toy.composed(tmp_path, "method=kd", "logger=tensorboard", "matching.redraw=true"), folder)
    events = EventAccumulator(str(folder / "tensorboard" / "student"), {"images": 0}).Reload()
    assert len(events.Images("pairs/matched")) == 2
