"""Twins: under `split` no scene stands on both sides, whatever is at hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ackd.data.splits.twins import count_leaks, select_scenes, shared_scenes
from ackd.errors import ConfigError, DataError

Side = tuple[NDArray[np.str_], NDArray[np.int64]]


def side(pool: str, numbers: dict[int, range]) -> Side:
    """Scenes ``pool/<class>/<number>`` and their classes."""
    ids = [f"{pool}/{label}/{i}" for label, scenes in numbers.items() for i in scenes]
    labels = [label for label, scenes in numbers.items() for _ in scenes]
    return np.array(ids, dtype=np.str_), np.array(labels, dtype=np.int64)


def join(*sides: Side) -> Side:
    ids, labels = zip(*sides, strict=True)
    return np.concatenate(ids), np.concatenate(labels)


def kept(mode: str, ms: Side, rgb: Side, seed: int = 0) -> tuple[set[str], set[str]]:
    keep_ms, keep_rgb = select_scenes(mode, *ms, *rgb, seed)
    return set(ms[0][keep_ms].tolist()), set(rgb[0][keep_rgb].tolist())


ranges = st.builds(lambda a, n: range(a, a + n), st.integers(0, 12), st.integers(0, 12))


@settings(deadline=None, max_examples=80)
@given(
    ms=st.lists(ranges, min_size=3, max_size=3),
    rgb=st.lists(ranges, min_size=3, max_size=3),
    other=ranges,
    seed=st.integers(0, 5),
)
def test_split_gives_every_scene_to_one_side(
    ms: list[range], rgb: list[range], other: range, seed: int
) -> None:
    left = side("p", dict(enumerate(ms)))
    right = join(side("p", dict(enumerate(rgb))), side("q", {0: other}))
    to_ms, to_rgb = kept("split", left, right, seed)
    assert not to_ms & to_rgb
    assert to_ms | to_rgb == set(left[0].tolist()) | set(right[0].tolist())  # nothing is lost
    for label, (few, many) in enumerate(zip(ms, rgb, strict=True)):
        half = len(set(few) | set(many)) // 2
        mine = {scene for scene in to_ms if scene.startswith(f"p/{label}/")}
        alone = len(set(few) - set(many))
        any_twins = bool(set().union(*map(set, ms)) and shared_scenes(left[0], right[0]).size)
        expected = min(len(few), max(half, alone)) if any_twins else len(few)
        assert len(mine) == expected


def test_plentiful_scenes_are_halved_class_by_class() -> None:
    scenes = side("p", {0: range(100), 1: range(51)})
    to_ms, to_rgb = kept("split", scenes, scenes)
    assert [sum(s.startswith(f"p/{c}/") for s in to_ms) for c in (0, 1)] == [50, 25]
    assert [sum(s.startswith(f"p/{c}/") for s in to_rgb) for c in (0, 1)] == [50, 26]


def test_few_ms_scenes_all_stay_ms() -> None:
    ms, rgb = side("p", {0: range(30)}), side("p", {0: range(200)})
    to_ms, to_rgb = kept("split", ms, rgb)
    assert to_ms == set(ms[0].tolist())
    assert len(to_rgb) == 170


def test_the_ms_side_does_not_depend_on_rgb_sources_of_other_scenes() -> None:
    ms, rgb = side("p", {0: range(100)}), side("p", {0: range(100)})
    more = join(rgb, side("q", {0: range(500)}))
    assert kept("split", ms, rgb)[0] == kept("split", ms, more)[0]


def test_the_draw_is_by_seed_and_not_by_order() -> None:
    ms = rgb = side("p", {0: range(60), 1: range(60)})
    order = np.random.default_rng(1).permutation(len(ms[0]))
    shuffled = (ms[0][order], ms[1][order])
    assert kept("split", ms, rgb, 4) == kept("split", shuffled, shuffled, 4)
    assert kept("split", ms, rgb, 4) != kept("split", ms, rgb, 5)


def test_all_keeps_all() -> None:
    ms, rgb = side("p", {0: range(5)}), side("p", {0: range(9)})
    assert kept("all", ms, rgb) == (set(ms[0].tolist()), set(rgb[0].tolist()))


def test_paired_keeps_exactly_the_twins_on_both_sides() -> None:
    ms = side("p", {0: range(3, 9)})
    rgb = join(side("p", {0: range(7)}), side("q", {0: range(9)}))
    twins = {f"p/0/{i}" for i in (3, 4, 5, 6)}
    assert kept("paired", ms, rgb) == (twins, twins)


def test_positions_ascend() -> None:
    scenes = side("p", {1: range(40), 0: range(40)})
    for mode in ("split", "all", "paired"):
        for positions in select_scenes(mode, *scenes, *scenes, 3):
            assert positions.dtype == np.int64
            assert (np.diff(positions) > 0).all()


def test_paired_without_twins() -> None:
    with pytest.raises(DataError, match=r"data\.twins=paired needs scenes .*data\.sources"):
        kept("paired", side("p", {0: range(3)}), side("q", {0: range(3)}))


def test_wrong_options() -> None:
    scenes = side("p", {0: range(3)})
    with pytest.raises(ConfigError, match=r"\(data.twins=pared\). Did you mean 'paired'"):
        kept("pared", scenes, scenes)
    with pytest.raises(ConfigError, match=r"data\.split_seed=-1 is negative"):
        kept("split", scenes, scenes, -1)


def test_leaks_are_rgb_test_images_with_a_twin_in_ms_training() -> None:
    train, test = np.array(["a", "b", "c"]), np.array(["b", "c", "x", "c"])
    assert count_leaks(train, test) == 3
    assert count_leaks(train, np.array(["x"])) == 0
