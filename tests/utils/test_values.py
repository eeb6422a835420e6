"""Names for plain values, and ways through them."""

from __future__ import annotations

import pytest

from ackd.utils.progress import part_of
from ackd.utils.values import differences, dig, digest, leaves, paths, under

TREE = {"a": 1, "b": {"c": [2, 3], "d": {}}}


def test_a_digest_is_of_the_values_alone() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert len(digest(TREE)) == 16
    assert digest(TREE, 64).startswith(digest(TREE, 6))
    with pytest.raises(ValueError, match="float"):
        digest({"a": float("nan")})


def test_ways_through_a_tree() -> None:
    assert leaves(TREE) == {"a": 1, "b.c": [2, 3]}
    assert paths(TREE) == ["a", "b", "b.c", "b.d"]
    assert dig(TREE, "b.c") == [2, 3]
    assert dig(TREE, "a.c") is None
    assert under("b.c", ["b"])
    assert not under("bc", ["b"])


def test_differences_name_what_is_missing_on_either_side() -> None:
    assert differences(TREE, TREE) == {}
    assert differences(TREE, {"a": 2, "b": {"c": [2, 3]}, "e": 5}) == {
        "a": (1, 2), "b.d": ({}, None), "e": (None, 5)
    }  # fmt: skip


def test_a_part_reports_as_part_of_the_whole() -> None:
    seen: list[tuple[int, int]] = []
    inner = part_of(lambda done, total: seen.append((done, total)), before=10, total=20)
    assert inner is not None
    inner(3, 5)
    assert seen == [(13, 20)]
    assert part_of(None, 0, 1) is None
