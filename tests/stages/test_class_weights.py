"""Weights of classes: one choice for labels of images and for masks, which are read one by one."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ackd.data.benchmark import TRAIN
from ackd.errors import ConfigError
from ackd.stages.class_weights import weights_of_classes
from ackd.tasks import SceneClassification, SegmentationTask
from tests.stages.segmentation import toy

CLASSES = ("a", "b", "c")


def unread() -> Iterator[int]:
    raise AssertionError("a label was read")
    yield


def test_labels_are_read_for_balanced_weights_alone() -> None:
    def of(given: Any, labels: Any) -> torch.Tensor | None:
        return weights_of_classes(given, SceneClassification, labels, CLASSES, "student")

    assert of("none", unread()) is None
    given = of([1.0, 2.0, 0.5], unread())
    assert given is not None
    assert given.tolist() == [1.0, 2.0, 0.5]
    balanced = of("balanced", iter([0, 0, 1, 2]))
    assert balanced is not None
    assert balanced.tolist() == pytest.approx([4 / 6, 4 / 3, 4 / 3])
    with pytest.raises(ConfigError, match=r"student\.class_weights has 2 values, .* a, b, c\."):
        of([1.0, 2.0], unread())


class OneByOne:
    """Masks on disk, of which no more than two may be in memory."""

    def __init__(self, masks: np.ndarray) -> None:
        self.masks, self.shape, self.dtype, self.ndim = masks, masks.shape, masks.dtype, masks.ndim
        self.read: dict[int, weakref.ref[np.ndarray]] = {}

    def __getitem__(self, row: int) -> np.ndarray:
        mask = self.masks[row].copy()
        # The one that was counted last may still have its name.
        assert sum(earlier() is not None for earlier in self.read.values()) < 2
        self.read[row] = weakref.ref(mask)
        return mask

    def __array__(self, *_: object, **__: object) -> Any:
        raise AssertionError("all masks were read together")


def test_balanced_weights_of_masks_need_one_mask_at_a_time(tmp_path: Path) -> None:
    found = toy.tiles()
    assert found.masks is not None
    masks = OneByOne(np.asarray(found.masks))
    tiles = replace(found, masks=masks)
    context = toy.context(tmp_path, "student.class_weights=balanced", found=tiles)
    task = context.training("student").task()
    rows = found.rows(TRAIN)
    assert set(rows.tolist()) <= masks.read.keys()
    assert task.class_weights is not None
    expected = SegmentationTask.balanced(masks.masks[rows], 2)
    assert torch.equal(task.class_weights, expected)
    assert expected[1] > 1
