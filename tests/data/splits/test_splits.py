"""Splits: stratified, disjoint, by seed, and blind to the order of the files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ackd.data.benchmark import TEST, TRAIN, VAL
from ackd.data.splits import FOLDS, assign_splits, strata, stratified_split
from ackd.errors import ConfigError, DataError
from tests.data.test_benchmark import benchmark, scenes


def images(counts: list[int], pool: str = "p") -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    ids = [f"{pool}/{label}/{i}" for label, count in enumerate(counts) for i in range(count)]
    return np.array(ids, dtype=np.str_), np.repeat(np.arange(len(counts)), counts)


counts_of_classes = st.lists(st.integers(5, 60), min_size=1, max_size=6)


@settings(deadline=None, max_examples=60)
@given(counts=counts_of_classes, seed=st.integers(0, 9))
def test_over_the_folds_every_image_is_tested_once(counts: list[int], seed: int) -> None:
    ids, labels = images(counts)
    splits = np.array([stratified_split(ids, labels, "strict", seed, k) for k in range(FOLDS)])
    assert ((splits == TEST).sum(axis=0) == 1).all()
    sizes = (splits == TEST).sum(axis=1)
    assert sizes.max() - sizes.min() <= 1
    for label, count in enumerate(counts):
        for split in splits[:, labels == label]:
            tested, validated = int((split == TEST).sum()), int((split == VAL).sum())
            assert tested in (count // 5, -(-count // 5))
            assert abs(validated - (count - tested) / 5) <= 1
            assert validated >= 1
            assert (split == TRAIN).sum() >= 1


def test_shares_of_strict_and_paper() -> None:
    ids, labels = images([100, 200, 50])
    strict = stratified_split(ids, labels, "strict", 0, 2)
    assert [int((strict == s).sum()) for s in (TRAIN, VAL, TEST)] == [224, 56, 70]
    paper = stratified_split(ids, labels, "paper", 0, 2)
    assert [int((paper == s).sum()) for s in (TRAIN, VAL, TEST)] == [280, 0, 70]
    np.testing.assert_array_equal(strict == TEST, paper == TEST)


@settings(deadline=None, max_examples=30)
@given(counts=counts_of_classes, order_seed=st.integers(0, 99))
def test_the_order_of_the_images_does_not_matter(counts: list[int], order_seed: int) -> None:
    ids, labels = images(counts)
    order = np.random.default_rng(order_seed).permutation(len(ids))
    straight = stratified_split(ids, labels, "strict", 7, 1)
    np.testing.assert_array_equal(
        stratified_split(ids[order], labels[order], "strict", 7, 1), straight[order]
    )


def test_seeds_and_streams_differ() -> None:
    ids, labels = images([50, 50])
    one = stratified_split(ids, labels, "strict", 0, 0)
    assert (one == stratified_split(ids, labels, "strict", 0, 0)).all()
    assert (one != stratified_split(ids, labels, "strict", 1, 0)).any()
    assert (one != stratified_split(ids, labels, "strict", 0, 0, stream=1)).any()


def test_images_of_one_scene_stay_together() -> None:
    ids, labels = images([20, 20])
    twice = stratified_split(np.tile(ids, 2), np.tile(labels, 2), "strict", 0, 3)
    np.testing.assert_array_equal(twice[:40], twice[40:])
    np.testing.assert_array_equal(twice[:40], stratified_split(ids, labels, "strict", 0, 3))


def test_an_image_of_several_classes_is_filed_under_its_rarest() -> None:
    labels = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=bool)
    assert strata(labels).tolist() == [0, 0, 2, 1]
    assert strata(np.array([2, 0])).tolist() == [2, 0]
    with pytest.raises(ValueError, match=r"1 images bear no class \(the first is number 1\)"):
        strata(np.array([[1, 0], [0, 0]], dtype=bool))


def test_several_classes_an_image_are_split_too() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random((200, 4)) < 0.4
    labels[~labels.any(axis=1), 0] = True
    ids = np.array([f"p/x/{i}" for i in range(200)])
    split = stratified_split(ids, labels, "strict", 0, 0)
    share = labels[split == TEST].sum(axis=0) / labels.sum(axis=0)
    assert (abs(share - 0.2) < 0.1).all()


def test_a_class_with_too_few_images() -> None:
    ids, labels = images([20, 4])
    with pytest.raises(DataError) as caught:
        stratified_split(ids, labels, "strict", 0, 0, classes=("Forest", "River"), side="RGB")
    text = str(caught.value)
    assert text.startswith("Class 'River' has 4 scenes on the RGB side")
    assert "data.protocol=strict needs at least 5" in text
    assert "data.classes" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("stric", 0, 0), r"\(data.protocol=stric\). Did you mean 'strict'"),
        (("strict", -1, 0), r"data\.split_seed=-1 is negative"),
        (("strict", 0, 5), r"data\.fold=5 is no fold; expected 0 to 4"),
        (("paper", 0, -1), r"data\.fold=-1 is no fold"),
    ],
)
def test_wrong_options(options: tuple[str, int, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        stratified_split(*images([10]), *options)


def unsplit(modality: str, pool: str, count: int = 60) -> Any:
    ids = np.array([f"{pool}/x/{i}" for i in range(count)], dtype=np.str_)
    split = np.zeros(count, np.int8)
    return scenes(count, modality, scene_ids=ids, split=split)


def test_assigning_leaves_the_images_and_splits_the_sides_independently() -> None:
    before = benchmark(ms=unsplit("ms", "p"), rgb=unsplit("rgb", "p"), protocol="none")
    after = assign_splits(before, "strict", split_seed=2, fold=1)
    assert after.protocol == "strict"
    assert after.ms.images is before.ms.images
    assert (before.ms.split == TRAIN).all()
    assert (after.ms.split != after.rgb.split).any()
    training = set(after.ms.scene_ids[after.ms.indices(TRAIN)])
    leaks = sum(scene in training for scene in after.rgb.scene_ids[after.rgb.indices(TEST)])
    assert after.notes["twins"]["twin_leaks"] == leaks > 0


def test_paired_sides_share_the_split() -> None:
    before = benchmark(
        ms=unsplit("ms", "p"),
        rgb=unsplit("rgb", "p"),
        protocol="none",
        notes={"twins": {"mode": "paired"}},
    )
    after = assign_splits(before, "strict")
    np.testing.assert_array_equal(after.ms.split, after.rgb.split)
    assert after.notes["twins"] == {"mode": "paired", "twin_leaks": 0}


def test_protocol_paper_validates_on_the_test_images() -> None:
    before = benchmark(ms=unsplit("ms", "p"), rgb=unsplit("rgb", "q"), protocol="none")
    after = assign_splits(before, "paper")
    for side in (after.ms, after.rgb):
        assert side.indices(VAL).tolist() == side.indices(TEST).tolist()
        assert len(side.indices(TEST)) == 12
        assert not np.intersect1d(side.indices(TRAIN), side.indices(VAL)).size


def published(count: int = 60) -> NDArray[np.str_]:
    return np.resize(np.array(["train", "train", "val", "test"]), count).astype(np.str_)


def test_the_publishers_split_is_taken_and_the_other_side_is_strict() -> None:
    before = benchmark(ms=unsplit("ms", "p"), rgb=unsplit("rgb", "q"), protocol="none")
    none = np.full(60, "", dtype=np.str_)
    strict = assign_splits(before, "strict", 3, 1)
    for fold in (0, 1):
        after = assign_splits(before, "publisher", 3, fold, {"ms": published(), "rgb": none})
        names = np.array(["train", "val", "test"])
        assert names[after.ms.split].tolist() == published().tolist()
        assert (after.rgb.split == strict.rgb.split).all() == (fold == 1)
    assert after.notes["splits"] == {"ms": "publisher", "rgb": "strict"}


def test_paired_sides_share_the_publishers_split() -> None:
    before = benchmark(
        ms=unsplit("ms", "p"),
        rgb=unsplit("rgb", "p"),
        protocol="none",
        notes={"twins": {"mode": "paired"}},
    )
    after = assign_splits(before, "publisher", published={"ms": published()})
    np.testing.assert_array_equal(after.ms.split, after.rgb.split)


def test_a_publishers_split_that_is_not_there_or_not_whole() -> None:
    before = benchmark(ms=unsplit("ms", "p"), rgb=unsplit("rgb", "q"), protocol="none")
    half = np.where(np.arange(60) < 30, published(), "")
    for names in (None, {"ms": half}):
        with pytest.raises(ConfigError, match=r"data\.protocol=publisher needs a side"):
            assign_splits(before, "publisher", published=names)
    untested = np.where(published() == "val", "train", published())
    with pytest.raises(DataError, match="split of the MS side has no image for val"):
        assign_splits(before, "publisher", published={"ms": untested})
