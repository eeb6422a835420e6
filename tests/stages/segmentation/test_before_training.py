"""What cannot be is refused before a teacher has been trained for hours, and masks stay on disk."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ackd.errors import ConfigError
from tests.stages.segmentation import toy


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("row=control30", "student.first=baseline"),
            r"student\.first=baseline: .*three bands that become four, not for 3 that become 2",
        ),
        (
            ("row=int", "reconstruction.first=baseline"),
            r"reconstruction\.first=baseline: .*three bands that become four",
        ),
        (
            ("row=mid", "reconstruction.trained=decoder"),
            r"reconstruction: trained=decoder trains nothing .* one is mid.*d1, d2, d3, fin",
        ),
        (
            ("row=int", "reconstruction.over=position"),
            r"reconstruction: over=position compares the channels .* leave fin out",
        ),
        (
            ("row=mid_fin", "reconstruction2.over=position"),
            r"reconstruction2: over=position",
        ),
        (("row=sar", "student.class_weights=[1,2,3]"), "has 3 values, but there are 2 classes"),
    ],
)
def test_refused(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        toy.context(tmp_path, *words)
    assert not (tmp_path / "artifacts").exists()


class OnDisk:
    """Masks of which a row is read at a time, as those of a pack; counts how many are held."""

    def __init__(self, masks: Any) -> None:
        self.masks, self.shape, self.dtype = masks, masks.shape, masks.dtype
        self.held: list[weakref.ref[Any]] = []
        self.most = 0

    def __len__(self) -> int:
        return len(self.masks)

    def __getitem__(self, key: Any) -> Any:
        found = np.array(self.masks[key])
        self.held.append(weakref.ref(found))
        self.most = max(self.most, sum(one() is not None for one in self.held))
        return found


def test_balanced_weights_hold_no_more_than_a_mask_or_two(tmp_path: Path) -> None:
    found = toy.tiles()
    kept = OnDisk(found.masks)
    tiles = replace(found, masks=kept, digests={"masks": np.zeros((len(found), 16), np.uint8)})
    words = ("row=sar", "student.class_weights=balanced")
    weights = [
        toy.context(tmp_path, *words, found=one).training("student").task().class_weights
        for one in (found, tiles)
    ]
    gc.collect()
    assert weights[0].tolist() == weights[1].tolist()
    assert weights[0][1] > 1
    assert kept.most <= 2
