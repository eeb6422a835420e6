"""Regions of a map that is read in parts are those of the whole map."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label

from ackd.predict import regions as room
from ackd.predict.regions import RegionFinder


@pytest.mark.parametrize("rows", [1, 7, 64])
@pytest.mark.parametrize("least", [0.0, 6.0])
def test_parts_are_joined(rows: int, least: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ROWS", rows)
    draw = np.random.default_rng(0)
    smooth = gaussian_filter(draw.normal(size=(3, 60, 50)), (0, 1.5, 1.5))
    mask = smooth.argmax(axis=0).astype(np.uint8)
    mask[:4, :9] = 255
    shares = draw.random(mask.shape).astype(np.float32)
    finder = RegionFinder(
        lambda part: mask[part], lambda part: shares[part], 60, (0, 2),
        lambda at: np.full(np.shape(at), 2.0), least,
    )  # fmt: skip
    found = finder.find()
    numbers = np.concatenate(list(finder.numbered(found)))
    expected = []
    for wanted in (0, 2):
        labels, count = label(mask == wanted)
        for one in range(1, count + 1):
            where = labels == one
            if 2 * where.sum() >= least:
                (number,) = np.unique(numbers[where])
                expected.append((number, wanted, 2.0 * where.sum(), shares[where].mean()))
            else:
                assert not numbers[where].any()
    assert len(found) == len(expected) > 3
    for number, wanted, area, mean in expected:
        row = number - 1
        assert found.label[row] == wanted
        assert found.area[row] == area
        assert found.probability[row] == pytest.approx(mean, abs=1e-6)
    assert not numbers[np.isin(mask, (1, 255))].any()
