"""S2S-CN and M2S-GL listed from files in their sources' layouts, both sides of every class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ackd.data.datasets.class_map import load_class_map
from ackd.data.datasets.listing import Listing, check_classes, list_side
from ackd.data.sources import SOURCES, ClassFolders
from ackd.errors import DataError
from tests.data.patch_layouts import write_nasc_tg2, write_patch, write_photographs, write_stacked


def write_rgb_side(root: Path, benchmark: str, per_class: int = 1) -> None:
    for name, mapping in load_class_map(benchmark).rgb.items():
        source = SOURCES[name]
        assert isinstance(source, ClassFolders)
        # RSI-CB128 has its classes in groups
        write_photographs(root, source, mapping, per_class, "a group" if source.grouped else "")


def sides(root: Path, benchmark: str) -> tuple[Listing, Listing]:
    class_map = load_class_map(benchmark)
    ms = list_side(root, "ms", list(class_map.ms), class_map)
    rgb = list_side(root, "rgb", list(class_map.rgb), class_map)
    check_classes(ms, rgb, class_map)
    assert len(rgb.records) == sum(map(len, class_map.rgb.values()))
    assert rgb.labels.ndim == 1
    assert not set(ms.scene_ids) & set(rgb.scene_ids)
    return ms, rgb


def test_s2s_cn(tmp_path: Path) -> None:
    write_nasc_tg2(tmp_path, 2)
    write_rgb_side(tmp_path, "s2s_cn")
    ms, rgb = sides(tmp_path, "s2s_cn")
    assert np.bincount(ms.labels).tolist() == [2] * 10
    classes = load_class_map("s2s_cn").classes
    counts = rgb.counts(classes)
    assert counts["residential"] == 6  # three kinds of NWPU-RESISC45, two of PatternNet, one
    assert counts["cloud"] == counts["circularfarmland"] == 1
    assert set(ms.splits) == {""}


def test_m2s_gl(tmp_path: Path) -> None:
    labels = list(load_class_map("m2s_gl").ms["bigearthnet_v1"])
    home = tmp_path / "BigEarthNet-v1.0"
    for number, pair in enumerate(zip(labels, [*labels[1:], "Dump sites"], strict=True)):
        write_patch(home / f"P_{number:02}", pair, bands=())
    # bears no class of the benchmark
    write_patch(home / "P_99", ["Dump sites", "Peatbogs"], bands=())
    write_rgb_side(tmp_path, "m2s_gl")
    ms, _ = sides(tmp_path, "m2s_gl")
    assert len(ms.records) == len(labels)
    assert ms.labels.dtype == np.bool_
    classes = load_class_map("m2s_gl").classes
    last = [classes[k] for k in np.flatnonzero(ms.labels[-1])]
    assert last == ["sport"]  # and a dump site, of which the benchmark knows nothing
    # broad-leaved and coniferous forest are one class: borne once
    assert ms.labels[0].sum() == 1


def test_m2s_gl_v2(tmp_path: Path) -> None:
    labels = list(load_class_map("m2s_gl_v2").ms["bigearthnet_v2"])
    write_stacked(
        tmp_path, [(f"P_{k:02}", f"{label}|Pastures", "test") for k, label in enumerate(labels)]
    )
    write_rgb_side(tmp_path, "m2s_gl_v2")
    ms, _ = sides(tmp_path, "m2s_gl_v2")
    assert ms.labels.sum(axis=1).tolist() == [1 if label == "Pastures" else 2 for label in labels]
    assert set(ms.splits) == {"test"}


def test_a_class_that_no_patch_bears_is_told(tmp_path: Path) -> None:
    write_stacked(tmp_path, [("P_1", "Pastures", "train")])
    write_rgb_side(tmp_path, "m2s_gl_v2")
    with pytest.raises(DataError, match=r"Class 'forest' is empty on the MS side \(\d+ images on"):
        sides(tmp_path, "m2s_gl_v2")
