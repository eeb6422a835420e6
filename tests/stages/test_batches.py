"""Batch sizes of the recipe follow the images where these are few; chosen ones do not."""

from __future__ import annotations

import logging

import pytest

from ackd.stages.batches import fitting_batches
from ackd.stages.context import training_images
from tests.config.composing import checked
from tests.stages import toy


def sizes(*overrides: str, ms: int = 10, rgb: int = 15, chosen: tuple[str, ...] = ()) -> list[int]:
    """Of teacher, matcher and student, with 3/5 of three classes' images for training."""
    config = checked(*overrides)
    images = training_images(config, toy.benchmark(ms, rgb))
    config = fitting_batches(config, images, chosen)
    return [getattr(config, stage).batch_size for stage in ("teacher", "matcher", "student")]


def test_batches_that_the_images_fill_stay() -> None:
    assert sizes(ms=75, rgb=75) == [128, 128, 128]
    assert sizes("recipe=official", ms=145, rgb=145) == [256, 64, 256]


def test_batches_of_the_recipe_are_lowered_with_a_line_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "ackd"):
        assert sizes() == [8, 8, 8]  # 18 and 27 training images
    said = [record.message for record in caplog.records]
    assert len(said) == 3
    assert "teacher.batch_size=8: 18 training images do not fill the default of 128" in said[0]
    assert sizes(ms=75) == [128, 128, 8]
    assert sizes("recipe=official") == [8, 8, 8]
    assert sizes("method=baseline") == [128, 128, 8]  # stages that do not run are left alone
    assert sizes("trainer.devices=2", ms=20) == [8, 8, 4]


def test_batches_that_somebody_chose_stay() -> None:
    assert sizes("teacher.batch_size=64", "student.batch_size=32") == [64, 8, 32]
    # also where it is the recipe's value
    assert sizes("teacher.batch_size=128", chosen=("teacher.batch_size",)) == [128, 8, 8]
    assert sizes("+experiment=s2s_eu_tiny", "data=synthetic") == [32, 32, 8]
