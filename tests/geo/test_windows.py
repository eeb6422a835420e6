"""Windows cover every pixel, end with the image, and are as many as an independent count says."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from ackd.geo import Window, plan_windows
from tests.conftest import SHARED


def covers(height: int, width: int, windows: list[Window]) -> np.ndarray:
    found = np.zeros((height, width), dtype=np.int64)
    for window in windows:
        assert found[window.slices].shape == (window.height, window.width)
        found[window.slices] += 1
    return found


def reference() -> dict[str, dict[str, object]]:
    path = SHARED / "golden" / "sar" / "c4_tiles.json"
    if not path.is_file():
        pytest.skip("the reference numbers (../shared/golden/sar) are not on this machine")
    return json.loads(path.read_text(encoding="utf-8"))


def test_windows_are_those_of_the_reference() -> None:
    checked = 0
    for name, case in reference().items():
        sizes = re.fullmatch(r"(\d+)x(\d+) tile (\d+) stride (\d+)", name)
        if sizes is None:
            continue  # reference values of blending and padding, which this function does not do
        height, width, tile, stride = map(int, sizes.groups())
        windows = plan_windows(height, width, tile, stride)
        assert len(windows) == case["windows"], name
        for key, starts in (
            ("rows", sorted({window.row for window in windows})),
            ("cols", sorted({window.col for window in windows})),
        ):
            expected = case[key]
            assert isinstance(expected, list)
            if "..." in expected:  # a long list is stored as its two ends
                gap = expected.index("...")
                tail = len(expected) - gap - 1
                starts, expected = (
                    starts[:gap] + starts[-tail:],
                    [start for start in expected if start != "..."],
                )
            assert starts == expected, (name, key)
        count = covers(height, width, windows)
        assert (count.min(), count.max()) == (case["min_cover"], case["max_cover"]), name
        assert count.mean() == pytest.approx(case["mean_cover"], abs=1e-6), name
        assert {window.pad_right for window in windows} == {case["pad_right"]}, name
        assert {window.pad_bottom for window in windows} == {case["pad_bottom"]}, name
        checked += 1
    assert checked >= 7


def test_the_last_window_is_moved_back_and_a_small_image_padded() -> None:
    assert [w.row for w in plan_windows(900, 512, 512, 256)] == [0, 256, 388]
    assert plan_windows(300, 512, 512, 256) == [Window(0, 0, 300, 512, 212, 0)]
    assert plan_windows(513, 512, 512, 512) == [Window(0, 0, 512, 512), Window(1, 0, 512, 512)]


@pytest.mark.parametrize("tile", [1, 7, 16])
@pytest.mark.parametrize("stride", [1, 3, 7, 16])
def test_every_pixel_is_covered_and_no_window_comes_twice(tile: int, stride: int) -> None:
    if stride > tile:
        with pytest.raises(ValueError, match=rf"stride={stride} is larger than tile={tile}.*at mo"):
            plan_windows(20, 20, tile, stride)
        return
    for height, width in ((1, 1), (7, 16), (16, 17), (23, 5), (29, 30)):
        windows = plan_windows(height, width, tile, stride)
        assert covers(height, width, windows).min() >= 1
        assert len(set(windows)) == len(windows)
        assert windows == sorted(windows)
        for window in windows:
            assert window.height + window.pad_bottom == window.width + window.pad_right == tile
            assert window.row + window.height <= height
            assert window.col + window.width <= width


@pytest.mark.parametrize("name", ["height", "width", "tile", "stride"])
def test_sizes_that_are_none_are_refused_by_name(name: str) -> None:
    sizes = {"height": 20, "width": 20, "tile": 8, "stride": 4}
    with pytest.raises(ValueError, match=f"{name} must be at least 1 pixel, but it is 0"):
        plan_windows(**sizes | {name: 0})
    with pytest.raises(TypeError, match=f"{name} must be an integer in pixels, but it is 8.5"):
        plan_windows(**sizes | {name: 8.5})  # type: ignore[arg-type]
