"""Windows add up to the image."""

from __future__ import annotations

import numpy as np
import pytest

from ackd.geo import Blend, blend_weights, plan_windows


@pytest.mark.parametrize(
    ("size", "tile", "stride"), [(10, 4, 4), (10, 4, 3), (11, 5, 1), (3, 8, 8)]
)
def test_weights_add_up_to_one_everywhere(size: int, tile: int, stride: int) -> None:
    starts = sorted({one.col for one in plan_windows(1, size, tile, stride)})
    weights = blend_weights(starts, tile, size)
    total = np.zeros(size)
    for start, rise in zip(starts, weights, strict=True):
        assert (rise > 0).all()
        total[start : start + len(rise)] += rise
    np.testing.assert_allclose(total, 1, atol=1e-6)
    alone = blend_weights([0], tile, tile)
    np.testing.assert_array_equal(alone, 1)


def test_rows_come_as_soon_as_they_are_complete() -> None:
    height, width, tile, stride = 23, 17, 8, 5
    windows = plan_windows(height, width, tile, stride)
    rows, cols = (sorted({one[k] for one in windows}) for k in (0, 1))
    image = np.random.default_rng(0).random((2, height, width)).astype(np.float32)
    wanted = slice(4, 15)
    blend = Blend(2, (rows, cols), tile, (height, width), wanted)
    found = []
    for number, row in enumerate(rows):
        for col in cols:
            blend.add(number, col, image[:, row : row + tile, col : col + tile])
        found.append(blend.finish(number))
    following = [*rows[1:], height]
    assert [part.shape[1] for part in found] == [
        b - a for a, b in zip(rows, following, strict=True)
    ]
    np.testing.assert_allclose(np.concatenate(found, axis=1), image[:, :, wanted], atol=1e-6)
