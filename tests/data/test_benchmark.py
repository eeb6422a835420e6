"""The dataclasses: what they refuse, what they count, what their fingerprint sees."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ackd.data.benchmark import TEST, TRAIN, VAL, Benchmark, SceneSet


def scenes(count: int = 6, modality: str = "ms", **changes: Any) -> SceneSet:
    rng = np.random.default_rng(3)
    bands = ("R", "G", "B") if modality == "rgb" else ("B02", "B08")
    fields: dict[str, Any] = {
        "modality": modality,
        "images": rng.integers(0, 5000, (count, len(bands), 4, 4)).astype(np.uint16),
        "labels": np.arange(count, dtype=np.int64) % 3,
        "files": np.array([f"a/{i}.tif" for i in range(count)], dtype=np.str_),
        "scene_ids": np.array([f"{modality}/{i}" for i in range(count)], dtype=np.str_),
        "split": np.array([TRAIN, TRAIN, VAL, TEST, TRAIN, TEST][:count], dtype=np.int8),
        "bands": bands,
        "sensor": "sentinel2" if modality == "ms" else "rgb",
    }
    return SceneSet(**{**fields, **changes})


def benchmark(**changes: Any) -> Benchmark:
    fields: dict[str, Any] = {
        "name": "tiny",
        "classes": ("a", "b", "c"),
        "ms": scenes(),
        "rgb": scenes(modality="rgb"),
        "protocol": "strict",
        "notes": {},
    }
    return Benchmark(**{**fields, **changes})


def test_indices_partition_the_images() -> None:
    side = scenes()
    assert side.indices(TRAIN).tolist() == [0, 1, 4]
    assert side.indices(VAL).tolist() == [2]
    assert side.indices(TEST).tolist() == [3, 5]
    assert side.indices(TRAIN).dtype == np.int64


def test_without_validation_images_the_test_images_validate() -> None:
    side = scenes(split=np.array([0, 0, 2, 2, 0, 2], dtype=np.int8))
    assert side.indices(VAL).tolist() == side.indices(TEST).tolist() == [2, 3, 5]


def test_indices_refuse_an_unknown_split() -> None:
    with pytest.raises(ValueError, match="split is 3; expected TRAIN=0, VAL=1 or TEST=2"):
        scenes().indices(3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"modality": "sar"}, "modality is 'sar'; expected 'ms' or 'rgb'"),
        ({"images": np.zeros((6, 2, 4), np.uint16)}, r"expected \(N, C, H, W\)"),
        ({"images": np.zeros((6, 2, 4, 4))}, "float64; expected the integers"),
        ({"images": np.zeros((6, 2, 4, 8), np.uint16)[..., ::2]}, "ascontiguousarray"),
        ({"bands": ("B02",)}, "one name a channel"),
        ({"bands": ("B02", "B02")}, "each once"),
        ({"labels": np.zeros(5, np.int64)}, "labels has 5 entries; expected 6"),
        ({"labels": np.zeros(6, np.int32)}, "int64 class indices"),
        ({"labels": np.full(6, -1, np.int64)}, "expected class indices >= 0"),
        ({"files": np.arange(6)}, "files is int64; expected"),
        ({"split": np.zeros(6, np.int64)}, "split is int64"),
        ({"split": np.full(6, 4, np.int8)}, r"split holds \[4\]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        scenes(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ("a", "b", "b")}, "stands twice"),
        ({"classes": ("a", "b")}, "need 3 classes, but the class list has 2"),
        ({"ms": scenes(modality="rgb")}, "the ms side holds rgb images"),
        (
            {"rgb": scenes(modality="rgb", split=np.array([0, 0, 0, 0, 0, 2], np.int8))},
            "none for validation under protocol 'strict'",
        ),
        ({"rgb": scenes(modality="rgb", labels=np.ones((6, 2), bool))}, "need 2 classes"),
    ],
)
def test_sides_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        benchmark(**change)


def test_protocol_paper_says_that_it_validates_on_test() -> None:
    split = np.array([0, 0, 0, 0, 0, 2], np.int8)
    sides = {"ms": scenes(split=split), "rgb": scenes(modality="rgb", split=split)}
    assert benchmark(protocol="paper", **sides).validates_on_test
    assert not benchmark().validates_on_test


def test_band_statistics_are_those_of_the_training_images_alone() -> None:
    side = scenes()
    mean, std = side.band_statistics()
    training = side.images[[0, 1, 4]].astype(np.float64)
    np.testing.assert_allclose(mean, training.mean(axis=(0, 2, 3)), rtol=1e-14)
    np.testing.assert_allclose(std, training.std(axis=(0, 2, 3)), rtol=1e-12)
    assert mean.dtype == std.dtype == np.float64


def test_band_statistics_keep_their_precision_far_from_zero() -> None:
    images = np.full((6, 2, 4, 4), 65_000, np.uint16)
    images[:, :, 0, 0] += 1
    _, std = scenes(images=images).band_statistics()
    np.testing.assert_allclose(std, np.sqrt(15 / 256), rtol=1e-12)


def test_a_constant_band_is_named_and_gets_a_usable_deviation() -> None:
    images = scenes().images.copy()
    images[:, 1] = 7
    with pytest.warns(UserWarning, match="Constant over all ms training images: B08"):
        mean, std = scenes(images=images).band_statistics()
    assert mean[1] == 7
    assert std[1] == 1
    assert std[0] > 1


def test_band_statistics_need_training_images() -> None:
    with pytest.raises(ValueError, match="no image is in the training split"):
        scenes(split=np.full(6, TEST, np.int8)).band_statistics()


def test_class_counts() -> None:
    side = scenes()
    assert side.class_counts().tolist() == [2, 2, 2]
    assert side.class_counts(TRAIN).tolist() == [1, 2]
    assert side.class_counts(TEST, classes=4).tolist() == [1, 0, 1, 0]
    several = scenes(labels=np.array([[1, 1, 0]] * 5 + [[0, 0, 1]], dtype=bool))
    assert several.multilabel
    assert several.class_counts().tolist() == [5, 5, 1]
    assert several.class_counts(TEST).tolist() == [1, 1, 1]


def test_the_fingerprint_is_of_the_content() -> None:
    one, other = scenes(), scenes()
    assert one.fingerprint == other.fingerprint == pickle.loads(pickle.dumps(one)).fingerprint
    assert len(one.fingerprint) == 32
    assert one.fingerprint is one.fingerprint  # computed once


@pytest.mark.parametrize(
    "change",
    [
        {"images": scenes().images + np.uint16(1)},
        {"images": scenes().images.astype(np.uint32)},
        {"images": scenes().images.reshape(6, 2, 2, 8)},
        {"labels": (np.arange(6) + 1) % 3},
        {"files": np.array([f"b/{i}.tif" for i in range(6)])},
        {"scene_ids": np.array([f"other/{i}" for i in range(6)])},
        {"split": np.array([0, 0, 1, 2, 0, 0], np.int8)},
        {"bands": ("B08", "B02")},
        {"sensor": "other"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_fingerprint_sees_every_change(change: dict[str, Any]) -> None:
    changed = replace(scenes(), **change)
    assert changed.fingerprint != scenes().fingerprint


def test_the_fingerprint_does_not_see_the_padding_of_numpy_strings() -> None:
    wide = scenes().files.astype("<U500")
    assert scenes(files=wide).fingerprint == scenes().fingerprint
    assert scenes(files=np.array(["a/0.tif", *["a"] * 5])).fingerprint != scenes().fingerprint
