"""Drawing the paper's counts, and cutting a benchmark to the classes that both sides have."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ackd.data.datasets.class_map import ClassMap
from ackd.data.splits.selection import draw_images, select
from ackd.data.splits.twins import shared_scenes
from ackd.errors import ConfigError, DataError
from tests.data.layouts import write_eurosat_ms, write_eurosat_rgb, write_nwpu
from tests.data.small_archives import asked, selected, write_archives


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archives(tmp_path_factory.mktemp("archives"), ms=9, rgb=20)


@settings(deadline=None, max_examples=60)
@given(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=4),
    limits=st.dictionaries(st.integers(0, 3), st.integers(0, 30), max_size=4),
    seed=st.integers(0, 9),
)
def test_a_draw_keeps_the_limit_and_no_order(
    counts: list[int], limits: dict[int, int], seed: int
) -> None:
    ids = np.array([f"p/{c}/{i}" for c, n in enumerate(counts) for i in range(n)], dtype=np.str_)
    filed = np.repeat(np.arange(len(counts)), counts)
    kept = draw_images(ids, filed, limits, seed)
    assert (np.diff(kept) > 0).all()
    for label, count in enumerate(counts):
        assert (filed[kept] == label).sum() == min(count, limits.get(label, count))
    order = np.random.default_rng(seed).permutation(len(ids))
    again = draw_images(ids[order], filed[order], limits, seed)
    assert set(ids[order][again].tolist()) == set(ids[kept].tolist())
    # the draw of one class does not depend on another one
    alone = draw_images(ids, filed, {k: v for k, v in limits.items() if k == 0}, seed)
    assert set(alone[filed[alone] == 0].tolist()) == set(kept[filed[kept] == 0].tolist())


def test_seeds_and_sides_draw_differently() -> None:
    ids = np.array([f"p/{i}" for i in range(100)], dtype=np.str_)
    filed = np.zeros(100, np.int64)
    draws = [draw_images(ids, filed, {0: 50}, *which) for which in ((0, 0), (0, 1), (1, 0))]
    assert len({tuple(draw.tolist()) for draw in draws}) == 3


def test_a_selection_has_the_counts_of_its_class_map(archives: Path) -> None:
    counts = {"Forest": (4, 7), "River": (100, 5)}
    found = selected(archives, counts)
    assert found.ms.counts(found.class_map.classes) == {"Forest": 4, "River": 9}
    assert found.rgb.counts(found.class_map.classes) == {"Forest": 7, "River": 5}
    assert found.notes["draw"] == {"mode": "paper", "seed": 0, "left_out": {"ms": 5, "rgb": 10}}
    assert found.notes["counts"]["found"]["ms"] == {"Forest": 9, "River": 9}
    assert found.notes["partial_reasons"] == [
        "fewer MS images than in the paper's Table 10: River 9 of 100"
    ]
    everything = selected(archives, counts, draw="all")
    assert len(everything.ms.records) == 18
    assert len(everything.rgb.records) == 22
    other = selected(archives, counts, split_seed=1)
    assert set(other.rgb.scene_ids) != set(found.rgb.scene_ids)


@pytest.mark.parametrize("twins", ["split", "all", "paired"])
def test_where_nothing_is_to_cut_the_draw_changes_nothing(archives: Path, twins: str) -> None:
    plenty = {"Forest": (100, 100), "River": (100, 100)}
    drawn, whole = (selected(archives, plenty, twins=twins, draw=how) for how in ("paper", "all"))
    assert drawn.ms.records == whole.ms.records
    assert drawn.rgb.records == whole.rgb.records


@settings(deadline=None, max_examples=15)
@given(ms=st.integers(1, 9), rgb=st.integers(1, 9), seed=st.integers(0, 5))
def test_paired_sides_are_drawn_alike(archives: Path, ms: int, rgb: int, seed: int) -> None:
    counts = {"Forest": (ms, rgb), "River": (9, 9)}
    found = selected(archives, counts, twins="paired", split_seed=seed)
    assert found.ms.scene_ids.tolist() == found.rgb.scene_ids.tolist()
    assert found.ms.counts(found.class_map.classes)["Forest"] == min(ms, rgb)


def test_a_split_of_twins_survives_the_draw(archives: Path) -> None:
    found = selected(archives, {"Forest": (3, 3), "River": (3, 3)})
    assert not shared_scenes(found.ms.scene_ids, found.rgb.scene_ids).size


THREE = ClassMap(
    "three",
    ("Forest", "Highway", "River"),
    {"eurosat_ms": {name: name for name in ("Forest", "Highway", "River")}},
    {
        "eurosat": {name: name for name in ("Forest", "Highway", "River")},
        "nwpu_resisc45": {"forest": "Forest", "freeway": "Highway", "river": "River"},
    },
    {"Forest": (6, 6), "Highway": (6, 6), "River": (6, 6)},
)


def test_a_class_that_one_side_lacks_is_an_error_or_dropped(tmp_path: Path) -> None:
    write_eurosat_ms(tmp_path, {"Forest": 6, "Highway": 6, "River": 6})
    write_eurosat_rgb(tmp_path, {"Forest": 6, "River": 6})
    roots = {"ms": tmp_path, "rgb": tmp_path}
    with pytest.raises(DataError, match="no folder 'Highway'"):
        select(roots, THREE, asked(sources=["eurosat"]))
    found = select(roots, THREE, asked(sources=["eurosat"], missing_classes="drop"))
    assert found.class_map.classes == ("Forest", "River")
    assert found.ms.counts(("Forest", "River")) == {"Forest": 3, "River": 3}
    assert set(found.ms.labels.tolist()) == {0, 1}
    assert found.notes["partial"]
    assert found.notes["dropped_classes"] == {"Highway": "RGB"}
    assert "without the classes Highway (no RGB image)" in found.notes["partial_reasons"]
    assert "without eurosat's Highway" in found.notes["partial_reasons"]
    assert "Highway" not in found.notes["counts"]["paper"]["ms"]


def test_a_class_that_another_source_has_is_not_dropped(tmp_path: Path) -> None:
    write_eurosat_ms(tmp_path, {"Forest": 6, "Highway": 6, "River": 6})
    write_eurosat_rgb(tmp_path, {"Forest": 6, "River": 6})
    write_nwpu(tmp_path)
    found = select({"ms": tmp_path, "rgb": tmp_path}, THREE, asked(missing_classes="drop"))
    assert found.class_map.classes == THREE.classes
    assert found.notes["dropped_classes"] == {}
    assert "without eurosat's Highway" in found.notes["partial_reasons"]


def test_dropping_hides_no_other_fault(tmp_path: Path) -> None:
    write_archives(tmp_path)
    roots = {"ms": tmp_path, "rgb": tmp_path}
    shutil.rmtree(tmp_path / "EuroSAT_RGB" / "River")
    with pytest.raises(DataError, match="both sides have 1"):
        select(roots, THREE, asked(sources=["eurosat"], missing_classes="drop"))
    (tmp_path / "EuroSAT_RGB" / "Forest" / "x.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"x\.png"):
        select(roots, THREE, asked(sources=["eurosat"], missing_classes="drop"))
    shutil.rmtree(tmp_path / "EuroSAT_RGB")
    with pytest.raises(DataError, match="No folder EuroSAT_RGB"):
        select(roots, THREE, asked(sources=["eurosat"], missing_classes="drop"))


def test_wrong_options(archives: Path) -> None:
    with pytest.raises(ConfigError, match=r"\(data.draw=papr\). Did you mean 'paper'"):
        selected(archives, draw="papr")
    with pytest.raises(ConfigError, match=r"\(data.missing_classes=dorp\). Did you mean 'drop'"):
        selected(archives, missing_classes="dorp")
